package dev.imu2clip.clip;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.TestDevices;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.Parameter;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The image tower against transformers at a small size (tools/goldens/image_tower.py): embeddings, and gradients of everything. */
class ImageTowerTest {
    private static final HuggingFaceConfig TWO_HEADS = new HuggingFaceConfig(2, true);
    private static final Path WEIGHTS = golden("clip_image_tiny"), EXPECTED = golden("clip_image_tiny_expected");

    private static Path golden(String name) {
        try {
            return Path.of(ImageTowerTest.class.getResource("/goldens/" + name + ".safetensors").toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    static Stream<String> devices() {
        return TestDevices.all().stream();
    }

    @Test
    void shapesTellTheSizes() {
        try (ClipWeights weights = ClipWeights.open(WEIGHTS)) {
            assertEquals(new ImageConfig(2, 32, 2, 128, 8, 32, 16, true), ImageConfig.of(weights, TWO_HEADS));
        }
        assertEquals(87_849_216, new ImageTower(ImageConfig.VIT_B_32).count());
        assertEquals(87_849_216, ImageConfig.VIT_B_32.shapes().values().stream().mapToLong(s -> s.count()).sum());
    }

    @ParameterizedTest
    @MethodSource("devices")
    void embeddingsAreThoseOfTransformers(String device) {
        Backend backend = Backends.get(device);
        try (ClipWeights weights = ClipWeights.open(WEIGHTS); Safetensors expected = Safetensors.open(EXPECTED);
                var workspace = new Workspace(backend, "image tower")) {
            var tower = new ImageTower(ImageConfig.of(weights, TWO_HEADS));
            try (ParameterStore store = tower.load(backend, weights, false); var _ = workspace.step()) {
                Tape tape = new Tape(workspace);
                assertArrayEquals(expected.floats("image_embeds"), tower.forward(tape, pixels(tape, expected)).toFloats(), 1e-5f);
                assertEquals(tower.parameters().size(), store.parameters().size());
            }
        }
    }

    @ParameterizedTest
    @MethodSource("devices")
    void gradientsAreThoseOfPyTorch(String device) {
        Backend backend = Backends.get(device);
        try (ClipWeights weights = ClipWeights.open(WEIGHTS); Safetensors expected = Safetensors.open(EXPECTED);
                var workspace = new Workspace(backend, "image tower")) {
            var tower = new ImageTower(ImageConfig.of(weights, TWO_HEADS));
            try (ParameterStore store = tower.load(backend, weights, true); var _ = workspace.step()) {
                Tape tape = new Tape(workspace);
                store.watch(tape);
                Tensor pixels = pixels(tape, expected), pixelGradient = tape.like(pixels);
                tape.watch(pixels, pixelGradient);
                Tensor embeds = tower.forward(tape, pixels);
                tape.backward(embeds, tape.like(embeds).set(MemorySegment.ofArray(expected.floats("image_cotangent"))));
                assertClose(expected.floats("grad.pixels"), pixelGradient.toFloats(), "pixels");
                for (Map.Entry<String, Parameter> entry : store.parameters().entrySet())
                    assertClose(gradient(expected, entry.getKey()), entry.getValue().gradient().toFloats(), entry.getKey());
            }
        }
    }

    private static float[] gradient(Safetensors expected, String name) {
        if (!name.contains("qkv_proj")) return expected.floats("grad." + name);
        List<float[]> parts = new ArrayList<>();
        for (String part : List.of("q_proj", "k_proj", "v_proj")) parts.add(expected.floats("grad." + name.replace("qkv_proj", part)));
        int third = parts.getFirst().length;
        float[] all = new float[3 * third];
        for (int i = 0; i < 3; i++) System.arraycopy(parts.get(i), 0, all, i * third, third);
        return all;
    }

    private static void assertClose(float[] expected, float[] actual, String name) {
        assertEquals(expected.length, actual.length, name);
        for (int i = 0; i < expected.length; i++)
            assertEquals(expected[i], actual[i], 1e-4 + 1e-3 * Math.abs(expected[i]), name + "[" + i + "]");
        assertTrue(Arrays.equals(expected, new float[expected.length]) || !Arrays.equals(actual, new float[actual.length]), name + " is zero");
    }

    @Test
    void otherPixelsAreRefused() {
        Backend backend = Backends.get("java");
        try (ClipWeights weights = ClipWeights.open(WEIGHTS); var workspace = new Workspace(backend, "image tower")) {
            var tower = new ImageTower(ImageConfig.of(weights, TWO_HEADS));
            try (ParameterStore _ = tower.load(backend, weights, false); var _ = workspace.step()) {
                Tape tape = new Tape(workspace);
                for (long[] sizes : new long[][] {{1, 3, 32, 31}, {1, 1, 32, 32}, {3, 32, 32}, {1, 3, 64, 64}})
                    assertTrue(assertThrows(IllegalArgumentException.class, () -> tower.forward(tape, tape.empty(DType.F32, sizes)))
                            .getMessage().contains("(B, 3, 32, 32)"));
            }
        }
    }

    @Test
    void weightsWithoutAnImageTowerAreRefused(@TempDir Path folder) throws IOException {
        try (ClipWeights text = ClipWeights.open(TinyTower.WEIGHTS)) {
            String message = assertThrows(InputException.class, () -> ImageConfig.of(text, TWO_HEADS)).getMessage();
            assertTrue(message.contains("holds no CLIP image tower") && message.contains(ImageConfig.POSITIONS), message);
        }
        Path file = folder.resolve("odd.safetensors");
        try (Safetensors tiny = Safetensors.open(WEIGHTS)) {
            Safetensors.write(file, Map.of(), tiny.names().stream().map(name -> tiny.require(name)).map(e -> e.name().equals(ImageConfig.POSITIONS)
                    ? new Safetensors.Source(e.name(), e.dtype(), dev.imu2clip.tensor.Shape.of(16, 32), e.bytes().asSlice(0, 2 * 16 * 32))
                    : new Safetensors.Source(e.name(), e.dtype(), e.shape(), e.bytes())).toList());
        }
        try (ClipWeights odd = ClipWeights.open(file)) {
            String message = assertThrows(InputException.class, () -> ImageConfig.of(odd, TWO_HEADS)).getMessage();
            assertTrue(message.contains("16 positions"), message);
        }
    }

    private static Tensor pixels(Tape tape, Safetensors expected) {
        return tape.empty(DType.F32, 3, 3, 32, 32).set(MemorySegment.ofArray(expected.floats("pixels")));
    }
}
