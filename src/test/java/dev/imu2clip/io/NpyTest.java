package dev.imu2clip.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.tensor.Shape;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NpyTest {
    @TempDir
    Path folder;

    /** A file as NumPy writes it, with any header text and data. */
    private Path file(int version, String header, byte[] data) throws IOException {
        byte[] text = header.getBytes(StandardCharsets.ISO_8859_1);
        ByteBuffer bytes = ByteBuffer.allocate(16 + text.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII)).put((byte) version).put((byte) 0);
        if (version == 1) bytes.putShort((short) text.length);
        else bytes.putInt(text.length);
        bytes.put(text).put(data).flip();
        byte[] all = new byte[bytes.remaining()];
        bytes.get(all);
        return Files.write(folder.resolve("x.npy"), all);
    }

    private static String header(String descr, String order, String shape) {
        return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
    }

    private static byte[] sequence(int n, int bytes, IntFunction<Long> bits) {
        ByteBuffer buffer = ByteBuffer.allocate(n * bytes).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < n; i++)
            for (int b = 0; b < bytes; b++) buffer.put((byte) (bits.apply(i) >>> 8 * b));
        return buffer.array();
    }

    @ParameterizedTest
    @CsvSource({"1", "2", "3"})
    void readsEveryTypeOfEveryVersion(int version) throws IOException {
        float[] expected = {0, 1, 2, 3, 4, 5};
        record Case(String descr, int bytes, IntFunction<Long> bits) {}
        for (var c : new Case[] {
            new Case("<f4", 4, i -> (long) Float.floatToIntBits(i)), new Case("<f8", 8, i -> Double.doubleToLongBits(i)),
            new Case("<f2", 2, i -> (long) Float.floatToFloat16(i)), new Case("<i4", 4, i -> (long) i),
            new Case("<i8", 8, i -> (long) i), new Case("|u1", 1, i -> (long) i)})
            assertArrayEquals(expected, Npy.floats(file(version, header(c.descr, "False", "(2, 3)"), sequence(6, c.bytes, c.bits))),
                    c.descr);
        assertArrayEquals(new float[] {0, 1, 1}, Npy.floats(file(version, header("|b1", "False", "(3,)"), new byte[] {0, 1, 1})));
    }

    @Test
    void readsFortranOrder() throws IOException {
        byte[] data = sequence(24, 4, i -> (long) Float.floatToIntBits(i));
        float[] cube = Npy.floats(file(1, header("<f4", "True", "(2, 3, 4)"), data));
        for (int i = 0, at = 0; i < 2; i++)
            for (int j = 0; j < 3; j++)
                for (int k = 0; k < 4; k++) assertEquals(i + 2 * j + 6 * k, cube[at++]);
        try (Arena arena = Arena.ofConfined()) {
            NpyArray matrix = Npy.map(file(1, header("<f4", "True", "(4, 6)"), data), arena);
            assertEquals(3 + 4 * 5, matrix.at(3, 5));
            MemorySegment rows = arena.allocate(2 * 6 * 4);
            matrix.copyRows(1, 2, rows, 0);
            assertEquals(2 + 4 * 3, rows.get(Npy.FLOAT, (6 + 3) * 4));
        }
    }

    @Test
    void writesWhatItReads() throws IOException {
        Path file = folder.resolve("sub/y.npy");
        Npy.write(file, Shape.of(2, 2), new float[] {1, -2, Float.NaN, 4});
        assertArrayEquals(new float[] {1, -2, Float.NaN, 4}, Npy.floats(file));
        assertEquals(0, Npy.header(file).dataOffset() % 64);
        assertEquals("(2, 2)", Npy.header(file).shape().toString());
        Npy.write(file, Shape.of(3), new long[] {1, -2, 1L << 40});
        assertArrayEquals(new float[] {1, -2, 1L << 40}, Npy.floats(file));
        Npy.write(file, Shape.of(), new double[] {0.1});
        assertArrayEquals(new float[] {0.1f}, Npy.floats(file));
        float[] many = new float[100_003];
        for (int i = 0; i < many.length; i++) many[i] = i;
        Npy.write(file, Npy.Type.F4, Shape.of(100_003, 1), MemorySegment.ofArray(many));
        assertArrayEquals(many, Npy.floats(file));
        Npy.write(file, Shape.of(0, 6), new float[0]);
        assertEquals(0, Npy.floats(file).length);
    }

    @Test
    void neverWritesAFileThatLies() {
        Path file = folder.resolve("z.npy");
        assertThrows(IllegalStateException.class, () -> Npy.write(file, Shape.of(3), new float[2]));
        assertTrue(Files.notExists(file));
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "<f4; False; (2, 4); is truncated: shape (2, 4) of <f4 needs 8 x 4",
        "<f4; False; (2, 2); 8 bytes more than shape",
        "<f4; False; (4611686018427387904, 2); impossible shape",
        "<f4; False; (4611686018427387904,); is truncated",
        "<f4; False; (99999999999999999999,); impossible shape",
        "<f4; False; (-6,); no usable 'shape'",
        "<f4; Maybe; (6,); no usable 'fortran_order'",
        ">f4; False; (6,); type '>f4'",
        "<c8; False; (3,); type '<c8'",
        "|O; False; (3,); type '|O'"})
    void refusesALyingHeader(String descr, String order, String shape, String message) throws IOException {
        Path file = file(1, header(descr, order, shape), new byte[24]);
        var error = assertThrows(InputException.class, () -> Npy.floats(file));
        assertTrue(error.getMessage().contains(message) && error.getMessage().startsWith(file.toString()), error.getMessage());
    }

    @Test
    void refusesEveryTruncation() throws IOException {
        byte[] whole = Files.readAllBytes(file(1, header("<f4", "False", "(6,)"), new byte[24]));
        for (int length = 0; length < whole.length; length++) {
            Path cut = Files.write(folder.resolve("cut.npy"), java.util.Arrays.copyOf(whole, length));
            assertThrows(InputException.class, () -> Npy.floats(cut), "cut to " + length);
        }
    }

    @Test
    void refusesWhatIsNoNpyFile() throws IOException {
        Path text = Files.writeString(folder.resolve("t.npy"), "a,b,c\n1,2,3\n");
        assertTrue(assertThrows(InputException.class, () -> Npy.floats(text)).getMessage().contains("not an npy file"));
        assertTrue(assertThrows(InputException.class,
                () -> Npy.floats(folder.resolve("none.npy"))).getMessage().contains("does not exist"));
        assertThrows(InputException.class, () -> Npy.floats(folder));
        Path huge = file(2, header("<f4", "False", "(6,)"), new byte[24]);
        byte[] bytes = Files.readAllBytes(huge);
        bytes[11] = (byte) 0xFF;
        Files.write(huge, bytes);
        assertTrue(assertThrows(InputException.class, () -> Npy.floats(huge)).getMessage().contains("claims a header"));
    }

    @Test
    void aFullDiskIsAnErrorThatKeepsTheOldFile() throws IOException {
        Path full = Path.of("/dev/full");
        org.junit.jupiter.api.Assumptions.assumeTrue(Files.exists(full), "/dev/full is Linux's");
        Path file = folder.resolve("kept.npy");
        Npy.write(file, Shape.of(2), new float[] {1, 2});
        var error = assertThrows(InputException.class, () -> AtomicFile.write(file, channel -> {
            try (var disk = java.nio.channels.FileChannel.open(full, java.nio.file.StandardOpenOption.WRITE)) {
                NpySink sink = new NpySink(disk, Npy.Type.F4, 100_000);
                sink.put(new float[100_000], 0, 100_000);
                sink.finish();
            }
        }));
        assertTrue(error.getMessage().contains("No space left") && error.getMessage().contains("kept.npy"), error.getMessage());
        assertArrayEquals(new float[] {1, 2}, Npy.floats(file));
        try (var files = Files.list(folder)) {
            assertEquals(1, files.count(), "no temporary file is left");
        }
    }

    /** The shape of the most rows may take more digits than that of those there are. */
    @Test
    void fewerRowsThanThereCouldBe() throws IOException {
        Path file = folder.resolve("rows.npy");
        Shape most = Shape.of(1_000_000_000_000L, 3);
        Npy.writeRows(file, Npy.Type.F4, most, sink -> {
            assertTrue(sink.isEmpty());
            sink.put(new float[] {1, 2, 3, 4, 5, 6}, 0, 6);
            assertFalse(sink.isEmpty());
        });
        assertArrayEquals(new long[] {2, 3}, Npy.header(file).shape().sizes());
        assertArrayEquals(new float[] {1, 2, 3, 4, 5, 6}, Npy.floats(file));
        assertThrows(IllegalStateException.class, () -> Npy.writeRows(file, Npy.Type.F4, most, sink -> sink.put(1.0)));
    }

    @Test
    void survivesDamagedHeaders() throws IOException {
        byte[] whole = Files.readAllBytes(file(1, header("<f4", "False", "(2, 3)"), new byte[24]));
        var random = new java.util.Random(1);
        int refused = 0;
        for (int trial = 0; trial < 2000; trial++) {
            byte[] damaged = whole.clone();
            for (int k = 0; k <= trial % 3; k++) damaged[random.nextInt(damaged.length - 24)] = (byte) random.nextInt(256);
            Path path = Files.write(folder.resolve("damaged.npy"), damaged);
            try {
                Npy.floats(path);
            } catch (InputException e) {
                refused++;
            }
        }
        assertTrue(refused > 500, "refused " + refused);
    }
}
