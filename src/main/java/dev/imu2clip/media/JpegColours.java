package dev.imu2clip.media;

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
        return switch (header.components()) {
            case 1 -> grey(samples);
            case 3 -> header.transformed() ? ycc(samples, 3) : samples;
            default -> cmyk(header.transformed() ? invert(ycc(samples, 4)) : samples, header.adobe());
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

    private static byte[] cmyk(byte[] s, boolean inverted) {
        byte[] rgb = new byte[s.length / 4 * 3];
        int flip = inverted ? 0xff : 0;
        for (int i = 0, at = 0; i < s.length; i += 4) {
            int light = 255 - (s[i + 3] & 0xff ^ flip);
            for (int c = 0; c < 3; c++) {
                int product = (s[i + c] & 0xff ^ flip) * light + 128;
                rgb[at++] = clip(light - ((product >> 8) + product >> 8));
            }
        }
        return rgb;
    }

    private static byte clip(int value) {
        return (byte) Math.clamp(value, 0, 255);
    }
}
