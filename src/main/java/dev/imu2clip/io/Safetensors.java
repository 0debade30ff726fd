package dev.imu2clip.io;

import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A safetensors file: named tensors behind a JSON header, which opening checks against the file as a whole.
 *
 * <p>Format: 8 bytes header length (little-endian), the header
 * <code>{"__metadata__": {"key": "value"}, "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}</code>, the data.
 */
public final class Safetensors implements TensorFile {
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

    private final Map<String, TensorView> views = new LinkedHashMap<>();

    private Safetensors(Path file, Arena arena, SafetensorsHeader header, MemorySegment data) {
        this.file = file;
        this.arena = arena;
        this.metadata = header.metadata();
        this.entries = header.entries(data);
        this.unsupported = header.unsupported();
        entries.forEach((name, entry) -> views.put(name, TensorView.dense(name, entry.dtype(), entry.shape(), entry.bytes())));
    }

    /** Maps {@code file} and checks its header. */
    public static Safetensors open(Path file) {
        return MappedFile.open(file, "expected a safetensors file", Safetensors::of);
    }

    static Safetensors of(Path file, MemorySegment bytes, Arena arena) {
        SafetensorsHeader header = SafetensorsHeader.read(file, bytes);
        return new Safetensors(file, arena, header, bytes.asSlice(header.dataStart()));
    }

    /** Writes a safetensors file atomically; the same input gives the same bytes. See {@link SafetensorsWriter}. */
    public static void write(Path file, Map<String, String> metadata, List<Source> tensors) {
        SafetensorsWriter.write(file, metadata, tensors.stream().map(TensorSource::of).toList());
    }

    @Override
    public Path file() {
        return file;
    }

    @Override
    public Map<String, String> metadata() {
        return metadata;
    }

    /** All tensors of a type we have, in the order in which their data lies in the file. */
    public Map<String, Entry> entries() {
        return entries;
    }

    @Override
    public Map<String, TensorView> tensors() {
        return Collections.unmodifiableMap(views);
    }

    @Override
    public Map<String, String> unsupported() {
        return unsupported;
    }

    /** The tensor {@code name}. */
    public Entry require(String name) {
        tensor(name);
        return entries.get(name);
    }

    /** The tensor {@code name}, which must have this shape. */
    public Entry require(String name, Shape shape) {
        tensor(name, shape);
        return entries.get(name);
    }

    @Override
    public void close() {
        arena.close();
    }
}
