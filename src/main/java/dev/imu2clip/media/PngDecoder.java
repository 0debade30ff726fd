package dev.imu2clip.media;

import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32;

/** PNG of every colour type, depth and interlacing. The samples are the file's: gAMA, iCCP and tRNS change nothing. */
final class PngDecoder {
    private static final int[] X0 = {0, 4, 0, 2, 0, 1, 0};
    private static final int[] Y0 = {0, 0, 4, 0, 2, 0, 1};
    private static final int[] DX = {8, 8, 4, 4, 2, 2, 1};
    private static final int[] DY = {8, 8, 8, 4, 4, 2, 2};

    private final Cursor in;
    private final List<long[]> data = new ArrayList<>();
    private final int[] palette = new int[256];
    private int orientation;
    private boolean coloured;
    private int depth;
    private int type;
    private boolean interlaced;
    private Canvas canvas;

    private PngDecoder(Cursor in) {
        this.in = in;
    }

    static Image decode(Cursor in, long maxPixels) {
        PngDecoder png = new PngDecoder(in);
        png.readChunks(maxPixels);
        try (PngRows rows = new PngRows(in, png.data)) {
            png.readPixels(rows);
        }
        return Orientation.apply(png.canvas.image(), png.orientation);
    }

    private void readChunks(long maxPixels) {
        String xmp = null;
        for (long at = 8; at < in.size();) {
            if (!data.isEmpty() && at + 8 > in.size()) break;
            long length = in.u32be(at);
            String name = in.latin1(at + 4, 4);
            // What follows the pixels may be missing, and pixel data cut short are found out by the rows they lack.
            if (at + 12 + length > in.size() && !(name.equals("IDAT") || !data.isEmpty())) throw ImageFault.truncated("chunk " + name);
            long end = Math.min(at + 8 + length, in.size());
            if (at == 8 && !name.equals("IHDR")) throw new ImageFault("the first chunk is '" + name + "' and not IHDR");
            switch (name) {
                case "IHDR" -> readHeader(at, length, maxPixels);
                case "PLTE" -> readPalette(at, length);
                case "IDAT" -> data.add(new long[] {at + 8, end});
                case "eXIf" -> orientation = Orientation.ofExif(in.bytes(at + 8, end - at - 8));
                case "iTXt" -> xmp = in.latin1(at + 8, end - at - 8);
                case "IEND" -> at = in.size();
                default -> { }
            }
            if (xmp != null && xmp.startsWith("XML:com.adobe.xmp") && orientation == 0) orientation = Orientation.ofXmp(xmp);
            at += 12 + length;
        }
        if (data.isEmpty()) throw new ImageFault("no pixels (IDAT)");
        if (type == 3 && !coloured) throw new ImageFault("a palette image without a palette (PLTE)");
    }

    private void readHeader(long at, long length, long maxPixels) {
        checkSum(at, length);
        if (canvas != null || length < 13) throw new ImageFault("more than one IHDR, or a short one");
        depth = in.u8(at + 16);
        type = in.u8(at + 17);
        boolean known = switch (type) {
            case 0 -> depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
            case 3 -> depth == 1 || depth == 2 || depth == 4 || depth == 8;
            case 2, 4, 6 -> depth == 8 || depth == 16;
            default -> false;
        };
        if (!known || in.u16be(at + 18) != 0 || in.u8(at + 20) > 1) {
            throw new ImageFault("unknown colour type " + type + ", depth " + depth + ", compression, filter or interlacing");
        }
        interlaced = in.u8(at + 20) == 1;
        canvas = Canvas.of(in.u32be(at + 8), in.u32be(at + 12), maxPixels);
    }

    private void readPalette(long at, long length) {
        checkSum(at, length);
        coloured = true;
        for (int i = 0; i < Math.min(256, length / 3); i++) palette[i] = in.u16be(at + 8 + i * 3L) << 8 | in.u8(at + 10 + i * 3L);
    }

    private void checkSum(long at, long length) {
        CRC32 crc = new CRC32();
        crc.update(in.bytes(at + 4, length + 4));
        if (crc.getValue() != in.u32be(at + 8 + length)) throw new ImageFault("chunk " + in.latin1(at + 4, 4) + " has a wrong checksum");
    }

    private void readPixels(PngRows rows) {
        int bits = depth * switch (type) {
            case 2 -> 3;
            case 4 -> 2;
            case 6 -> 4;
            default -> 1;
        };
        int w = canvas.width();
        int h = canvas.height();
        for (int pass = interlaced ? 0 : 7; pass < (interlaced ? 7 : 8); pass++) {
            int x0 = interlaced ? X0[pass] : 0;
            int y0 = interlaced ? Y0[pass] : 0;
            int dx = interlaced ? DX[pass] : 1;
            int dy = interlaced ? DY[pass] : 1;
            int columns = Math.ceilDiv(w - x0, dx);
            if (columns <= 0) continue;
            rows.begin(columns, bits);
            for (int y = y0; y < h; y += dy) paint(rows.next(), columns, (y * w + x0) * 3, dx * 3);
        }
    }

    /** Widens a row's samples to RGB; a pixel begins at row byte 1, after the filter's number. */
    private void paint(byte[] row, int columns, int at, int step) {
        byte[] rgb = canvas.rgb();
        if (type == 2 && depth == 8 && step == 3) {
            System.arraycopy(row, 1, rgb, at, columns * 3);
            return;
        }
        int wide = depth == 16 ? 2 : 1;
        int scale = type == 0 && depth < 8 ? 255 / ((1 << depth) - 1) : 1;
        for (int x = 0; x < columns; x++, at += step) {
            int colour = switch (type) {
                case 2, 6 -> {
                    int p = 1 + x * wide * (type == 2 ? 3 : 4);
                    yield (row[p] & 0xff) << 16 | (row[p + wide] & 0xff) << 8 | row[p + 2 * wide] & 0xff;
                }
                case 4 -> (row[1 + x * 2 * wide] & 0xff) * 0x010101;
                case 3 -> palette[sample(row, x)];
                // Pillow limits 16-bit grey, where it cuts 16-bit colours to their high byte.
                default -> (depth == 16 ? row[1 + 2 * x] == 0 ? row[2 + 2 * x] & 0xff : 255 : sample(row, x) * scale) * 0x010101;
            };
            rgb[at] = (byte) (colour >> 16);
            rgb[at + 1] = (byte) (colour >> 8);
            rgb[at + 2] = (byte) colour;
        }
    }

    private int sample(byte[] row, int x) {
        int bit = x * depth;
        return row[1 + (bit >> 3)] >> 8 - depth - (bit & 7) & (1 << depth) - 1;
    }
}
