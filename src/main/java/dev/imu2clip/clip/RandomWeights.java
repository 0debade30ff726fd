package dev.imu2clip.clip;

import dev.imu2clip.io.Sha256;
import dev.imu2clip.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.LongStream;

/**
 * Weights from a seed, with the initial scales of OpenAI's CLIP (its {@code initialize_parameters}); biases are 0 and norms the identity.
 * What is embedded with them has no meaning, but different texts and images have different embeddings.
 *
 * <p>All tensors, in the order of the tower's shapes, share one sequence of numbers; each depends on the seed and its place alone,
 * so threads share the work and every machine gets the same bits. A number is the sum of four uniform ones of 16 bits: nearly normal,
 * with nothing beyond 3.46 deviations, and 64 million of them take a tenth of a second.
 */
final class RandomWeights implements ClipWeights {
    private static final int CHUNK = 1 << 16;
    /** Changed whenever other numbers come out, since embeddings are cached under the identity. */
    private static final String RECIPE = "imu2clip random CLIP %s weights, recipe 1, seed %d, %s";
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;

    private record Place(Shape shape, long first) {}

    private final int width, layers;
    private final long seed;
    private final String identity;
    private final Map<String, Place> places = new LinkedHashMap<>();

    RandomWeights(TextConfig config, long seed) {
        this(config.shapes(), config.width(), config.layers(), seed, RECIPE.formatted("text", seed, config));
    }

    RandomWeights(ImageConfig config, long seed) {
        this(config.shapes(), config.width(), config.layers(), seed, RECIPE.formatted("image", seed, config));
    }

    private RandomWeights(Map<String, Shape> shapes, int width, int layers, long seed, String recipe) {
        this.width = width;
        this.layers = layers;
        this.seed = seed;
        this.identity = Sha256.of(recipe);
        long first = 0;
        for (var tensor : shapes.entrySet()) {
            places.put(tensor.getKey(), new Place(tensor.getValue(), first));
            first += tensor.getValue().count();
        }
    }

    @Override
    public Set<String> names() {
        return places.keySet();
    }

    @Override
    public Shape shape(String name) {
        return places.get(name).shape;
    }

    @Override
    public void copyTo(String name, MemorySegment target) {
        Place place = places.get(name);
        long count = place.shape.count(), start = mix(seed);
        float constant = isNorm(name) && name.endsWith(".weight") ? 1 : 0;
        double deviation = deviation(name, place.shape);
        // The variance of four uniform numbers in [0, 65536) is 65536² / 3.
        float scale = (float) (deviation * Math.sqrt(3) / 65536);
        LongStream.range(0, Math.ceilDiv(count, CHUNK)).parallel().forEach(chunk -> {
            for (long i = chunk * CHUNK, end = Math.min(i + CHUNK, count); i < end; i++)
                target.setAtIndex(ValueLayout.JAVA_FLOAT, i, constant + scale * nearlyNormal(start + (place.first + i) * GOLDEN));
        });
    }

    /** OpenAI's initial standard deviation of a tensor; 0 for biases and norms. */
    private double deviation(String name, Shape shape) {
        if (name.endsWith(".bias") || isNorm(name)) return 0;
        if (name.contains("token_embedding")) return 0.02;
        if (name.equals(TextConfig.POSITIONS)) return 0.01;
        if (name.startsWith(ImageConfig.PATCHES)) return 1 / Math.sqrt(3.0 * shape.count() / width);
        if (name.contains("fc1")) return 1 / Math.sqrt(2.0 * width);
        if (name.contains("out_proj") || name.contains("fc2")) return 1 / Math.sqrt(2.0 * width * layers);
        return 1 / Math.sqrt(width);
    }

    private static boolean isNorm(String name) {
        return name.contains("layer_norm") || name.contains("_layernorm") || name.startsWith(ImageConfig.FIRST_NORM);
    }

    /** A whole number around 0, exact in float32, with a deviation of 65536 / sqrt(3). */
    private static int nearlyNormal(long counter) {
        long z = mix(counter);
        return (int) ((z & 0xFFFF) + (z >>> 16 & 0xFFFF) + (z >>> 32 & 0xFFFF) + (z >>> 48)) - 2 * 0xFFFF;
    }

    /** SplitMix64's output function (Steele, Lea and Flood, OOPSLA 2014). */
    private static long mix(long z) {
        z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        return z ^ z >>> 31;
    }

    @Override
    public String identity() {
        return identity;
    }

    @Override
    public String origin() {
        return "random weights of seed " + seed;
    }

    @Override
    public void close() {}
}
