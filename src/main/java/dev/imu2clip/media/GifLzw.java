package dev.imu2clip.media;

/** LZW of GIF: codes of growing width, in blocks of up to 255 bytes. */
final class GifLzw {
    private static final int TABLE = 4096;

    private final Cursor in;
    private long at;
    private int blockLeft;
    private int bits;
    private int bitCount;
    private final int literals;
    private final int minWidth;
    private final short[] prefix = new short[TABLE];
    private final byte[] suffix = new byte[TABLE];
    private final int[] length = new int[TABLE];

    GifLzw(Cursor in, long at) {
        this.in = in;
        minWidth = in.u8(at);
        if (minWidth < 1 || minWidth > 8) throw new ImageFault("codes of " + minWidth + " bits");
        this.at = at + 1;
        literals = 1 << minWidth;
        for (int i = 0; i < literals; i++) {
            suffix[i] = (byte) i;
            length[i] = 1;
        }
    }

    byte[] decode(int count) {
        byte[] out = new byte[count];
        int width = minWidth + 1;
        int next = literals + 2;
        int previous = -1;
        for (int done = 0; done < count;) {
            int code = code(width);
            if (code == literals) {
                width = minWidth + 1;
                next = literals + 2;
                previous = -1;
                continue;
            }
            if (code == literals + 1) throw ImageFault.truncated("its pixels");
            if (code > next || code == next && previous < 0 || previous < 0 && code >= literals) throw new ImageFault("code " + code);
            boolean add = previous >= 0 && next < TABLE;
            if (code == next && !add) throw new ImageFault("code " + code);
            if (add) {
                prefix[next] = (short) previous;
                length[next] = length[previous] + 1;
                suffix[next] = (byte) first(code == next ? previous : code);
                next++;
                if (next == 1 << width && width < 12) width++;
            }
            done = write(out, done, code);
            previous = code;
        }
        return out;
    }

    private int first(int code) {
        while (code >= literals) code = prefix[code];
        return code;
    }

    private int write(byte[] out, int from, int code) {
        int end = from + length[code];
        for (int i = end - 1; i >= from; i--, code = prefix[code]) {
            if (i < out.length) out[i] = suffix[code];
        }
        return end;
    }

    private int code(int width) {
        while (bitCount < width) {
            if (blockLeft == 0) {
                blockLeft = in.u8(at++);
                if (blockLeft == 0) throw ImageFault.truncated("its pixels");
            }
            bits |= in.u8(at++) << bitCount;
            bitCount += 8;
            blockLeft--;
        }
        int code = bits & (1 << width) - 1;
        bits >>>= width;
        bitCount -= width;
        return code;
    }
}
