package dev.imu2clip.data.formats;

import com.github.luben.zstd.Zstd;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.zip.GZIPOutputStream;
import org.xerial.snappy.Snappy;

/**
 * Writes small Parquet files after the format's specification: one row group, a page for each column, PLAIN values, every column
 * optional, as pandas writes them. Longs, floats, doubles and strings; null where there is no value.
 */
final class ParquetWriter {
    enum Time { NO, UTC, LOCAL }

    enum Codec {
        NONE(0), SNAPPY(1), GZIP(2), ZSTD(6);

        final int code;

        Codec(int code) {
            this.code = code;
        }

        byte[] compress(byte[] data) throws IOException {
            return switch (this) {
                case NONE -> data;
                case SNAPPY -> Snappy.compress(data);
                case ZSTD -> Zstd.compress(data);
                case GZIP -> {
                    var bytes = new ByteArrayOutputStream();
                    try (var gzip = new GZIPOutputStream(bytes)) {
                        gzip.write(data);
                    }
                    yield bytes.toByteArray();
                }
            };
        }
    }

    /** @param time longs are nanoseconds since 1970: in UTC, or of a clock on the wall */
    record Column(String name, Time time, Object... values) {
        int type() {
            return switch (Arrays.stream(values).filter(v -> v != null).findFirst().orElseThrow()) {
                case Long _ -> 2;
                case Float _ -> 4;
                case Double _ -> 5;
                default -> 6;
            };
        }

        byte[] page() {
            int n = values.length;
            byte[] present = new byte[(n + 7) / 8];
            ByteBuffer plain = ByteBuffer.allocate(40 * n).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < n; i++) {
                if (values[i] == null) continue;
                present[i / 8] |= (byte) (1 << i % 8);
                switch (values[i]) {
                    case Long v -> plain.putLong(v);
                    case Float v -> plain.putFloat(v);
                    case Double v -> plain.putDouble(v);
                    case Object v -> {
                        byte[] text = v.toString().getBytes(StandardCharsets.UTF_8);
                        plain.putInt(text.length).put(text);
                    }
                }
            }
            Thrift levels = new Thrift(); // one bit-packed run
            levels.varint((long) present.length << 1 | 1);
            levels.out.writeBytes(present);
            ByteBuffer page = ByteBuffer.allocate(4 + levels.out.size() + plain.position()).order(ByteOrder.LITTLE_ENDIAN);
            return page.putInt(levels.out.size()).put(levels.out.toByteArray()).put(plain.array(), 0, plain.position()).array();
        }
    }

    /** Thrift's compact protocol. */
    private static final class Thrift {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        private final Deque<Integer> last = new ArrayDeque<>();
        private int field;

        void varint(long value) {
            for (; value >>> 7 != 0; value >>>= 7) out.write((int) (value & 0x7F | 0x80));
            out.write((int) value);
        }

        private void field(int id, int type) {
            out.write(id - field << 4 | type);
            field = id;
        }

        Thrift i32(int id, int value) {
            field(id, 5);
            varint((long) value << 1 ^ value >> 31);
            return this;
        }

        Thrift i64(int id, long value) {
            field(id, 6);
            varint(value << 1 ^ value >> 63);
            return this;
        }

        Thrift bool(int id, boolean value) {
            field(id, value ? 1 : 2);
            return this;
        }

        void text(String value) {
            byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
            varint(bytes.length);
            out.writeBytes(bytes);
        }

        Thrift string(int id, String value) {
            field(id, 8);
            text(value);
            return this;
        }

        Thrift list(int id, int type, int size) {
            field(id, 9);
            out.write(size < 15 ? size << 4 | type : 0xF0 | type);
            if (size >= 15) varint(size);
            return this;
        }

        /** A struct as a field; with id 0 as the element of a list. */
        Thrift begin(int id) {
            if (id > 0) field(id, 12);
            last.push(field);
            field = 0;
            return this;
        }

        Thrift end() {
            out.write(0);
            field = last.isEmpty() ? 0 : last.pop();
            return this;
        }
    }

    private ParquetWriter() {}

    static byte[] write(Codec codec, Column... columns) throws IOException {
        int rows = columns[0].values.length;
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        file.writeBytes("PAR1".getBytes(StandardCharsets.US_ASCII));
        int[] offsets = new int[columns.length];
        int[] lengths = new int[columns.length];
        for (int c = 0; c < columns.length; c++) {
            byte[] page = columns[c].page();
            byte[] packed = codec.compress(page);
            Thrift header = new Thrift().i32(1, 0).i32(2, page.length).i32(3, packed.length).begin(5).i32(1, rows).i32(2, 0).i32(3, 3)
                    .i32(4, 3).end().end();
            offsets[c] = file.size();
            file.writeBytes(header.out.toByteArray());
            file.writeBytes(packed);
            lengths[c] = file.size() - offsets[c];
        }
        Thrift meta = new Thrift().i32(1, 2).list(2, 12, 1 + columns.length);
        meta.begin(0).string(4, "schema").i32(5, columns.length).end();
        for (Column column : columns) {
            meta.begin(0).i32(1, column.type()).i32(3, 1).string(4, column.name);
            if (column.type() == 6) meta.i32(6, 0).begin(10).begin(1).end().end();
            if (column.time != Time.NO) meta.begin(10).begin(8).bool(1, column.time == Time.UTC).begin(2).begin(3).end().end().end().end();
            meta.end();
        }
        meta.i64(3, rows).list(4, 12, 1).begin(0).list(1, 12, columns.length);
        for (int c = 0; c < columns.length; c++) {
            meta.begin(0).i64(2, offsets[c]).begin(3).i32(1, columns[c].type()).list(2, 5, 1).varint(0);
            meta.list(3, 8, 1).text(columns[c].name);
            meta.i32(4, codec.code).i64(5, rows).i64(6, columns[c].page().length).i64(7, lengths[c]).i64(9, offsets[c]).end().end();
        }
        byte[] footer = meta.i64(2, file.size()).i64(3, rows).end().end().out.toByteArray();
        file.writeBytes(footer);
        file.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(footer.length).array());
        file.writeBytes("PAR1".getBytes(StandardCharsets.US_ASCII));
        return file.toByteArray();
    }
}
