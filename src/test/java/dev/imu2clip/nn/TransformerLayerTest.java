package dev.imu2clip.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.TestDevices;
import dev.imu2clip.autograd.Randomness;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.ops.Attention;
import dev.imu2clip.ops.AttentionMask;
import dev.imu2clip.ops.OpCheck;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

import java.util.Random;
import org.junit.jupiter.api.Test;

/** Dropout in a transformer's layer. Without it the layer is compared with PyTorch's in ImuEncodersGoldenTest. */
class TransformerLayerTest {
    /** Gradients of attention with dropped probabilities, and every device against the definitions. */
    @Test
    void droppedAttentionIsDifferentiated() {
        OpCheck.of("dropped attention", (tape, x) -> TransformerLayer.attendDropping(tape.drawFrom(x[1]), x[0], 0.3))
                .input(2, 7, 3, 3, 5).integers(DType.I32, new long[] {5, 6}, 2).terms(7).check();
    }

    @Test
    void withoutDroppingItIsAttention() {
        for (String device : TestDevices.all())
            try (Workspace workspace = new Workspace(Backends.get(device), "test"); var _ = workspace.step()) {
                Tape tape = new Tape(workspace);
                Tensor qkv = random(tape, 2, 9, 3, 2, 6);
                assertArrayEquals(Attention.selfAttention(tape, qkv, AttentionMask.NONE).toFloats(),
                        TransformerLayer.attendDropping(tape, qkv, 0).toFloats(), 1e-6f, device);
            }
    }

    private static Tensor random(Tape tape, long... sizes) {
        Tensor x = tape.empty(DType.F32, sizes);
        Random random = new Random(1);
        float[] values = new float[(int) x.count()];
        for (int i = 0; i < values.length; i++) values[i] = (float) random.nextGaussian();
        return x.set(values);
    }

    /** Every one of the four dropouts is there: in training the layer's result varies; its mean over many draws is near the one without. */
    @Test
    void dropoutIsForTrainingOnly() {
        Backend backend = Backends.preferred();
        TransformerLayer layer = new TransformerLayer(8, 2, 16, 0.1);
        try (ParameterStore store = ParameterStore.allocate(backend, layer, false).initialise(1);
                Randomness randomness = new Randomness(backend, 1);
                Workspace workspace = new Workspace(store.device(), "test"); var _ = workspace.step()) {
            Tensor x = random(new Tape(workspace), 1, 5, 8);
            float[] still = layer.forward(new Tape(workspace), x).toFloats();
            assertArrayEquals(still, layer.forward(new Tape(workspace), x).toFloats());
            double[] mean = new double[still.length];
            int draws = 400, different = 0;
            for (int i = 0; i < draws; i++) {
                randomness.prepare(i);
                float[] dropped = layer.forward(new Tape(workspace).drawFrom(randomness.key()), x).toFloats();
                for (int j = 0; j < mean.length; j++) mean[j] += dropped[j] / draws;
                if (Math.abs(dropped[0] - still[0]) > 1e-6) different++;
            }
            assertTrue(different > 0.9 * draws, "only " + different + " draws differ");
            for (int j = 0; j < mean.length; j++) assertEquals(still[j], mean[j], 0.15);
            Tape tape = new Tape(workspace).drawFrom(randomness.key());
            layer.forward(tape, x);
            // probabilities (2 heads x 5 x 5), both sums' sides (5 x 8), hidden features (5 x 16), a counter for four each
            assertEquals(13 + 10 + 20 + 10, tape.draw(0));
        }
    }

    @Test
    void headsMustShareTheWidth() {
        assertThrows(IllegalArgumentException.class, () -> new TransformerLayer(8, 3, 16, 0));
        assertThrows(IllegalArgumentException.class, () -> new TransformerLayer(8, 0, 16, 0));
    }
}
