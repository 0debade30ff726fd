package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;
import dev.imu2clip.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Optional;
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
     * What the weights themselves tell of a tower besides its shapes: activation, heads. Files of {@code imu2clip convert} do, and OpenAI's
     * TorchScript archives mean QuickGELU and heads of 64 features. Of others a config in their folder tells, see
     * {@link HuggingFaceConfig#of}.
     *
     * @param section {@link HuggingFaceConfig#TEXT} or {@link HuggingFaceConfig#VISION}
     */
    default Optional<HuggingFaceConfig> model(String section) {
        return Optional.empty();
    }

    /**
     * Weights in a file whose content tells its format: Hugging Face's {@code model.safetensors} or {@code pytorch_model.bin}, open_clip's
     * safetensors or {@code .pt}, also a training checkpoint, OpenAI's TorchScript archive or a plain state dict of PyTorch; or a folder
     * with one of them (of those with the usual names, safetensors come first). They may be float32, float16, bfloat16 or float64.
     * Values are read when they are asked for.
     *
     * @throws InputException when the file is missing or damaged
     */
    static ClipWeights open(Path path) {
        return WeightsFile.open(path);
    }

    /** Weights without meaning: see {@link RandomWeights}. */
    static ClipWeights random(TextConfig config, long seed) {
        return new RandomWeights(config, seed);
    }

    /** The same for an image tower. */
    static ClipWeights random(ImageConfig config, long seed) {
        return new RandomWeights(config, seed);
    }
}
