package dev.imu2clip.media;

import javax.imageio.stream.ImageInputStreamImpl;

/** A file in memory for Java's picture readers; it knows whether they wanted more than there is. */
final class ByteStream extends ImageInputStreamImpl {
    private final byte[] data;
    private boolean exhausted;

    ByteStream(byte[] data) {
        this.data = data;
    }

    boolean exhausted() {
        return exhausted;
    }

    @Override
    public int read() {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] to, int from, int length) {
        bitOffset = 0;
        int n = (int) Math.min(length, data.length - streamPos);
        if (n <= 0) {
            exhausted = true;
            return -1;
        }
        System.arraycopy(data, (int) streamPos, to, from, n);
        streamPos += n;
        return n;
    }

    @Override
    public long length() {
        return data.length;
    }
}
