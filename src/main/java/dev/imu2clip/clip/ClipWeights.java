package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;
import dev.imu2clip.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Set;

/**
 * CLIP's weights under Hugging Face's names, wherever they come from: {@link #open a file} in some format, or {@link #random a seed}.
 * A format with other names gives them these. Reading is thread-safe.
 */
public interface ClipWeights extends AutoCloseable {
    Set<String> names();

    /** Shape of a floating-point tensor. Errors name the tensor that is missing or of another type. */
    Shape shape(String name);

    /** Writes the values of a tensor to the start of {@code target}, as native float32. */
    void copyTo(String name, MemorySegment target);

    /** SHA-256 of what the values follow from: equal for equal weights, on every machine. */
    String identity();

    /** The source, as errors name it. */
    String origin();

    @Override
    void close();

    /**
     * Hugging Face's safetensors: a file, or a folder with {@code model.safetensors}. It may hold the whole CLIP; float32, float16 or
     * bfloat16. The header is checked, values are read when they are asked for.
     *
     * @throws InputException when the file is missing or damaged
     */
    static ClipWeights open(Path path) {
        return SafetensorsWeights.open(path);
    }

    /** Weights without meaning: see {@link RandomWeights}. */
    static ClipWeights random(TextConfig config, long seed) {
        return new RandomWeights(config, seed);
    }
}
