package dev.imu2clip.data.formats;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Writes MP4 files with a GPMF telemetry track and nothing else, as the two formats are published. */
final class Mp4Builder {
    private final List<byte[]> payloads = new ArrayList<>();
    private final boolean wide;

    /** @param wide whether places are written with 64 bits, and the first box's size too */
    Mp4Builder(boolean wide) {
        this.wide = wide;
    }

    static byte[] join(byte[]... parts) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] part : parts) all.writeBytes(part);
        return all.toByteArray();
    }

    static byte[] ints(int... values) {
        ByteBuffer buffer = ByteBuffer.allocate(4 * values.length);
        for (int value : values) buffer.putInt(value);
        return buffer.array();
    }

    static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    static byte[] box(String type, byte[]... body) {
        byte[] content = join(body);
        return join(ints(8 + content.length), ascii(type), content);
    }

    /** An entry of GPMF. */
    static byte[] klv(String key, char type, int size, byte[] data) {
        byte[] header = ByteBuffer.allocate(4).put((byte) type).put((byte) size).putShort((short) (data.length / size)).array();
        return join(ascii(key), header, data, new byte[-data.length & 3]);
    }

    static byte[] nested(String key, byte[]... entries) {
        return klv(key, '\0', 4, join(entries));
    }

    /** Samples as 16-bit numbers over a scale of 1000. @param orientation ORIN, or empty */
    static byte[] stream(String key, String unit, String orientation, double[][] xyz, int from, int to) {
        ByteBuffer data = ByteBuffer.allocate(6 * (to - from));
        String axes = orientation.isEmpty() ? "ZXY" : orientation;
        for (int i = from; i < to; i++)
            for (char axis : axes.toCharArray()) {
                double value = xyz["xyz".indexOf(Character.toLowerCase(axis))][i];
                data.putShort((short) Math.round(1000 * (Character.isUpperCase(axis) ? value : -value)));
            }
        return nested("STRM", klv("STNM", 'c', 1, ascii(key.toLowerCase(Locale.ROOT))),
                orientation.isEmpty() ? new byte[0] : klv("ORIN", 'c', 1, ascii(orientation)),
                klv("SIUN", 'c', unit.length(), ascii(unit)), klv("SCAL", 's', 2, new byte[] {1000 >> 8, (byte) 1000}),
                klv(key, 's', 6, data.array()));
    }

    void add(byte[]... streams) {
        payloads.add(nested("DEVC", join(streams)));
    }

    /** Payloads of one second, two in a chunk. */
    byte[] bytes() {
        byte[] head = box("ftyp", ascii("mp41"));
        byte[] media = join(payloads.toArray(byte[][]::new));
        byte[] mdat = wide ? join(ints(1), ascii("mdat"), ints(0, 16 + media.length), media) : box("mdat", media);
        int at = head.length + (wide ? 16 : 8);
        int n = payloads.size();
        byte[] sizes = ints(0, 0, n);
        byte[] places = ints(0, (n + 1) / 2);
        for (int i = 0; i < n; i++) {
            sizes = join(sizes, ints(payloads.get(i).length));
            if (i % 2 == 0) places = join(places, wide ? ints(0, at) : ints(at));
            at += payloads.get(i).length;
        }
        byte[] table = box("stbl", box("stsd", ints(0, 1), box("gpmd", new byte[8])), box("stts", ints(0, 1, n, 1000)),
                box("stsc", n % 2 == 0 ? ints(0, 1, 1, 2, 1) : ints(0, 2, 1, 2, 1, (n + 1) / 2, 1, 1)), box("stsz", sizes),
                box(wide ? "co64" : "stco", places));
        byte[] track = box("trak", box("mdia", box("mdhd", ints(0, 0, 0, 1000, 1000 * n, 0)), box("hdlr", ints(0, 0), ascii("meta")),
                box("minf", table)));
        return join(head, mdat, box("moov", track));
    }
}
