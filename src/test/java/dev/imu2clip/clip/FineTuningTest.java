package dev.imu2clip.clip;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.TestDevices;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.LowRank;
import dev.imu2clip.nn.Parameter;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.ops.Layout;
import dev.imu2clip.optim.Adam;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Gradients and training of a small CLIP against PyTorch: tools/goldens/fine_tuning.py. */
class FineTuningTest {
    private static final Map<String, Tuning> WAYS = Map.of("all", new Tuning.All(), "last", new Tuning.LastBlocks(1),
            "qv", new Tuning.Adapters(2, 4, Set.of("q_proj", "v_proj"), 0), "wide", new Tuning.Adapters(3, 3, Tuning.Adapters.TARGETS, 2));

    static Stream<String> devices() {
        return TestDevices.all().stream();
    }

    @ParameterizedTest
    @MethodSource("devices")
    void gradientsOfTheTextTowerAreThoseOfPyTorch(String device) {
        try (SmallClip clip = new SmallClip(Backends.get(device), new Tuning.All()); var _ = clip.workspace.step()) {
            Tape tape = new Tape(clip.workspace);
            clip.store.watch(tape);
            Tensor embeds = clip.texts(tape);
            tape.backward(embeds, tape.like(embeds).set(MemorySegment.ofArray(clip.expected.floats("text_cotangent"))));
            clip.text.parameters().forEach((name, parameter) -> assertGradient(clip.expected, "text_grad." + name, parameter));
        }
    }

    @ParameterizedTest
    @MethodSource("devices")
    void gradientsThroughBothTowersAreThoseOfPyTorch(String device) {
        try (SmallClip clip = new SmallClip(Backends.get(device), new Tuning.All()); var _ = clip.workspace.step()) {
            Tape tape = new Tape(clip.workspace);
            clip.store.watch(tape);
            Tensor loss = clip.loss(tape);
            assertEquals(clip.expected.floats("loss")[0], loss.item(), 1e-5);
            tape.backward(loss);
            clip.store.parameters().forEach((name, parameter) ->
                    assertGradient(clip.expected, "grad." + SmallClip.theirs(name), parameter));
        }
    }

    private static void assertGradient(Safetensors expected, String name, Parameter parameter) {
        float[] wanted = fused(expected, name), actual = parameter.gradient().toFloats();
        assertEquals(wanted.length, actual.length, name);
        for (int i = 0; i < wanted.length; i++)
            assertEquals(wanted[i], actual[i], 1e-5 + 1e-3 * Math.abs(wanted[i]), name + "[" + i + "]");
    }

    private static float[] fused(Safetensors expected, String name) {
        if (!name.contains("qkv_proj")) return expected.floats(name);
        List<float[]> parts = new ArrayList<>();
        for (String part : List.of("q_proj", "k_proj", "v_proj")) parts.add(expected.floats(name.replace("qkv_proj", part)));
        float[] all = new float[3 * parts.getFirst().length];
        for (int i = 0; i < 3; i++) System.arraycopy(parts.get(i), 0, all, i * parts.get(i).length, parts.get(i).length);
        return all;
    }

    /** Ten steps of AdamW; then what was frozen has the bits of the start, and the merged tower embeds as the tuned one. */
    @ParameterizedTest
    @CsvSource({"all", "last", "qv", "wide"})
    void tenStepsFollowPyTorch(String way) {
        for (String device : TestDevices.all()) {
            Backend backend = Backends.get(device);
            try (SmallClip clip = new SmallClip(backend, WAYS.get(way));
                    Adam adam = new Adam(clip.store, new Adam.Settings(0.006, 0.9, 0.999, 1e-8, 0.1, true, 1))) {
                startAdapters(clip, way);
                Map<String, float[]> before = values(clip.store);
                assertArrayEquals(clip.expected.floats(way + ".losses"), steps(clip, adam, way), 2e-4f, way + " on " + device);
                clip.store.parameters().forEach((name, parameter) -> {
                    if (clip.store.trainable().containsKey(name)) return;
                    assertNull(parameter.gradient());
                    assertArrayEquals(before.get(name), parameter.value().toFloats(), name);
                });
                float[] tuned = embed(clip, clip.text);
                assertClose(clip.expected.floats(way + ".text_embeds"), tuned, 2e-3);
                assertClose(tuned, embedMerged(clip, backend), 2e-6);
            }
        }
    }

    private static void startAdapters(SmallClip clip, String way) {
        clip.store.parameters().forEach((name, parameter) -> {
            if (!LowRank.names(name)) return;
            float[] start = parameter.value().toFloats();
            if (name.endsWith("lora_B.weight")) assertArrayEquals(new float[start.length], start, name);
            else {
                double bound = 1 / Math.sqrt(parameter.shape().size(1));
                for (float value : start) assertTrue(value != 0 && Math.abs(value) <= bound, name);
                parameter.value().set(clip.expected.floats(way + "." + SmallClip.theirs(name)));
            }
        });
    }

    private static Map<String, float[]> values(ParameterStore store) {
        Map<String, float[]> values = new LinkedHashMap<>();
        store.parameters().forEach((name, parameter) -> values.put(name, parameter.value().toFloats()));
        return values;
    }

    private static float[] steps(SmallClip clip, Adam adam, String way) {
        float[] losses = new float[10];
        for (int step = 0; step < losses.length; step++)
            try (var _ = clip.workspace.step()) {
                float[] rubbish = new float[(int) clip.store.gradients().count()];
                Arrays.fill(rubbish, Float.NaN); // what is not written shows
                for (Parameter parameter : clip.store.trainable().values())
                    parameter.gradient().set(Arrays.copyOf(rubbish, (int) parameter.shape().count()));
                Tape tape = new Tape(clip.workspace);
                clip.store.watch(tape);
                Tensor loss = clip.loss(tape);
                losses[step] = (float) loss.item();
                tape.backward(loss);
                if (step == 1) clip.store.trainable().forEach((name, parameter) -> assertMoves(way + ", " + name, parameter));
                adam.step(1);
            }
        return losses;
    }

    private static void assertMoves(String name, Parameter parameter) {
        float most = 0;
        for (float g : parameter.gradient().toFloats()) {
            assertTrue(Float.isFinite(g), name + ": a gradient is " + g + " or was not written");
            most = Math.max(most, Math.abs(g));
        }
        assertTrue(most > 1e-9, name + " gets no gradient");
    }

    private static float[] embed(SmallClip clip, TextTower tower) {
        try (var _ = clip.workspace.step()) {
            return clip.embed(new Tape(clip.workspace), tower).toFloats();
        }
    }

    private static float[] embedMerged(SmallClip clip, Backend backend) {
        TextTower merged = new TextTower(clip.text.config());
        try (ParameterStore _ = merged.load(backend, clip.text.weights(), false)) {
            return embed(clip, merged);
        }
    }

    private static void assertClose(float[] expected, float[] actual, double tolerance) {
        assertEquals(expected.length, actual.length);
        for (int i = 0; i < expected.length; i++)
            assertEquals(expected[i], actual[i], tolerance * Math.max(1, Math.abs(expected[i])), "at " + i);
    }

    /** Texts that differ much in length go through the tower in several runs: the same embeddings and gradients as in one. */
    @ParameterizedTest
    @MethodSource("devices")
    void runsOfLikeLengthChangeNothing(String device) {
        Backend backend = Backends.get(device);
        TextConfig config = new TextConfig(2, 16, 2, 32, 50, 77, 8, true);
        TextTower tower = new TextTower(config);
        List<int[]> texts = Stream.of(3, 5, 5, 20, 74, 77).map(length -> {
            int[] ids = new Random(length).ints(length, 0, 48).toArray();
            ids[length - 1] = 49;
            return ids;
        }).toList();
        assertEquals(List.of(4, 2), new TextBatch(texts).runs().stream().map(List::size).toList());
        try (ParameterStore store = tower.load(backend, ClipWeights.random(config, 4), true);
                Workspace workspace = new Workspace(backend, "test")) {
            float[] together = gradients(store, workspace, tape -> new TextBatch(texts).embed(tape, tower));
            float[] apart = gradients(store, workspace, tape -> Layout.concat(tape, 0,
                    texts.stream().map(text -> new TextBatch(List.of(text)).embed(tape, tower)).toArray(Tensor[]::new)));
            assertClose(apart, together, 2e-5);
        }
        assertThrows(IllegalArgumentException.class, () -> new TextBatch(texts.reversed()));
    }

    /** The embeddings, and behind them the gradients of all parameters. */
    private static float[] gradients(ParameterStore store, Workspace workspace, Function<Tape, Tensor> embed) {
        try (var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            store.watch(tape);
            Tensor y = embed.apply(tape);
            float[] cotangent = new float[(int) y.count()];
            for (int i = 0; i < cotangent.length; i++) cotangent[i] = (float) Math.cos(i);
            tape.backward(y, tape.like(y).set(cotangent));
            float[] embeddings = y.toFloats(), gradients = store.gradients().toFloats();
            float[] all = Arrays.copyOf(embeddings, embeddings.length + gradients.length);
            System.arraycopy(gradients, 0, all, embeddings.length, gradients.length);
            return all;
        }
    }

    /** Blocks that gradients do not reach keep nothing, and without adapters' gradients their parameters cost nothing. */
    @Test
    void whatIsFrozenCostsNoMemory() {
        Map<String, Long> peaks = new LinkedHashMap<>(), gradients = new LinkedHashMap<>();
        Backend backend = Backends.preferred();
        WAYS.forEach((way, tuning) -> {
            try (SmallClip clip = new SmallClip(backend, tuning); var _ = clip.workspace.step()) {
                Tape tape = new Tape(clip.workspace);
                clip.store.watch(tape);
                clip.texts(tape);
                peaks.put(way, clip.workspace.peakBytes());
                gradients.put(way, clip.store.gradients().bytes());
            }
        });
        assertTrue(peaks.get("last") < 0.6 * peaks.get("all"), "of three blocks one is kept: " + peaks);
        assertTrue(peaks.get("wide") < peaks.get("qv"), "two blocks instead of three: " + peaks);
        assertTrue(gradients.get("last") < 0.5 * gradients.get("all"), gradients.toString());
        assertTrue(gradients.get("qv") < 0.2 * gradients.get("all"), gradients.toString());
    }

    @Test
    void theLastBlocksAreThoseAndWhatFollows() {
        Set<String> last = new TextTower(TextConfig.VIT_B_32).tune(new Tuning.LastBlocks(2));
        assertEquals(2 * 12 + 3, last.size());
        assertTrue(last.contains("text_model.encoder.layers.10.layer_norm1.weight"));
        assertTrue(last.contains("text_model.final_layer_norm.bias") && last.contains("text_projection.weight"));
        Set<String> image = new ImageTower(ImageConfig.VIT_B_32).tune(new Tuning.LastBlocks(12));
        assertEquals(12 * 12 + 3, image.size());
        assertTrue(image.stream().noneMatch(name -> name.contains("embedding") || name.contains("pre_layrnorm")));
        String message = assertThrows(InputException.class, () -> new TextTower(TextConfig.VIT_B_32).tune(new Tuning.LastBlocks(13)))
                .getMessage();
        assertTrue(message.contains("clip.blocks is 13") && message.contains("12 blocks"), message);
    }

    @Test
    void adaptersHaveTheNamesOfPeft() {
        TextTower tower = new TextTower(TextConfig.VIT_B_32);
        Set<String> names = tower.tune(new Tuning.Adapters(8, 16, Set.of("q_proj", "fc1"), 1));
        assertEquals(Set.of("text_model.encoder.layers.11.self_attn.q_proj.lora_A.weight",
                "text_model.encoder.layers.11.self_attn.q_proj.lora_B.weight", "text_model.encoder.layers.11.mlp.fc1.lora_A.weight",
                "text_model.encoder.layers.11.mlp.fc1.lora_B.weight"), names);
        assertEquals(List.of(8L, 512L, 512L, 8L, 2048L, 8L), Stream
                .of("self_attn.q_proj.lora_A", "self_attn.q_proj.lora_B", "mlp.fc1.lora_B")
                .map(name -> tower.parameters().get("text_model.encoder.layers.11." + name + ".weight").shape())
                .flatMap(shape -> Arrays.stream(shape.sizes()).boxed()).toList());
    }

    @Test
    void weightsOfATowerAreThoseItWasGiven() {
        try (SmallClip clip = new SmallClip(Backends.preferred(), WAYS.get("wide"));
                ClipWeights given = ClipWeights.open(SmallClip.WEIGHTS)) {
            ClipWeights weights = clip.text.weights();
            assertEquals(clip.text.config().shapes().keySet(), weights.names());
            String identity = weights.identity();
            for (String name : weights.names()) assertArrayEquals(values(given, name), values(weights, name), name);
            clip.store.parameters().get("text.text_model.encoder.layers.2.mlp.fc2.lora_B.weight").value().set(filled(48, 0.5f));
            assertNotEquals(identity, weights.identity());
            assertEquals(weights.identity(), clip.text.weights().identity());
        }
    }

    private static float[] filled(int n, float value) {
        float[] values = new float[n];
        Arrays.fill(values, value);
        return values;
    }

    private static float[] values(ClipWeights weights, String name) {
        float[] values = new float[(int) weights.shape(name).count()];
        weights.copyTo(name, MemorySegment.ofArray(values));
        return values;
    }
}
