package dev.imu2clip.clip;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.io.Sha256;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ClipWeightsTest {
    @TempDir
    Path folder;

    /** Weights whose values must not be asked for. */
    record Unreadable(ClipWeights weights) implements ClipWeights {
        @Override
        public Set<String> names() {
            return weights.names();
        }

        @Override
        public Shape shape(String name) {
            return weights.shape(name);
        }

        @Override
        public void copyTo(String name, MemorySegment target) {
            throw new UnsupportedOperationException("values are not to be read");
        }

        @Override
        public String identity() {
            return weights.identity();
        }

        @Override
        public String origin() {
            return weights.origin();
        }

        @Override
        public void close() {
            weights.close();
        }
    }

    /** The tiny tower's file with some tensors changed, left out (null) or added. */
    private Path changed(UnaryOperator<Safetensors.Source> change, Safetensors.Source... more) {
        Path file = folder.resolve("model.safetensors");
        try (Safetensors tiny = Safetensors.open(TinyTower.WEIGHTS)) {
            List<Safetensors.Source> tensors = new ArrayList<>();
            for (var e : tiny.entries().values()) {
                Safetensors.Source tensor = change.apply(new Safetensors.Source(e.name(), e.dtype(), e.shape(), e.bytes()));
                if (tensor != null) tensors.add(tensor);
            }
            tensors.addAll(List.of(more));
            Safetensors.write(file, Map.of(), tensors);
        }
        return file;
    }

    private static TextConfig config(Path file) {
        try (ClipWeights weights = ClipWeights.open(file)) {
            return TextConfig.of(weights, TinyTower.TWO_HEADS);
        }
    }

    private static void assertRefused(Path file, String... parts) {
        var e = assertThrows(InputException.class, () -> config(file));
        for (String part : Stream.concat(Stream.of(file.toString()), Arrays.stream(parts)).toList())
            assertTrue(e.getMessage().contains(part), e.getMessage());
    }

    private static float[] values(ClipWeights weights, String name) {
        float[] values = new float[(int) weights.shape(name).count()];
        MemorySegment target = java.lang.foreign.Arena.ofAuto().allocate(4L * values.length, 4);
        weights.copyTo(name, target);
        MemorySegment.copy(target, ValueLayout.JAVA_FLOAT, 0, values, 0, values.length);
        return values;
    }

    // ---- files ----

    @Test
    void shapesTellTheConfig() {
        assertEquals(new TextConfig(2, 64, 2, 256, 600, 77, 32, true), config(TinyTower.WEIGHTS));
        try (ClipWeights weights = ClipWeights.open(TinyTower.WEIGHTS)) {
            assertEquals(1, TextConfig.of(weights, HuggingFaceConfig.OPENAI).heads());
        }
    }

    @Test
    void theRestOfClipMayBeThere() {
        Path whole = changed(t -> t, Safetensors.Source.of("vision_model.embeddings.class_embedding", new float[8], 8),
                Safetensors.Source.of("logit_scale", new float[1]),
                new Safetensors.Source("text_model.embeddings.position_ids", DType.I64, Shape.of(1, 2),
                        MemorySegment.ofArray(new long[2])));
        assertEquals(config(TinyTower.WEIGHTS), config(whole));
        assertEquals(config(TinyTower.WEIGHTS), config(folder));
    }

    @ParameterizedTest
    @EnumSource(names = {"F32", "F16", "BF16"})
    void halvesAreRead(DType type) {
        String name = TextConfig.LAYERS + "1.self_attn.v_proj.weight";
        Path file = changed(t -> t.name().equals(name) ? converted(t, type) : t);
        try (ClipWeights weights = ClipWeights.open(file); ClipWeights exact = ClipWeights.open(TinyTower.WEIGHTS)) {
            assertEquals(config(TinyTower.WEIGHTS), config(file));
            float[] expected = values(exact, name), actual = values(weights, name);
            for (int i = 0; i < expected.length; i++) assertEquals(expected[i], actual[i],
                    type == DType.BF16 ? Math.abs(expected[i]) / 128 : 0);
        }
    }

    private static Safetensors.Source converted(Safetensors.Source half, DType type) {
        short[] halves = half.bytes().toArray(ValueLayout.JAVA_SHORT_UNALIGNED);
        MemorySegment bytes = switch (type) {
            case F16 -> half.bytes();
            case BF16 -> {
                short[] out = new short[halves.length];
                for (int i = 0; i < out.length; i++) out[i] = (short) (Float.floatToIntBits(Float.float16ToFloat(halves[i])) >>> 16);
                yield MemorySegment.ofArray(out);
            }
            default -> {
                float[] out = new float[halves.length];
                for (int i = 0; i < out.length; i++) out[i] = Float.float16ToFloat(halves[i]);
                yield MemorySegment.ofArray(out);
            }
        };
        return new Safetensors.Source(half.name(), type, half.shape(), bytes);
    }

    @Test
    void everyMissingOrMisshapenTensorIsNamed() {
        String gone = TextConfig.LAYERS + "1.mlp.fc2.bias", wrong = TextConfig.LAYERS + "0.self_attn.q_proj.weight";
        assertRefused(changed(t -> t.name().equals(gone) ? null
                : t.name().equals(wrong) ? new Safetensors.Source(wrong, t.dtype(), Shape.of(32, 128), t.bytes()) : t),
                "'" + gone + "' is missing", "'" + wrong + "' has shape (32, 128), expected (64, 64)");
        assertRefused(changed(t -> t.name().startsWith(TextConfig.LAYERS + "1.layer_norm") ? null : t),
                "layers.1.layer_norm1.weight' is missing",
                "layers.1.layer_norm2.bias' is missing");
    }

    /** A tower without a block in the middle would be another, smaller one. */
    @Test
    void aBlockThatIsMissingAltogetherIsNamed() {
        assertRefused(changed(t -> t.name().startsWith(TextConfig.LAYERS + "1.")
                ? new Safetensors.Source(t.name().replace("layers.1.", "layers.2."), t.dtype(), t.shape(), t.bytes()) : t),
                "has 2 blocks '" + TextConfig.LAYERS + "N', but none of them is 1");
    }

    @Test
    void filesWithoutATextTowerAreRefused() throws IOException {
        assertRefused(changed(t -> t.name().startsWith("text_projection") ? null : t), "no text_projection.weight", "imu2clip download clip-vit-b-32");
        assertRefused(changed(t -> null, Safetensors.Source.of("visual_projection.weight", new float[4], 2, 2)),
                "holds no CLIP text tower");
        assertRefused(changed(t -> t.name().equals(TextConfig.TOKENS) ? new Safetensors.Source(t.name(), t.dtype(), Shape.of(600 * 64),
                t.bytes()) : t),
                "expected a matrix");
        assertRefused(changed(t -> t.name().equals("text_projection.weight")
                ? new Safetensors.Source(t.name(), DType.I32, Shape.of(16, 64), t.bytes()) : t), "has type I32");
        assertRefused(folder.resolve("none.safetensors"), "no such file");
        byte[] bytes = Files.readAllBytes(TinyTower.WEIGHTS);
        assertRefused(Files.write(folder.resolve("half.safetensors"), Arrays.copyOf(bytes, bytes.length / 2)), "half.safetensors");
        assertRefused(Files.writeString(folder.resolve("text.safetensors"), "not a weights file at all"), "text.safetensors");
    }

    @Test
    void theModelsOwnConfigIsFollowed() throws IOException {
        assertEquals(Optional.empty(), HuggingFaceConfig.beside(folder, HuggingFaceConfig.TEXT));
        Path file = folder.resolve("config.json");
        Files.writeString(file, "{\"text_config\": {\"hidden_act\": \"gelu\", \"num_attention_heads\": 8}}");
        assertEquals(Optional.of(new HuggingFaceConfig(8, false)), HuggingFaceConfig.beside(folder, HuggingFaceConfig.TEXT));
        for (String wrong : List.of("{\"hidden_act\": \"swish\"}", "{\"layer_norm_eps\": 0.1}", "{"))
            assertTrue(assertThrows(InputException.class, () -> HuggingFaceConfig.beside(Files.writeString(file, wrong).getParent(), HuggingFaceConfig.TEXT))
                    .getMessage().contains("config.json"));
        try (ClipWeights weights = ClipWeights.open(TinyTower.WEIGHTS)) {
            assertThrows(InputException.class, () -> TextConfig.of(weights, new HuggingFaceConfig(3, true)));
        }
    }

    // ---- identity ----

    @Test
    void aFilesHashIsRememberedUntilItChanges() throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "abc"), cache = folder.resolve("cache");
        String abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assertEquals(abc, Sha256.of(file, cache));
        // As long as the file is the same, the memory answers.
        Path memory;
        try (var memories = Files.list(cache.resolve("sha256"))) {
            memory = memories.findFirst().orElseThrow();
        }
        String other = Sha256.of("other");
        Files.writeString(memory, Files.readString(memory).replace(abc, other));
        assertEquals(other, Sha256.of(file, cache));
        // Another content of the same size, with the time of the first.
        FileTime time = Files.getLastModifiedTime(file);
        Files.writeString(file, "abd");
        Files.setLastModifiedTime(file, Files.getFileStore(file).supportsFileAttributeView("posix") ? time
                : FileTime.fromMillis(time.toMillis() + 2000));
        String abd = Sha256.of("abd");
        assertEquals(abd, Sha256.of(file, cache));
        // A damaged memory is no harm, nor one that cannot be written.
        Files.writeString(memory, "nonsense");
        assertEquals(abd, Sha256.of(file, cache));
        assertEquals(abd, Sha256.of(file, file));
    }

    // ---- random ----

    @Test
    void randomWeightsFollowFromTheSeed() {
        TextConfig small = new TextConfig(2, 64, 1, 256, 3000, 77, 32, true);
        ClipWeights first = ClipWeights.random(small, 5), again = ClipWeights.random(small, 5), other = ClipWeights.random(small, 6);
        for (String name : first.names()) {
            assertArrayEquals(values(first, name), values(again, name), name);
            if (!name.endsWith(".bias") && !name.contains("norm")) assertFalse(Arrays.equals(values(first, name), values(other, name)),
                    name);
        }
        assertEquals(first.identity(), again.identity());
        assertNotEquals(first.identity(), other.identity());
        assertNotEquals(first.identity(), ClipWeights.random(TextConfig.VIT_B_32, 5).identity());
        assertEquals(63_428_096, TextConfig.VIT_B_32.shapes().values().stream().mapToLong(Shape::count).sum());
    }

    @Test
    void randomWeightsHaveOpenAisScales() {
        ClipWeights weights = ClipWeights.random(TextConfig.VIT_B_32, 0);
        String layer = TextConfig.LAYERS + "3.";
        assertScale(weights, TextConfig.POSITIONS, 0.01);
        assertScale(weights, layer + "self_attn.k_proj.weight", Math.pow(512, -0.5));
        assertScale(weights, layer + "self_attn.out_proj.weight", Math.pow(512, -0.5) * Math.pow(24, -0.5));
        assertScale(weights, layer + "mlp.fc1.weight", Math.pow(1024, -0.5));
        assertScale(weights, layer + "mlp.fc2.weight", Math.pow(512, -0.5) * Math.pow(24, -0.5));
        assertScale(weights, "text_projection.weight", Math.pow(512, -0.5));
        for (float v : values(weights, layer + "layer_norm1.weight")) assertEquals(1, v);
        for (float v : values(weights, layer + "mlp.fc1.bias")) assertEquals(0, v);
    }

    /** Mean 0, the deviation, a normal distribution's share within one deviation and kurtosis near 3 (2.7 for a sum of four), no correlation. */
    private static void assertScale(ClipWeights weights, String name, double deviation) {
        float[] values = values(weights, name);
        double mean = 0, square = 0, fourth = 0, within = 0, neighbours = 0;
        for (int i = 0; i < values.length; i++) {
            double z = values[i] / deviation;
            mean += z;
            square += z * z;
            fourth += z * z * z * z;
            within += Math.abs(z) < 1 ? 1 : 0;
            if (i > 0) neighbours += z * values[i - 1] / deviation;
        }
        int n = values.length;
        double noise = 5 / Math.sqrt(n);
        assertEquals(0, mean / n, noise, name);
        assertEquals(1, square / n, 2 * noise, name);
        assertEquals(2.7, fourth / n, 8 * noise, name);
        assertEquals(0.68, within / n, 0.02, name);
        assertEquals(0, neighbours / n, noise, name);
    }
}
