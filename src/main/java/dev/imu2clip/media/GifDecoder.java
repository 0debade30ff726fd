package dev.imu2clip.media;

import java.util.Arrays;

/**
 * The first picture of a GIF on the logical screen, which shows the transparent colour, else colour 0, where the picture does not reach.
 * A file without a palette is grey; in a short palette the missing colours are black.
 *
 * <p>The JDK's reader is no substitute: where the first block has under 4 bytes, or the code table is cleared twice in a row, its pixels
 * are wrong without an error, and it takes a file that ends early for complete.
 */
final class GifDecoder {
    private static final int[] START = {0, 4, 2, 1};
    private static final int[] STEP = {8, 8, 4, 2};

    private final Cursor in;
    private int[] palette = greys();
    private int transparent;

    private GifDecoder(Cursor in) {
        this.in = in;
    }

    static Image decode(Cursor in, long maxPixels) {
        return new GifDecoder(in).decode(maxPixels);
    }

    private Image decode(long maxPixels) {
        int flags = in.u8(10);
        long at = 13;
        if ((flags & 0x80) != 0) {
            palette = palette(at, 2 << (flags & 7));
            at += 3L * (2 << (flags & 7));
        }
        for (;;) {
            int kind = in.u8(at++);
            if (kind == 0x2c) return picture(at, maxPixels);
            if (kind == 0x3b) throw new ImageFault("no picture in it");
            if (kind != 0x21) continue;
            if (in.u8(at) == 0xf9 && in.u8(at + 1) >= 4 && (in.u8(at + 2) & 1) != 0) transparent = in.u8(at + 5);
            at++;
            while (in.u8(at) != 0) at += 1 + in.u8(at);
            at++;
        }
    }

    private Image picture(long at, long maxPixels) {
        int x0 = in.u16le(at);
        int y0 = in.u16le(at + 2);
        int w = in.u16le(at + 4);
        int h = in.u16le(at + 6);
        int flags = in.u8(at + 8);
        at += 9;
        if ((flags & 0x80) != 0) {
            palette = palette(at, 2 << (flags & 7));
            at += 3L * (2 << (flags & 7));
        }
        Canvas canvas = Canvas.of(Math.max(in.u16le(6), x0 + w), Math.max(in.u16le(8), y0 + h), maxPixels);
        if (w == 0 || h == 0) throw new ImageFault("a picture of " + w + " x " + h + " pixels");
        byte[] pixels = new GifLzw(in, at).decode(w * h);
        byte[] line = new byte[canvas.width()];
        int[] sourceRow = rows(h, (flags & 0x40) != 0);
        for (int y = 0; y < canvas.height(); y++) {
            Arrays.fill(line, (byte) transparent);
            if (y >= y0 && y < y0 + h) System.arraycopy(pixels, sourceRow[y - y0] * w, line, x0, w);
            canvas.indexed(line, 0, y, palette);
        }
        return canvas.image();
    }

    /** Which stored row each shown row is. */
    private static int[] rows(int height, boolean interlaced) {
        int[] rows = new int[height];
        for (int pass = 0, stored = 0; pass < (interlaced ? 4 : 1); pass++) {
            for (int y = interlaced ? START[pass] : 0; y < height; y += interlaced ? STEP[pass] : 1) rows[y] = stored++;
        }
        return rows;
    }

    private static int[] greys() {
        int[] palette = new int[256];
        for (int i = 0; i < 256; i++) palette[i] = i * 0x010101;
        return palette;
    }

    private int[] palette(long at, int colours) {
        int[] read = new int[256];
        for (int i = 0; i < colours; i++, at += 3) read[i] = in.u16be(at) << 8 | in.u8(at + 2);
        return read;
    }
}
