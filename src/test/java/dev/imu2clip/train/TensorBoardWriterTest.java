package dev.imu2clip.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reads the files back with a decoder of its own, down to a bitwise CRC. {@code tools/read_events.py} does the same with protobuf. */
class TensorBoardWriterTest {
    @TempDir
    Path folder;

    @Test
    void scalarsComeBack() throws IOException {
        Path file;
        try (var writer = TensorBoardWriter.open(folder, 0)) {
            writer.scalars(1, Map.of("train/loss", 3.5));
            Map<String, Double> two = new LinkedHashMap<>();
            two.put("val/loss", 2.25);
            two.put("val/R@1 µ", -0.5);
            writer.scalars(300_000_000_000L, two);
            file = writer.file();
        }
        assertTrue(file.getFileName().toString().matches("events\\.out\\.tfevents\\.\\d{10}\\..*"), file.toString());
        List<Map<Integer, Object>> events = events(file);
        assertEquals(3, events.size());
        assertEquals("brain.Event:2", text(events.get(0).get(3)));
        assertEquals(System.currentTimeMillis() / 1000.0, Double.longBitsToDouble((Long) events.get(0).get(1)), 600);
        assertEquals(1L, events.get(1).get(2));
        assertEquals(Map.of("train/loss", 3.5f), scalars(events.get(1)));
        assertEquals(300_000_000_000L, events.get(2).get(2));
        assertEquals(Map.of("val/loss", 2.25f, "val/R@1 µ", -0.5f), scalars(events.get(2)));
    }

    @Test
    void continuingTellsWhereTheEarlierFileEnds() throws IOException {
        var first = TensorBoardWriter.open(folder, 0);
        var second = TensorBoardWriter.open(folder, 41);
        first.close();
        second.close();
        assertNotEquals(first.file(), second.file());
        assertTrue(first.file().compareTo(second.file()) < 0);
        var start = events(second.file()).get(1);
        assertEquals(42L, start.get(2));
        assertEquals(Map.of(1, 1L), decode((byte[]) start.get(7)));
    }

    private static List<Map<Integer, Object>> events(Path file) throws IOException {
        ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        List<Map<Integer, Object>> events = new ArrayList<>();
        while (in.hasRemaining()) {
            byte[] head = new byte[8];
            in.get(in.position(), head);
            byte[] data = new byte[(int) in.getLong()];
            assertEquals(masked(head), in.getInt());
            in.get(data);
            assertEquals(masked(data), in.getInt());
            events.add(decode(data));
        }
        return events;
    }

    private static Map<String, Float> scalars(Map<Integer, Object> event) {
        Map<String, Float> scalars = new LinkedHashMap<>();
        ByteBuffer summary = ByteBuffer.wrap((byte[]) event.get(5));
        while (summary.hasRemaining()) {
            assertEquals(1 << 3 | 2, summary.get());
            byte[] value = new byte[(int) varint(summary)];
            summary.get(value);
            var fields = decode(value);
            scalars.put(text(fields.get(1)), Float.intBitsToFloat((Integer) fields.get(2)));
        }
        return scalars;
    }

    private static Map<Integer, Object> decode(byte[] message) {
        ByteBuffer in = ByteBuffer.wrap(message).order(ByteOrder.LITTLE_ENDIAN);
        Map<Integer, Object> fields = new LinkedHashMap<>();
        while (in.hasRemaining()) {
            long tag = varint(in);
            fields.put((int) (tag >> 3), switch ((int) (tag & 7)) {
                case 0 -> varint(in);
                case 1 -> in.getLong();
                case 2 -> {
                    byte[] bytes = new byte[(int) varint(in)];
                    in.get(bytes);
                    yield bytes;
                }
                case 5 -> in.getInt();
                default -> throw new AssertionError("wire type of tag " + tag);
            });
        }
        return fields;
    }

    private static long varint(ByteBuffer in) {
        long value = 0;
        for (int shift = 0; ; shift += 7) {
            byte b = in.get();
            value |= (long) (b & 0x7f) << shift;
            if (b >= 0) return value;
        }
    }

    private static String text(Object bytes) {
        return new String((byte[]) bytes, java.nio.charset.StandardCharsets.UTF_8);
    }

    /** CRC-32C by its definition, bit for bit, and the mask of the TFRecord format. */
    private static int masked(byte[] data) {
        int crc = -1;
        for (byte b : data) {
            crc ^= b & 0xff;
            for (int bit : IntStream.range(0, 8).toArray()) crc = (crc & 1) != 0 ? crc >>> 1 ^ 0x82f63b78 : crc >>> 1;
        }
        crc = ~crc;
        return (crc >>> 15 | crc << 17) + 0xa282ead8;
    }
}
