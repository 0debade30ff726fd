package dev.imu2clip.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.imu2clip.io.Safetensors.Source;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafetensorsTest {
    @TempDir
    Path folder;

    private static Source halves(String name, DType dtype, int... bits) {
        short[] values = new short[bits.length];
        for (int i = 0; i < bits.length; i++) values[i] = (short) bits[i];
        return new Source(name, dtype, Shape.of(bits.length), MemorySegment.ofArray(values));
    }

    static List<Source> samples() {
        return List.of(
                new Source("flags", DType.BOOL, Shape.of(3), MemorySegment.ofArray(new byte[] {1, 0, 1})),
                halves("half", DType.F16, 0x3C00, 0xC000, 0x7BFF, 0x0001),
                halves("brain", DType.BF16, 0x3F80, 0xC000, 0x7F7F, 0x0001),
                Source.of("weight", new float[] {1, -2.5f, Float.MIN_VALUE, Float.NaN, 5, 6}, 2, 3),
                Source.of("scalar", new float[] {7}),
                Source.of("empty", new float[0], 0, 4),
                new Source("ids", DType.I64, Shape.of(1, 2), MemorySegment.ofArray(new long[] {49406, 49407})),
                new Source("double", DType.F64, Shape.of(2), MemorySegment.ofArray(new double[] {0.1, 1e300})));
    }

    private Path sampleFile() {
        Path file = folder.resolve("a.safetensors");
        Safetensors.write(file, Map.of("format", "pt", "autor", "Jürgen \"J\""), samples());
        return file;
    }

    private Path rawFile(String header, int dataBytes) throws IOException {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        ByteBuffer bytes = ByteBuffer.allocate(8 + json.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
        return Files.write(folder.resolve("raw.safetensors"), bytes.putLong(json.length).put(json).array());
    }

    @Test
    void whatIsWrittenIsReadBack() {
        try (Safetensors read = Safetensors.open(sampleFile())) {
            assertEquals(Map.of("format", "pt", "autor", "Jürgen \"J\""), read.metadata());
            assertEquals(List.of("ids", "double", "weight", "scalar", "empty", "half", "brain", "flags"),
                    List.copyOf(read.entries().keySet()));
            for (Source source : samples()) {
                Safetensors.Entry entry = read.require(source.name(), source.shape());
                assertEquals(source.dtype(), entry.dtype());
                assertEquals(-1, entry.bytes().mismatch(source.bytes()), source.name());
                assertTrue(entry.bytes().isReadOnly());
                assertEquals(0, entry.bytes().address() % entry.dtype().bytes(), source.name() + " is not aligned");
            }
        }
    }

    @Test
    void everyFloatTypeIsReadAsFloat32() {
        try (Safetensors read = Safetensors.open(sampleFile())) {
            assertArrayEquals(new float[] {1, -2.5f, Float.MIN_VALUE, Float.NaN, 5, 6}, read.floats("weight"));
            assertArrayEquals(new float[] {1, -2, 65504, 0x1p-24f}, read.floats("half"));
            assertArrayEquals(new float[] {1, -2, Float.intBitsToFloat(0x7F7F0000), Float.intBitsToFloat(0x10000)}, read.floats("brain"));
            assertArrayEquals(new float[] {0.1f, Float.POSITIVE_INFINITY}, read.floats("double"));
            assertArrayEquals(new float[] {7}, read.floats("scalar"));
            assertArrayEquals(new float[0], read.floats("empty"));
            var e = assertThrows(InputException.class, () -> read.floats("ids"));
            assertTrue(e.getMessage().contains("'ids'") && e.getMessage().contains("I64"), e.getMessage());
        }
    }

    @Test
    void theSameInputGivesTheSameBytes() throws IOException {
        byte[] first = Files.readAllBytes(sampleFile());
        assertArrayEquals(first, Files.readAllBytes(sampleFile()));
        assertEquals(0, ByteBuffer.wrap(first).order(ByteOrder.LITTLE_ENDIAN).getLong() % 8);
    }

    @Test
    void tensorsLargerThanAChunkAreStreamed() {
        float[] values = new float[700_001];
        for (int i = 0; i < values.length; i++) values[i] = i;
        Path file = folder.resolve("large.safetensors");
        Safetensors.write(file, Map.of(), List.of(Source.of("w", values, values.length)));
        try (Safetensors read = Safetensors.open(file)) {
            assertArrayEquals(values, read.floats("w"));
        }
    }

    @Test
    void wrongTensorsAreNamed() {
        try (Safetensors read = Safetensors.open(sampleFile())) {
            var missing = assertThrows(InputException.class, () -> read.require("bias"));
            assertTrue(missing.getMessage().contains("'bias' is missing") && missing.getMessage().contains("a.safetensors"));
            var shape = assertThrows(InputException.class, () -> read.require("weight", Shape.of(3, 2)));
            assertTrue(shape.getMessage().contains("(2, 3)") && shape.getMessage().contains("(3, 2)"), shape.getMessage());
        }
        assertThrows(InputException.class, () -> Safetensors.open(folder.resolve("none.safetensors")));
        assertThrows(InputException.class, () -> Safetensors.open(folder));
    }

    /** The tiny text tower of tools/goldens/text_tower.py, written by the reference implementation. */
    @Test
    void filesOfTheReferenceImplementationAreRead() throws Exception {
        Path goldens = Path.of(SafetensorsTest.class.getResource("/goldens").toURI());
        try (Safetensors weights = Safetensors.open(goldens.resolve("clip_text_tiny.safetensors"));
             Safetensors expected = Safetensors.open(goldens.resolve("clip_text_tiny_expected.safetensors"))) {
            assertTrue(weights.metadata().get("about").contains("argmax of input_ids"));
            assertEquals(37, weights.entries().size());
            assertEquals(145_472, weights.entries().values().stream().mapToLong(e -> e.shape().count()).sum());
            assertEquals(DType.F16, weights.require("text_model.embeddings.token_embedding.weight", Shape.of(600, 64)).dtype());
            double square = 0;
            float[] scale = weights.floats("text_model.encoder.layers.1.mlp.fc1.weight");
            for (float x : scale) square += x * x;
            assertEquals(Math.sqrt(1 / 128.0), Math.sqrt(square / scale.length), 0.002);
            var ids = expected.require("input_ids", Shape.of(6, 77)).bytes();
            assertEquals(598, ids.get(ValueLayout.JAVA_LONG_UNALIGNED, 0));
            assertEquals(599, ids.get(ValueLayout.JAVA_LONG_UNALIGNED, 8));
            assertEquals(6 * 32, expected.floats("text_embeds").length);
        }
    }

    @Test
    void typesWeLackAreAnErrorOnlyWhenAskedFor() throws IOException {
        Path file = rawFile("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
                + "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}  ", 8);
        try (Safetensors read = Safetensors.open(file)) {
            assertEquals(0f, read.floats("b")[0]);
            var e = assertThrows(InputException.class, () -> read.require("a"));
            assertTrue(e.getMessage().contains("U8"), e.getMessage());
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}                                     | not valid JSON
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} x                                  | not valid JSON
            [1, 2]                                                                                    | JSON object
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{}}                             | not valid JSON
            {"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}                                    | dtype "F33"
            {"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}                                    | needs 12 bytes
            {"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}                                   | shape [-2]
            {"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}                                  | shape [2.0]
            {"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}                | overflows
            {"a":{"dtype":"F32","shape":[4611686018427387906],"data_offsets":[0,8]}}                  | overflows
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,16]}}                                   | inside the 8 bytes
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}                                    | in order
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}                                      | data_offsets [0]
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,99999999999999999999]}}                 | data_offsets
            {"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}                                    | hole
            {"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}                                    | tensors end at byte 4
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}} | overlap
            {"__metadata__":{"n":1},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}             | __metadata__.n
            {"a":null}                                                                                | dtype
            """)
    void aLyingHeaderIsRefusedWithItsReason(String header, String reason) throws IOException {
        Path file = rawFile(header, 8);
        var e = assertThrows(InputException.class, () -> Safetensors.open(file));
        assertTrue(e.getMessage().contains(reason) && e.getMessage().contains("raw.safetensors"), e.getMessage());
    }

    @Test
    void aWrongHeaderLengthIsRefused() throws IOException {
        byte[] bytes = Files.readAllBytes(sampleFile());
        Path file = folder.resolve("length.safetensors");
        for (long length : new long[] {-1, 0, 1, bytes.length - 7, 100_000_001, Long.MIN_VALUE, Long.MAX_VALUE}) {
            ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(length);
            Files.write(file, bytes);
            var e = assertThrows(InputException.class, () -> Safetensors.open(file));
            assertTrue(e.getMessage().contains("header"), e.getMessage());
        }
        Files.write(file, new byte[7]);
        assertThrows(InputException.class, () -> Safetensors.open(file));
    }

    @Test
    void everyTruncationIsRefused() throws IOException {
        byte[] bytes = Files.readAllBytes(sampleFile());
        Path file = Files.write(folder.resolve("short.safetensors"), bytes);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            for (int size = bytes.length - 1; size >= 0; size--) {
                channel.truncate(size);
                assertThrows(InputException.class, () -> Safetensors.open(file));
            }
        }
    }

    /** Random damage, most of it in the header: the file is read or refused, and whatever is read lies inside it. */
    @Test
    void damageNeverEndsInAnythingButAnInputException() throws IOException {
        byte[] valid = Files.readAllBytes(sampleFile());
        int header = (int) ByteBuffer.wrap(valid).order(ByteOrder.LITTLE_ENDIAN).getLong();
        Path file = Files.write(folder.resolve("damaged.safetensors"), valid);
        Random random = new Random(1);
        String alphabet = "0123456789{}[]\",:-.eEFIU \\u";
        int read = 0;
        int refused = 0;
        FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
        for (int i = 0; i < 3000; i++) {
            byte[] bytes = valid.clone();
            int edits = 1 + random.nextInt(3);
            for (int k = 0; k < edits; k++) {
                int at = switch (random.nextInt(8)) {
                    case 0 -> random.nextInt(8);
                    case 1 -> random.nextInt(bytes.length);
                    default -> 8 + random.nextInt(header);
                };
                bytes[at] = random.nextInt(3) == 0 ? (byte) random.nextInt() : (byte) alphabet.charAt(random.nextInt(alphabet.length()));
            }
            channel.write(ByteBuffer.wrap(bytes), 0);
            try (Safetensors opened = Safetensors.open(file)) {
                touch(opened);
                read++;
            } catch (InputException e) {
                refused++;
            } catch (RuntimeException e) {
                fail("mutation " + i + ": " + new String(bytes, 8, header, StandardCharsets.ISO_8859_1), e);
            }
        }
        channel.close();
        assertTrue(read > 100 && refused > 1000, read + " read, " + refused + " refused");
    }

    private static void touch(Safetensors opened) {
        for (String name : opened.names()) {
            try {
                Safetensors.Entry entry = opened.require(name);
                for (long i = 0; i < entry.bytes().byteSize(); i++) entry.bytes().get(ValueLayout.JAVA_BYTE, i);
                opened.floats(name);
            } catch (InputException e) {
                assertTrue(e.getMessage().contains(name), e.getMessage());
            }
        }
    }

    @Test
    void aWriterMistakeIsFoundBeforeTheFileIsTouched() {
        Path file = folder.resolve("w.safetensors");
        Source a = Source.of("a", new float[1], 1);
        assertThrows(IllegalArgumentException.class, () -> Safetensors.write(file, Map.of(), List.of(a, a)));
        assertThrows(IllegalArgumentException.class,
                () -> Safetensors.write(file, Map.of(), List.of(Source.of("__metadata__", new float[1], 1))));
        assertThrows(IllegalArgumentException.class, () -> Source.of("a", new float[2], 3));
        assertTrue(Files.notExists(file));
    }
}
