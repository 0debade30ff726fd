package dev.imu2clip.media;

import java.util.Arrays;

/** libjpeg's YCbCr to RGB (ITU-R BT.601 in 16-bit fixed point), and Pillow's way from CMYK to RGB. */
final class JpegColours {
    private static final int HALF = 1 << 15;
    private static final int RED_CR = 91881;
    private static final int GREEN_CB = 22554;
    private static final int GREEN_CR = 46802;
    private static final int BLUE_CB = 116130;

    private JpegColours() {}

    /** Three components are converted in place. */
    static byte[] toRgb(byte[] samples, JpegHeader header) {
        if (header.tall()) smoothRows(samples, header.width());
        return switch (header.components()) {
            case 1 -> grey(samples);
            case 3 -> header.transformed() ? ycc(samples, 3) : samples;
            default -> cmyk(header.transformed() ? invert(ycc(samples, 4)) : samples);
        };
    }

    private static byte[] grey(byte[] samples) {
        byte[] rgb = new byte[samples.length * 3];
        for (int i = 0, at = 0; i < samples.length; i++, at += 3) rgb[at] = rgb[at + 1] = rgb[at + 2] = samples[i];
        return rgb;
    }

    private static byte[] ycc(byte[] s, int step) {
        for (int i = 0; i < s.length; i += step) {
            int y = s[i] & 0xff;
            int cb = (s[i + 1] & 0xff) - 128;
            int cr = (s[i + 2] & 0xff) - 128;
            s[i] = clip(y + (RED_CR * cr + HALF >> 16));
            s[i + 1] = clip(y + (HALF - GREEN_CB * cb - GREEN_CR * cr >> 16));
            s[i + 2] = clip(y + (BLUE_CB * cb + HALF >> 16));
        }
        return s;
    }

    /** YCCK holds the complement of CMY as YCbCr, and K as it is. */
    private static byte[] invert(byte[] s) {
        for (int i = 0; i < s.length; i += 4) {
            for (int c = 0; c < 3; c++) s[i + c] = (byte) ~s[i + c];
        }
        return s;
    }

    /** Four components are stored inverted: Adobe's convention, which Pillow takes for granted. */
    private static byte[] cmyk(byte[] s) {
        byte[] rgb = new byte[s.length / 4 * 3];
        for (int i = 0, at = 0; i < s.length; i += 4) {
            int light = s[i + 3] & 0xff;
            for (int c = 0; c < 3; c++) {
                int product = (~s[i + c] & 0xff) * light + 128;
                rgb[at++] = clip(light - ((product >> 8) + product >> 8));
            }
        }
        return rgb;
    }

    /**
     * Where colours have half the rows, the JDK's library repeats each, and libjpeg-turbo weighs it 3 to 1 with the nearer neighbour, as
     * both do for half the columns. The repeated rows hold all that is needed to do the same here.
     */
    private static void smoothRows(byte[] s, int width) {
        int stride = width * 3;
        byte[] above = Arrays.copyOf(s, stride);
        for (int y = 0; y < s.length; y += 2 * stride) {
            int next = y + 2 * stride < s.length ? y + 2 * stride : y;
            for (int x = 1; x < stride; x += x % 3 == 1 ? 1 : 2) {
                int here = s[y + x] & 0xff;
                int below = s[next + x] & 0xff;
                s[y + x] = (byte) (3 * here + (above[x] & 0xff) + 1 >> 2);
                if (y + stride < s.length) s[y + stride + x] = (byte) (3 * here + below + 2 >> 2);
                above[x] = (byte) here;
            }
        }
    }

    private static byte clip(int value) {
        return (byte) Math.clamp(value, 0, 255);
    }
}
