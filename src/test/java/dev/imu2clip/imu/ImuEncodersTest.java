package dev.imu2clip.imu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.GoldenHash;
import dev.imu2clip.autograd.Randomness;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.backend.Recording;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.TensorFile;
import dev.imu2clip.io.TensorSource;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.optim.Adam;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;
import dev.imu2clip.train.ContrastiveModel;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What all encoders have in common: arguments, lengths, initial weights, files, learning. Their numbers: ImuEncodersGoldenTest. */
class ImuEncodersTest {
    private static final int STEPS = 40;
    private final Backend backend = Backends.preferred();
    @TempDir
    Path folder;

    /** Small encoders with arguments that are not the defaults. */
    static Stream<ImuEncoder> small() {
        return Stream.of(create("mw2_time", 24), create("attention_pooled", 20, "out_channels=7", "kernel_size=3", "dilation=1"),
                create("time_distributed", 16, "n_frames=3", "n_steps_per_frame=9"),
                create("patch_transformer", 24, "patch_size=5", "nhead=3", "ff_hidden_size=10", "layers=2"),
                create("patch_transformer", 24, "patch_size=5", "cls_token=false"), create("patch_rnn", 14, "patch_size=5"),
                create("patch_rnn", 14, "patch_size=5", "bidirectional=false", "layers=2"));
    }

    private static ImuEncoder create(String name, int width, String... arguments) {
        return ImuEncoder.create(name, width, List.of(arguments));
    }

    // ---- arguments and lengths ----

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "attention_pooled | patch_size=3 | is not one of dilation=2, kernel_size=10, out_channels=24, size_embeddings=512",
            "patch_rnn | patch_size | is not one of bidirectional=true, layers=1, patch_size=1, size_embeddings=512",
            "patch_rnn         | patch_size=0     | patch_size must be a whole number from 1 to 8192, not '0'",
            "patch_rnn         | patch_size=8193  | patch_size must be a whole number from 1 to 8192, not '8193'",
            "patch_rnn         | patch_size=99999999999 | patch_size must be a whole number from 1 to 8192",
            "patch_rnn         | patch_size=1.5   | not '1.5'",
            "patch_rnn         | bidirectional=1  | bidirectional must be true or false, not '1'",
            "patch_rnn         | layers=1,layers=2 | layers is given twice",
            "patch_rnn         | size_embeddings=1 | bidirectional=true needs embeddings of at least 2 numbers",
            "patch_transformer | nhead=5          | nhead=5 does not divide the 512 numbers of an embedding",
    })
    void wrongArgumentsAreErrors(String name, String arguments, String message) {
        String actual = assertThrows(InputException.class, () -> create(name, 512, arguments.split(","))).getMessage();
        assertTrue(actual.startsWith("imu_encoder_args: ") && actual.contains(message), actual);
    }

    /** From the shortest length on, an encoder takes what it says it takes, and its embeddings have the size it says they have. */
    @ParameterizedTest
    @CsvSource({"attention_pooled, 19, 512", "time_distributed, 59, 512", "patch_transformer, 1, 512", "patch_rnn, 1, 512",
            "patch_rnn, 1, 17", "mw2_time, 141, 512"})
    void lengthsThatFit(String name, int shortest, int width) {
        ImuEncoder encoder = create(name, width);
        for (long samples = 0; samples < shortest; samples++) {
            long length = samples;
            assertTrue(assertThrows(InputException.class, () -> encoder.checkLength(length)).getMessage()
                    .contains("the encoder " + name + " needs windows of at least " + shortest + " samples, not " + length));
        }
        assertEquals(width / 2 * 2, encoder.width());
        try (ParameterStore store = ParameterStore.allocate(backend, encoder, false).initialise(1)) {
            for (int samples : new int[] {shortest, shortest + 1, 200}) {
                assertDoesNotThrow(() -> encoder.checkLength(samples));
                assertEquals(encoder.width(), embed(encoder, store, samples).length);
            }
        }
    }

    private float[] embed(ImuEncoder encoder, ParameterStore store, int samples) {
        try (Workspace workspace = new Workspace(store.device(), "test"); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            Tensor window = tape.empty(DType.F32, 1, ImuEncoder.CHANNELS, samples);
            return encoder.encode(tape, window.set(GoldenHash.uniform(9, (int) window.count(), 1))).toFloats();
        }
    }

    // ---- initial weights ----

    @Test
    void initialWeightsAreTheReferences() {
        ImuEncoder pooled = ImuEncoder.create("attention_pooled"), transformer = create("patch_transformer", 512, "patch_size=16");
        try (var _ = ParameterStore.allocate(backend, pooled, false).initialise(1);
                var _ = ParameterStore.allocate(Backends.get("java"), transformer, false).initialise(1)) {
            assertNormal(pooled, "encoder.1.weight", 0.02);
            assertBetween(pooled, "encoder.1.bias", 0.04, 0.01);
            assertBetween(pooled, "encoder.3.weight.bias", 0.04, 0);
            assertZero(pooled, "encoder.5.bias");
            assertBetween(transformer, "model.layers.0.self_attn.in_proj_weight", Math.sqrt(6.0 / 2048), 0.05);
            assertBetween(transformer, "model.layers.0.linear1.weight", 1 / Math.sqrt(512), 0.04);
            assertBetween(transformer, "imu_token_embed.weight", 1 / Math.sqrt(96), 0.1);
            for (String name : List.of("cls", "model.layers.0.self_attn.in_proj_bias", "model.layers.0.self_attn.out_proj.bias"))
                assertZero(transformer, name);
        }
    }

    /** Truncated at two deviations, a normal distribution keeps 0.88 of its deviation. */
    private static void assertNormal(ImuEncoder encoder, String name, double deviation) {
        float[] values = encoder.parameters().get(name).value().toFloats();
        double squares = 0;
        for (float value : values) squares += value * value;
        assertEquals(0.8796 * deviation, Math.sqrt(squares / values.length), 0.05 * deviation, name);
        assertBetween(encoder, name, 2 * deviation, 1.9 * deviation);
    }

    private static void assertBetween(ImuEncoder encoder, String name, double bound, double atLeast) {
        double largest = 0;
        for (float value : encoder.parameters().get(name).value().toFloats()) largest = Math.max(largest, Math.abs(value));
        assertTrue(largest <= bound && largest > atLeast, name + ": largest " + largest);
    }

    private static void assertZero(ImuEncoder encoder, String name) {
        for (float value : encoder.parameters().get(name).value().toFloats()) assertEquals(0, value, name);
    }

    // ---- files ----

    @ParameterizedTest
    @MethodSource("small")
    void aSavedEncoderComesBack(ImuEncoder encoder) {
        try (ParameterStore store = ParameterStore.allocate(backend, encoder, true).initialise(7)) {
            float[] expected = embed(encoder, store, 200);
            for (String ending : List.of("safetensors", "pt")) {
                Path file = folder.resolve("encoder." + ending);
                EncoderFile.save(file, encoder, store, "", Map.of());
                try (EncoderFile.Loaded loaded = EncoderFile.load(file, backend)) {
                    assertEquals(encoder.name(), loaded.encoder().name());
                    assertEquals(encoder.arguments(), loaded.encoder().arguments());
                    assertArrayEquals(expected, embed(loaded.encoder(), loaded.store(), 200), 1e-5f, ending);
                }
            }
        }
    }

    /** As the reference saves it: no metadata, and in a checkpoint a prefix. What shapes show is found; the rest has the defaults. */
    @ParameterizedTest
    @MethodSource("small")
    void anEncoderWithoutANameIsKnownByItsTensors(ImuEncoder encoder) {
        for (String prefix : List.of("", "imu_encoder.")) {
            Path file = bare(encoder, prefix);
            try (TensorFile tensors = TensorFile.open(file)) {
                assertTrue(EncoderFile.isEncoder(tensors));
            }
            try (EncoderFile.Loaded loaded = EncoderFile.load(file, backend)) {
                assertEquals(encoder.name().replace("_time", ""), loaded.encoder().name().replace("_time", ""));
                assertEquals(List.copyOf(encoder.parameters().keySet()), List.copyOf(loaded.encoder().parameters().keySet()));
                assertEquals(encoder.width(), loaded.encoder().width());
            }
        }
    }

    private Path bare(ImuEncoder encoder, String prefix) {
        Path named = folder.resolve("named.pt"), file = folder.resolve("bare.pt");
        try (ParameterStore store = ParameterStore.allocate(backend, encoder, true).initialise(7)) {
            EncoderFile.save(named, encoder, store, "", Map.of());
        }
        try (TensorFile tensors = TensorFile.open(named)) {
            List<TensorSource> sources = new ArrayList<>();
            tensors.tensors().forEach((name, view) -> sources.add(TensorSource.of(view.renamed(prefix + name), DType.F32,
                    new LongAdder())));
            EncoderFile.write(file, Map.of(), sources);
        }
        return file;
    }

    /** Weights that fit, but were trained as another encoder, are refused: nothing else would show it. */
    @Test
    void pretrainedWeightsMustBeOfTheSameEncoder() {
        ImuEncoder one = create("patch_transformer", 24, "patch_size=5", "nhead=3"), deep = create("patch_transformer", 24, "patch_size=5",
                "layers=2");
        Path saved = folder.resolve("one.safetensors");
        try (ParameterStore store = ParameterStore.allocate(backend, one, true).initialise(7)) {
            EncoderFile.save(saved, one, store, "", Map.of());
            EncoderFile.fill(one, store, "", saved);
            EncoderFile.fill(one, store, "", bare(create("patch_transformer", 24, "patch_size=5", "nhead=3"), "")); // says nothing of heads
            String message = assertThrows(InputException.class, () -> EncoderFile.fill(one, store, "", bare(deep, ""))).getMessage();
            assertTrue(message.contains("holds an encoder patch_transformer with layers=2"), message);
        }
        ImuEncoder other = create("patch_transformer", 24, "patch_size=5");
        try (ParameterStore store = ParameterStore.allocate(backend, other, false)) {
            String message = assertThrows(InputException.class, () -> EncoderFile.fill(other, store, "", saved)).getMessage();
            assertTrue(message.startsWith(saved + ": ") && message.contains("with nhead=3. Set model_hparams.imu_encoder_args"), message);
        }
    }

    // ---- learning ----

    @ParameterizedTest
    @MethodSource("small")
    void learnsToTellWindowsApart(ImuEncoder encoder) {
        double[] losses = losses(backend, DType.F32, encoder, STEPS);
        assertTrue(losses[STEPS - 1] < 0.8 * losses[0], encoder.name() + ": " + Arrays.toString(losses));
        assertArrayEquals(losses, losses(backend, DType.F32, encoder, STEPS), "the same bits every time");
    }

    /** The CUDA kernels, emulated: with dropout too, which drops the same everywhere, also when a recorded step is replayed. */
    @Tag("heavy")
    @ParameterizedTest
    @MethodSource("small")
    void learnsByTheCudaKernelsAsOnTheCpu(ImuEncoder encoder) {
        Assumptions.assumeTrue(Backends.devices().contains("emulated"), "the emulated device cannot run here");
        Backend emulated = Backends.get("emulated");
        double[] expected = losses(backend, DType.F32, encoder, 4);
        assertArrayEquals(expected, losses(emulated, DType.F32, encoder, 4), 1e-3);
        assertArrayEquals(expected, losses(emulated, DType.BF16, encoder, 4), 0.1 * expected[0]);
    }

    /**
     * Symmetric InfoNCE of eight windows, noise about levels of their own, with eight rows of numbers, in training: with dropout where
     * there is any. From the third step on the step is recorded and replayed.
     */
    private static double[] losses(Backend backend, DType compute, ImuEncoder encoder, int steps) {
        int samples = 200, batch = 8;
        ContrastiveModel model = new ContrastiveModel(encoder, true, 0.1, true);
        try (ParameterStore store = ParameterStore.allocate(backend, model, _ -> 1, compute).initialise(3);
                Adam adam = new Adam(store, Adam.Settings.of(3e-3)); Randomness randomness = new Randomness(backend, 3);
                Workspace inputs = new Workspace(backend, "inputs"); var _ = inputs.step();
                Workspace workspace = new Workspace(backend, "step")) {
            Tape tape = new Tape(inputs);
            Tensor signals = tape.empty(DType.F32, batch, ImuEncoder.CHANNELS, samples);
            Tensor targets = tape.empty(DType.F32, batch, encoder.width());
            float[] noise = GoldenHash.uniform(1, (int) signals.count(), 1);
            for (int i = 0; i < noise.length; i++) noise[i] = 0.5f * noise[i] + 3 * GoldenHash.uniform(2, i / samples);
            signals.set(noise);
            targets.set(GoldenHash.uniform(77, (int) targets.count(), 1));
            Tensor result = tape.empty(DType.F32, 1);
            Runnable step = () -> step(model, store, adam, randomness, workspace, signals, targets, result);
            double[] losses = new double[steps];
            Recording recording = null;
            for (int i = 0; i < steps; i++) {
                adam.prepare(1);
                randomness.prepare(i);
                if (i == 2) recording = backend.record(step);
                if (recording == null) step.run();
                else recording.replay();
                losses[i] = result.item();
            }
            if (recording != null) recording.close();
            return losses;
        }
    }

    private static void step(ContrastiveModel model, ParameterStore store, Adam adam, Randomness randomness, Workspace workspace,
                             Tensor signals, Tensor targets, Tensor result) {
        try (var _ = workspace.step()) {
            Tape tape = new Tape(workspace).drawFrom(randomness.key());
            store.watch(tape);
            Tensor loss = model.loss(tape, model.embed(tape, signals), targets);
            store.gradients().clear();
            tape.backward(loss);
            adam.update();
            result.set(loss);
        }
    }
}
