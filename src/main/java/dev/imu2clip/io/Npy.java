package dev.imu2clip.io;

import dev.imu2clip.tensor.Shape;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * NumPy's array files (NEP 1, format versions 1 to 3): reading by memory map, writing through {@link AtomicFile}.
 * Little-endian only; a file is never believed about its size before that was compared with its length on disk.
 */
public final class Npy {
    private Npy() {}

    /** Element types, by NumPy's name; {@code F2} is IEEE half precision, {@code B1} a Boolean of one byte. */
    public enum Type {
        F2("<f2", 2), F4("<f4", 4), F8("<f8", 8), I4("<i4", 4), I8("<i8", 8), U1("|u1", 1), B1("|b1", 1);

        final String descr;
        final int bytes;

        Type(String descr, int bytes) {
            this.descr = descr;
            this.bytes = bytes;
        }

        public int bytes() {
            return bytes;
        }
    }

    /** Fills a file through the sink; must put exactly as many elements as the shape has. */
    @FunctionalInterface
    public interface Content {
        void writeTo(NpySink sink) throws IOException;
    }

    /**
     * Maps a file; the array lives as long as {@code arena}.
     *
     * @throws InputException when it is missing, not an npy file, of an unknown type or shorter than its header claims
     */
    public static NpyArray map(Path file, Arena arena) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            if (Files.isDirectory(file)) throw InputException.in(file, "is a folder, not an npy file", "");
            MemorySegment bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            NpyHeader header = NpyHeader.parse(file, bytes);
            return new NpyArray(file, header, bytes.asSlice(header.dataOffset(), header.dataBytes()));
        } catch (NoSuchFileException e) {
            throw new InputException(file + ": does not exist. Check the path", e);
        } catch (IOException e) {
            throw new InputException(file + ": cannot be read (" + e + "). Check that it is a readable file", e);
        }
    }

    /** Type and shape alone, from the first bytes of the file, checked as {@link #map} checks them. */
    public static NpyHeader header(Path file) {
        try (Arena arena = Arena.ofConfined()) {
            return map(file, arena).header();
        }
    }

    /** Writes in C order whatever {@code content} puts, without holding it in memory. F4, F8, I4 or I8. */
    public static void write(Path file, Type type, Shape shape, Content content) {
        AtomicFile.write(file, channel -> {
            NpySink sink = new NpySink(channel, type, shape.count());
            sink.header(NpyHeader.format(type, shape, 0));
            content.writeTo(sink);
            sink.finish();
        });
    }

    /** The same where the last rows may be missing in the end: {@code most} has as many as there can be. Fewer do not fit into a pipe. */
    public static void writeRows(Path file, Type type, Shape most, Content content) {
        AtomicFile.write(file, channel -> {
            NpySink sink = new NpySink(channel, type, most.count());
            sink.header(NpyHeader.format(type, most, 0));
            content.writeTo(sink);
            sink.finishRows(most);
        });
    }

    public static void write(Path file, Shape shape, float[] values) {
        write(file, Type.F4, shape, sink -> sink.put(values, 0, values.length));
    }

    public static void write(Path file, Shape shape, double[] values) {
        write(file, Type.F8, shape, sink -> {
            for (double value : values) sink.put(value);
        });
    }

    public static void write(Path file, Shape shape, int[] values) {
        write(file, Type.I4, shape, sink -> {
            for (int value : values) sink.put(value);
        });
    }

    public static void write(Path file, Shape shape, long[] values) {
        write(file, Type.I8, shape, sink -> {
            for (long value : values) sink.put(value);
        });
    }

    /** Writes the bytes of {@code values}, which are {@code shape.count()} elements of {@code type} in C order. */
    public static void write(Path file, Type type, Shape shape, MemorySegment values) {
        write(file, type, shape, sink -> sink.put(values));
    }

    /** Reads a whole file as float32 in C order; convenient for small files. */
    public static float[] floats(Path file) {
        try (Arena arena = Arena.ofConfined()) {
            return map(file, arena).toFloats();
        }
    }

    static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(java.nio.ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(java.nio.ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(java.nio.ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(java.nio.ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(java.nio.ByteOrder.LITTLE_ENDIAN);
}
