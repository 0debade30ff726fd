package dev.imu2clip.media;

import java.util.List;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/** The rows of a PNG, inflated and with their filters undone, one at a time: two rows are all it holds. */
final class PngRows implements AutoCloseable {
    private final Cursor in;
    private final List<long[]> parts;
    private final Inflater inflater = new Inflater();
    private int part;
    private byte[] row = new byte[0];
    private byte[] above = new byte[0];
    private int pixelBytes;

    /** {@code parts} are [from, to) of the IDAT chunks' data, which make up one zlib stream. */
    PngRows(Cursor in, List<long[]> parts) {
        this.in = in;
        this.parts = parts;
    }

    void begin(int columns, int bitsPerPixel) {
        int length = Math.toIntExact(1 + Math.ceilDiv((long) columns * bitsPerPixel, 8L));
        row = new byte[length];
        above = new byte[length];
        pixelBytes = Math.max(1, bitsPerPixel / 8);
    }

    /** The next row, valid until the next call; byte 0 is the filter's number. */
    byte[] next() {
        byte[] old = above;
        above = row;
        row = old;
        fill();
        unfilter();
        return row;
    }

    private void fill() {
        try {
            for (int done = 0; done < row.length;) {
                int n = inflater.inflate(row, done, row.length - done);
                done += n;
                if (n > 0) continue;
                if (inflater.finished() || inflater.needsDictionary() || part == parts.size()) throw ImageFault.truncated("its pixels");
                long[] span = parts.get(part++);
                inflater.setInput(in.data(), (int) span[0], (int) (span[1] - span[0]));
            }
        } catch (DataFormatException e) {
            throw new ImageFault("the compressed pixels are broken (" + e.getMessage() + ")");
        }
    }

    private void unfilter() {
        int n = row.length;
        int b = pixelBytes;
        switch (row[0]) {
            case 0 -> { }
            case 1 -> {
                for (int i = 1 + b; i < n; i++) row[i] += row[i - b];
            }
            case 2 -> {
                for (int i = 1; i < n; i++) row[i] += above[i];
            }
            case 3 -> {
                for (int i = 1; i < n; i++) row[i] += (byte) ((i > b ? row[i - b] & 0xff : 0) + (above[i] & 0xff) >> 1);
            }
            case 4 -> {
                for (int i = 1; i < n; i++) row[i] += i > b ? paeth(row[i - b] & 0xff, above[i] & 0xff, above[i - b] & 0xff) : above[i];
            }
            default -> throw new ImageFault("unknown filter " + row[0]);
        }
    }

    private static byte paeth(int left, int up, int corner) {
        int toLeft = Math.abs(up - corner);
        int toUp = Math.abs(left - corner);
        int toCorner = Math.abs(left + up - 2 * corner);
        return (byte) (toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner);
    }

    @Override
    public void close() {
        inflater.end();
    }
}
