package dev.imu2clip.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.backend.Recording;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.memory.Slab;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.optim.Adam;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

import java.util.Random;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Pre-training by the CUDA kernels, on the device that emulates a GPU: against the CPU, in bfloat16, and recorded. */
@Tag("heavy")
class EmulatedTrainingTest {
    private static final int BATCH = 3, SAMPLES = 978, WIDTH = 512, STEPS = 20, EAGER = 2;

    @BeforeAll
    static void needsTheDevice() {
        Assumptions.assumeTrue(Backends.devices().contains("emulated"), "the emulated device cannot run here");
    }

    /** Losses of steps on the same three windows; from the third on the step is recorded and replayed. */
    private static double[] losses(Backend backend, DType compute, int steps) {
        ContrastiveModel model = new ContrastiveModel(ImuEncoder.create("mw2"), true, 0.07, true);
        try (ParameterStore store = ParameterStore.allocate(backend, model, _ -> 1, compute);
                Adam adam = new Adam(store, Adam.Settings.of(2e-4));
                Workspace workspace = new Workspace(backend, "step");
                Slab memory = backend.allocate(4L * BATCH * (6 * SAMPLES + WIDTH) + 64, "inputs")) {
            store.initialise(1);
            Tensor signals = Tensor.in(memory, 64, Shape.of(BATCH, 6, SAMPLES), DType.F32).set(random(BATCH * 6 * SAMPLES, 2));
            Tensor texts = Tensor.in(memory, 64 + signals.bytes(), Shape.of(BATCH, WIDTH), DType.F32).set(random(BATCH * WIDTH, 3));
            Tensor result = Tensor.in(memory, 0, Shape.of(1), DType.F32);
            Runnable step = () -> {
                try (var _ = workspace.step()) {
                    Tape tape = new Tape(workspace);
                    store.watch(tape);
                    Tensor loss = model.loss(tape, model.embed(tape, signals), texts);
                    store.gradients().clear();
                    tape.backward(loss);
                    adam.update();
                    result.set(loss);
                }
            };
            double[] losses = new double[steps];
            Recording recording = null;
            for (int i = 0; i < steps; i++) {
                adam.prepare(1);
                if (i < EAGER) step.run();
                else {
                    if (recording == null) recording = backend.record(step);
                    recording.replay();
                }
                losses[i] = result.item();
            }
            if (recording != null) recording.close();
            assertTrue(workspace.allocations() <= 1 + 8, "a step of fixed shape allocates nothing after the second");
            return losses;
        }
    }

    private static float[] random(int n, long seed) {
        Random random = new Random(seed);
        float[] values = new float[n];
        for (int i = 0; i < n; i++) values[i] = (float) random.nextGaussian();
        return values;
    }

    @Test
    void twentyStepsFollowTheCpu() {
        Assumptions.assumeTrue(Backends.devices().stream().anyMatch(device -> device.startsWith("cpu")), "this build holds no C kernels");
        double[] expected = losses(Backends.get("cpu"), DType.F32, STEPS), actual = losses(Backends.get("emulated"), DType.F32, STEPS);
        for (int i = 0; i < STEPS; i++)
            assertEquals(expected[i], actual[i], 1e-4 * Math.abs(expected[i]), "loss of step " + i);
        assertTrue(actual[STEPS - 1] < 0.8 * actual[0], "it learns: " + actual[0] + " to " + actual[STEPS - 1]);
    }

    @Test
    void bfloat16LearnsAsFloat32Does() {
        double[] exact = losses(Backends.get("emulated"), DType.F32, 4), rounded = losses(Backends.get("emulated"), DType.BF16, 4);
        for (int i = 0; i < exact.length; i++) assertEquals(exact[i], rounded[i], 0.03 * exact[i], "loss of step " + i);
        double[] again = losses(Backends.get("emulated"), DType.BF16, 4);
        assertArrayEquals(rounded, again, "the same bits every time");
    }
}
