package dev.imu2clip.media;

import java.util.Arrays;

/**
 * BMP of OS/2 and Windows: 1, 4 and 8 bits with a palette, 16, 24 and 32 bits with or without masks, run lengths of 4 and 8 bits.
 * The JDK's reader is no substitute: it refuses OS/2's 64-byte header, 24-bit masks and files whose header tells no file size,
 * and does not see that run lengths are cut short.
 */
final class BmpDecoder {
    private static final int RAW = 0;
    private static final int RLE8 = 1;
    private static final int RLE4 = 2;
    private static final int MASKS = 3;

    private final Cursor in;
    private final int header;
    private final int bits;
    private final int compression;
    private final boolean topDown;
    private final Canvas canvas;

    private BmpDecoder(Cursor in, long maxPixels) {
        this.in = in;
        long size = in.u32le(14);
        boolean old = size == 12;
        if (!old && (size < 40 || size > 124)) throw new ImageFault("unknown header of " + size + " bytes");
        header = (int) size;
        long width = old ? in.u16le(18) : in.i32le(18);
        long height = old ? in.u16le(20) : in.i32le(22);
        bits = in.u16le(old ? 24 : 28);
        compression = old ? RAW : in.i32le(30);
        topDown = height < 0;
        boolean known = switch (compression) {
            case RAW -> bits == 1 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32;
            case RLE8 -> bits == 8;
            case RLE4 -> bits == 4;
            case MASKS -> bits == 16 || bits == 24 || bits == 32;
            default -> false;
        };
        if (!known) throw new ImageFault("unknown compression " + compression + " of " + bits + " bits a pixel");
        canvas = Canvas.of(width, Math.abs(height), maxPixels);
    }

    static Image decode(Cursor in, long maxPixels) {
        BmpDecoder bmp = new BmpDecoder(in, maxPixels);
        long pixels = in.u32le(10);
        if (bmp.bits > 8) bmp.colours(pixels);
        else if (bmp.compression == RAW) bmp.indices(pixels);
        else bmp.runs(pixels);
        return bmp.canvas.image();
    }

    private int row(int stored) {
        return topDown ? stored : canvas.height() - 1 - stored;
    }

    private long stride() {
        return ((long) canvas.width() * bits + 31) / 32 * 4;
    }

    private int[] palette() {
        int entry = header == 12 ? 3 : 4;
        long used = header == 12 ? 0 : in.u32le(46);
        int[] palette = new int[256];
        for (int i = 0; i < (used == 0 ? 1 << bits : Math.min(used, 256)); i++) palette[i] = in.u24le(14L + header + (long) i * entry);
        return palette;
    }

    private void indices(long at) {
        int[] palette = palette();
        byte[] line = new byte[canvas.width()];
        in.need(at, stride() * (canvas.height() - 1) + Math.ceilDiv((long) canvas.width() * bits, 8L));
        for (int y = 0; y < canvas.height(); y++, at += stride()) {
            for (int x = 0; x < line.length; x++) {
                int bit = x * bits;
                line[x] = (byte) (in.data()[(int) at + (bit >> 3)] >> 8 - bits - (bit & 7) & (1 << bits) - 1);
            }
            canvas.indexed(line, 0, row(y), palette);
        }
    }

    private void colours(long at) {
        int[] mask = masks();
        int[] shift = new int[3];
        int[] max = new int[3];
        for (int c = 0; c < 3; c++) {
            shift[c] = Integer.numberOfTrailingZeros(mask[c]) & 31;
            max[c] = mask[c] >>> shift[c];
            if (max[c] == 0 || (max[c] & max[c] + 1) != 0 || max[c] > 255) throw new ImageFault("unknown colour mask " + mask[c]);
        }
        int bytes = bits / 8;
        in.need(at, stride() * (canvas.height() - 1) + (long) canvas.width() * bytes);
        for (int y = 0; y < canvas.height(); y++, at += stride()) {
            int to = row(y) * canvas.width() * 3;
            for (int x = 0, from = (int) at; x < canvas.width(); x++, from += bytes) {
                int pixel = 0;
                for (int b = bytes - 1; b >= 0; b--) pixel = pixel << 8 | in.data()[from + b] & 0xff;
                for (int c = 0; c < 3; c++, to++) canvas.rgb()[to] = (byte) ((pixel >>> shift[c] & max[c]) * 255 / max[c]);
            }
        }
    }

    private int[] masks() {
        if (compression == MASKS) return new int[] {in.i32le(54), in.i32le(58), in.i32le(62)};
        return bits == 16 ? new int[] {0x7c00, 0x3e0, 0x1f} : new int[] {0xff0000, 0xff00, 0xff};
    }

    /** Run lengths. Pixels that are jumped over, and rows after an early end, have index 0. */
    private void runs(long at) {
        int[] palette = palette();
        byte[] line = new byte[canvas.width()];
        int x = 0;
        int y = 0;
        while (y < canvas.height()) {
            int count = in.u8(at);
            int value = in.u8(at + 1);
            at += 2;
            if (count > 0) {
                for (int i = 0; i < count && x < line.length; i++) {
                    line[x++] = (byte) (bits == 8 ? value : i % 2 == 0 ? value >> 4 : value & 15);
                }
                continue;
            }
            int rows = switch (value) {
                case 0 -> 1;
                case 1 -> canvas.height() - y;
                case 2 -> in.u8(at + 1);
                default -> 0;
            };
            if (value == 2) {
                x += in.u8(at);
                at += 2;
            } else if (value > 2) {
                for (int i = 0; i < value; i++) {
                    int index = bits == 8 ? in.u8(at + i) : in.u8(at + i / 2) >> (i % 2 == 0 ? 4 : 0) & 15;
                    if (x < line.length) line[x++] = (byte) index;
                }
                int bytes = bits == 8 ? value : (value + 1) / 2;
                at += bytes + (bytes & 1);
            }
            for (; rows > 0 && y < canvas.height(); rows--) {
                canvas.indexed(line, 0, row(y++), palette);
                Arrays.fill(line, (byte) 0);
                if (value < 2) x = 0;
            }
        }
    }
}
