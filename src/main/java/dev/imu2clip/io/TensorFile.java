package dev.imu2clip.io;

import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A file of named tensors, memory-mapped read-only: {@link Safetensors}, or a file of {@code torch.save} or {@code torch.jit.save}
 * ({@link TorchFile}). Opening checks that every tensor lies inside the file; values are read when they are asked for. Closing unmaps
 * the file: its views must not be used afterwards. The file must not be made shorter while it is open. Reading is thread-safe.
 *
 * <p>All methods throw {@link InputException} for a file that is missing or wrong, naming file and tensor.
 */
public interface TensorFile extends AutoCloseable {
    Path file();

    /** Texts that the file's writer added; empty when there are none. */
    Map<String, String> metadata();

    /** All tensors that can be read, in the file's order. */
    Map<String, TensorView> tensors();

    /** Name to type, or other reason, of tensors that are there and cannot be read: an error only when asked for. */
    Map<String, String> unsupported();

    @Override
    void close();

    /**
     * Opens a file of whichever of these formats it is. Its content tells, not its name.
     *
     * @throws InputException when it is missing, damaged or of no known format
     */
    static TensorFile open(Path file) {
        return MappedFile.open(file, "expected weights: safetensors, or a file of torch.save or torch.jit.save", TensorFile::of);
    }

    /** Reads bytes that live as long as {@code arena}, which belongs to the result. */
    static TensorFile of(Path file, MemorySegment bytes, Arena arena) {
        if (looksLikeSafetensors(bytes)) return Safetensors.of(file, bytes, arena);
        if (TorchFile.matches(bytes)) return TorchFile.of(file, bytes, arena);
        if (bytes.byteSize() > 1 && bytes.get(ValueLayout.JAVA_BYTE, 0) == (byte) 0x80 && bytes.get(ValueLayout.JAVA_BYTE, 1) <= 5)
            throw InputException.in(file, "is a Python pickle that torch.save did not write",
                    "Load it in Python and save its tensors with torch.save");
        if (startsWith(bytes, "version https://git-lfs.github.com/spec/"))
            throw InputException.in(file, "stands for a file that Git LFS keeps elsewhere", "Run 'git lfs pull' in its folder");
        return Safetensors.of(file, bytes, arena);
    }

    private static boolean startsWith(MemorySegment bytes, String text) {
        var start = MemorySegment.ofArray(text.getBytes(StandardCharsets.US_ASCII));
        return bytes.byteSize() >= start.byteSize() && bytes.asSlice(0, start.byteSize()).mismatch(start) < 0;
    }

    /** The header's first character: it also tells a header of 0x280 bytes from a pickle, and one of 0x4B50 from a zip. */
    private static boolean looksLikeSafetensors(MemorySegment bytes) {
        return bytes.byteSize() > 8 && bytes.get(ValueLayout.JAVA_BYTE, 8) == '{'
                && bytes.get(ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 4) == 0;
    }

    /** Names of all tensors, also of those that cannot be read. */
    default Set<String> names() {
        Set<String> names = new LinkedHashSet<>(tensors().keySet());
        names.addAll(unsupported().keySet());
        return names;
    }

    /** The tensor {@code name}. */
    default TensorView tensor(String name) {
        TensorView tensor = tensors().get(name);
        if (tensor != null) return tensor;
        if (unsupported().containsKey(name))
            throw InputException.in(file(), "tensor '" + name + "' has type " + unsupported().get(name) + ", which is not supported",
                    "Convert it to one of " + List.of(DType.values()));
        String some = String.join(", ", tensors().keySet().stream().limit(5).toList());
        throw InputException.in(file(), "tensor '" + name + "' is missing; the file holds " + names().size() + " tensors"
                + (some.isEmpty() ? "" : " (" + some + (names().size() > 5 ? ", ..." : "") + ")"), "Check that this is the right file");
    }

    /** The tensor {@code name}, which must have this shape. */
    default TensorView tensor(String name, Shape shape) {
        TensorView tensor = tensor(name);
        if (!tensor.shape().equals(shape))
            throw InputException.in(file(), "tensor '" + name + "' has shape " + tensor.shape() + ", expected " + shape,
                    "Check that the file belongs to this model");
        return tensor;
    }

    /** The tensor {@code name}, which must hold floating-point numbers. */
    default TensorView floatTensor(String name) {
        TensorView tensor = tensor(name);
        if (!tensor.dtype().isFloat())
            throw InputException.in(file(), "tensor '" + name + "' has type " + tensor.dtype() + ", expected a floating-point one", "");
        return tensor;
    }

    /** The values of a floating-point tensor as float32, row-major. */
    default float[] floats(String name) {
        TensorView tensor = floatTensor(name);
        if (tensor.shape().count() > Integer.MAX_VALUE - 8)
            throw InputException.in(file(), "tensor '" + name + "' " + tensor.shape() + " is too large for one Java array", "");
        float[] values = new float[(int) tensor.shape().count()];
        tensor.copyFloats(MemorySegment.ofArray(values));
        return values;
    }

    /** Writes the values of a floating-point tensor as native float32 to the start of {@code target}, which must have room. */
    default void copyFloats(String name, MemorySegment target) {
        floatTensor(name).copyFloats(target);
    }
}
