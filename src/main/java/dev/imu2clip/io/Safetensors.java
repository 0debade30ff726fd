package dev.imu2clip.io;

import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A safetensors file, memory-mapped read-only: named tensors behind a JSON header. Opening checks the whole header against the
 * file, so that every {@link Entry} lies inside it; nothing of the data is read before it is asked for. Closing unmaps the file:
 * its segments must not be used afterwards. The file must not be made shorter while it is open. Reading is thread-safe.
 *
 * <p>All methods throw {@link InputException} for a file that is missing or wrong, naming file and tensor.
 *
 * <p>Format: 8 bytes header length (little-endian), the header
 * <code>{"__metadata__": {"key": "value"}, "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}</code>, the data.
 */
public final class Safetensors implements AutoCloseable {
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat TARGET = ValueLayout.JAVA_FLOAT_UNALIGNED;

    /**
     * One tensor of an open file. {@code bytes} is a read-only, little-endian, row-major slice of the mapping; it is aligned to the
     * element size only in files whose writer took care of that, as ours does.
     */
    public record Entry(String name, DType dtype, Shape shape, MemorySegment bytes) {}

    /** One tensor to write: {@code bytes} holds {@code shape.count()} little-endian elements. */
    public record Source(String name, DType dtype, Shape shape, MemorySegment bytes) {
        public Source {
            long expected = Math.multiplyExact(shape.count(), (long) dtype.bytes());
            if (bytes.byteSize() != expected)
                throw new IllegalArgumentException("tensor " + name + ": " + dtype + " " + shape + " needs " + expected + " bytes, got "
                        + bytes.byteSize());
        }

        /** A float32 tensor over {@code values}, which are not copied. */
        public static Source of(String name, float[] values, long... shape) {
            return new Source(name, DType.F32, Shape.of(shape), MemorySegment.ofArray(values));
        }
    }

    private final Path file;
    private final Arena arena;
    private final Map<String, String> metadata;
    private final Map<String, Entry> entries;
    private final Map<String, String> unsupported;

    private Safetensors(Path file, Arena arena, SafetensorsHeader header, MemorySegment data) {
        this.file = file;
        this.arena = arena;
        this.metadata = header.metadata();
        this.entries = header.entries(data);
        this.unsupported = header.unsupported();
    }

    /** Maps {@code file} and checks its header. */
    public static Safetensors open(Path file) {
        if (Files.isDirectory(file)) throw InputException.in(file, "is a folder", "Give the .safetensors file in it");
        Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(file)) {
            SafetensorsHeader header = SafetensorsHeader.read(file, channel);
            MemorySegment mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            if (mapped.byteSize() != header.end())
                throw InputException.in(file, "changed its size while being opened", "Wait until it is written completely");
            return new Safetensors(file, arena, header, mapped.asSlice(header.dataStart()));
        } catch (IOException e) {
            arena.close();
            String reason = e instanceof NoSuchFileException ? "no such file" : "cannot be read (" + e.getMessage() + ")";
            throw new InputException(file + ": " + reason + "; expected a safetensors file", e);
        } catch (RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }

    /** Writes a safetensors file atomically; the same input gives the same bytes. See {@link SafetensorsWriter}. */
    public static void write(Path file, Map<String, String> metadata, List<Source> tensors) {
        SafetensorsWriter.write(file, metadata, tensors);
    }

    public Path file() {
        return file;
    }

    /** The texts of {@code __metadata__}; empty when there are none. */
    public Map<String, String> metadata() {
        return metadata;
    }

    /** All tensors of a type we have, in the order in which their data lies in the file. */
    public Map<String, Entry> entries() {
        return entries;
    }

    /** Names of all tensors, also of those whose type we lack (asking for one of those is an error). */
    public Set<String> names() {
        Set<String> names = new LinkedHashSet<>(entries.keySet());
        names.addAll(unsupported.keySet());
        return names;
    }

    /** The tensor {@code name}. */
    public Entry require(String name) {
        Entry entry = entries.get(name);
        if (entry != null) return entry;
        if (unsupported.containsKey(name))
            throw InputException.in(file, "tensor '" + name + "' has type " + unsupported.get(name) + ", which is not supported",
                    "Convert it to one of " + List.of(DType.values()));
        String some = String.join(", ", entries.keySet().stream().limit(5).toList());
        throw InputException.in(file, "tensor '" + name + "' is missing; the file holds " + names().size() + " tensors"
                + (some.isEmpty() ? "" : " (" + some + (names().size() > 5 ? ", ..." : "") + ")"), "Check that this is the right file");
    }

    /** The tensor {@code name}, which must have this shape. */
    public Entry require(String name, Shape shape) {
        Entry entry = require(name);
        if (!entry.shape().equals(shape))
            throw InputException.in(file, "tensor '" + name + "' has shape " + entry.shape() + ", expected " + shape,
                    "Check that the file belongs to this model");
        return entry;
    }

    /** The values of a floating-point tensor as float32, row-major. */
    public float[] floats(String name) {
        Entry entry = require(name);
        if (entry.shape().count() > Integer.MAX_VALUE - 8)
            throw InputException.in(file, "tensor '" + name + "' " + entry.shape() + " is too large for one Java array", "");
        requireFloat(entry);
        float[] values = new float[(int) entry.shape().count()];
        copyFloats(name, MemorySegment.ofArray(values));
        return values;
    }

    /** Writes the values of a floating-point tensor as native float32 to the start of {@code target}, which must have room. */
    public void copyFloats(String name, MemorySegment target) {
        Entry entry = require(name);
        requireFloat(entry);
        MemorySegment source = entry.bytes();
        long count = entry.shape().count();
        switch (entry.dtype()) {
            case F32 -> MemorySegment.copy(source, FLOAT, 0, target, TARGET, 0, count);
            case F64 -> {
                for (long i = 0; i < count; i++) target.set(TARGET, 4 * i, (float) source.get(DOUBLE, 8 * i));
            }
            case F16 -> {
                for (long i = 0; i < count; i++) target.set(TARGET, 4 * i, Float.float16ToFloat(source.get(SHORT, 2 * i)));
            }
            case BF16 -> {
                for (long i = 0; i < count; i++) target.set(TARGET, 4 * i, Float.intBitsToFloat(source.get(SHORT, 2 * i) << 16));
            }
            default -> throw new AssertionError(entry.dtype());
        }
    }

    private void requireFloat(Entry entry) {
        if (!entry.dtype().isFloat())
            throw InputException.in(file, "tensor '" + entry.name() + "' has type " + entry.dtype()
                    + ", expected a floating-point one", "");
    }

    @Override
    public void close() {
        arena.close();
    }
}
