package dev.imu2clip.media;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Bounds-checked numbers of a picture file; a read beyond the end is an {@link ImageFault}. */
record Cursor(byte[] data) {
    int size() {
        return data.length;
    }

    int u8(long at) {
        need(at, 1);
        return data[(int) at] & 0xff;
    }

    int u16le(long at) {
        return u8(at) | u8(at + 1) << 8;
    }

    int u16be(long at) {
        return u8(at) << 8 | u8(at + 1);
    }

    int u24le(long at) {
        return u16le(at) | u8(at + 2) << 16;
    }

    int i32le(long at) {
        return u16le(at) | u16le(at + 2) << 16;
    }

    long u32le(long at) {
        return i32le(at) & 0xffff_ffffL;
    }

    long u32be(long at) {
        return (long) u16be(at) << 16 | u16be(at + 2);
    }

    boolean startsWith(long at, String ascii) {
        if (at < 0 || at + ascii.length() > size()) return false;
        for (int i = 0; i < ascii.length(); i++) {
            if ((data[(int) at + i] & 0xff) != ascii.charAt(i)) return false;
        }
        return true;
    }

    String latin1(long at, long length) {
        need(at, length);
        return new String(data, (int) at, (int) length, StandardCharsets.ISO_8859_1);
    }

    byte[] bytes(long at, long length) {
        need(at, length);
        return Arrays.copyOfRange(data, (int) at, (int) (at + length));
    }

    void need(long at, long length) {
        if (at < 0 || length < 0 || at + length > size()) throw ImageFault.truncated("its headers or data, at byte " + size());
    }
}
