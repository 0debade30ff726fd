package dev.imu2clip.ops;

import dev.imu2clip.TestDevices;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;
import java.util.Random;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

class AttentionTest {
    @ParameterizedTest(name = "b {0} t {1} s {2} h {3} d {4} causal {5}")
    @CsvSource({
            "1, 1, 1, 1, 1, false",
            "2, 7, 7, 3, 5, true",
            "2, 50, 50, 2, 64, false",
            "1, 77, 77, 2, 64, true",
            "2, 9, 31, 2, 12, false",
            "1, 31, 9, 1, 33, true",
            "1, 130, 240, 1, 8, false", // several tiles of keys and blocks of queries
            "1, 240, 240, 1, 17, true",
    })
    void likeItsDefinition(int b, int t, int s, int h, int d, boolean causal) {
        AttentionMask mask = causal ? AttentionMask.CAUSAL : AttentionMask.NONE;
        OpCheck attention = OpCheck.of("attention", (tape, x) -> Attention.attention(tape, x[0], x[1], x[2], mask))
                .input(b, t, h, d).input(b, s, h, d).input(b, s, h, d).terms(Math.max(Math.max(t, s), d));
        // Central differences run the definition hundreds of times: small sizes show that it is right.
        (t * s < 500 ? attention : attention.withoutGradientCheck()).check();
        if (t != s) return;
        OpCheck packed = OpCheck.of("selfAttention", (tape, x) -> Attention.selfAttention(tape, x[0], mask))
                .input(b, t, 3, h, d).terms(Math.max(t, d));
        (t * s < 500 ? packed : packed.withoutGradientCheck()).check();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void lengths(boolean causal) {
        AttentionMask mask = causal ? AttentionMask.CAUSAL : AttentionMask.NONE;
        OpCheck.of("selfAttention", (tape, x) -> Attention.selfAttention(tape, x[0], mask.lengths(x[1])))
                .input(5, 13, 3, 2, 6).integers(DType.I32, new long[] {13, 1, 0, 7, 12}, 5).terms(13).check();
        OpCheck.of("attention", (tape, x) -> Attention.attention(tape, x[0], x[1], x[2], mask.keyLengths(x[3])))
                .input(4, 5, 2, 6).input(4, 150, 2, 6).input(4, 150, 2, 6).integers(DType.I32, new long[] {150, 1, 0, 113}, 4).terms(150)
                .withoutGradientCheck().check();
    }

    /** Scores far apart, where exp of the plain score would overflow. */
    @Test
    void largeScores() {
        double[] values = new Random(1).doubles(2 * 9 * 3 * 8, -60, 60).toArray();
        OpCheck.of("selfAttention", (tape, x) -> Attention.selfAttention(tape, x[0], AttentionMask.NONE)).input(values, 2, 9, 3, 1, 8)
                .tolerance(1e-4).withoutGradientCheck().check();
    }

    /** A sequence gives the same bits, forward and backward, whatever its batch is padded to and with. */
    @ParameterizedTest
    @CsvSource({"7, false", "7, true", "50, false", "77, true", "113, false", "113, true"})
    void paddingChangesNoBit(int t, boolean causal) {
        int h = 2, d = 20, width = 3 * h * d;
        float[] sequence = new float[t * width], cotangent = new float[t * h * d];
        Random random = new Random(t);
        for (int i = 0; i < sequence.length; i++) sequence[i] = (float) random.nextGaussian();
        for (int i = 0; i < cotangent.length; i++) cotangent[i] = (float) random.nextGaussian();
        for (String device : TestDevices.all()) {
            float[][] alone = run(device, sequence, cotangent, 1, t, t, h, d, causal);
            for (int padded : new int[] {t, t + 1, t + 5, 2 * t, 240}) {
                float[] batch = new float[3 * padded * width], dy = new float[3 * padded * h * d];
                Arrays.fill(batch, Float.NaN); // neither read nor passed on
                Arrays.fill(dy, Float.NaN);
                System.arraycopy(sequence, 0, batch, padded * width, sequence.length);
                System.arraycopy(cotangent, 0, dy, padded * h * d, cotangent.length);
                float[][] among = run(device, batch, dy, 3, padded, t, h, d, causal);
                for (int i = 0; i < 2; i++) {
                    int row = i == 0 ? h * d : width;
                    float[] expected = new float[3 * padded * row];
                    System.arraycopy(alone[i], 0, expected, padded * row, alone[i].length);
                    assertArrayEquals(expected, among[i], device + (i == 0 ? " output" : " gradient") + " padded to " + padded);
                }
            }
        }
    }

    /** Output and gradient of a batch in which only the middle sequence, or the only one, has a length. */
    private static float[][] run(String device, float[] qkv, float[] cotangent, int b, int padded, int t, int h, int d, boolean causal) {
        try (Workspace workspace = new Workspace(Backends.get(device), "test"); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            Tensor x = tape.empty(DType.F32, b, padded, 3, h, d).set(qkv), dx = tape.like(x);
            Tensor lengths = Tensors.set(tape.empty(DType.I32, b), b == 1 ? new double[] {t} : new double[] {0, t, 0});
            tape.watch(x, dx);
            Tensor y = Attention.selfAttention(tape, x, new AttentionMask(causal, lengths, lengths));
            tape.backward(y, tape.like(y).set(cotangent));
            return new float[][] {y.toFloats(), dx.toFloats()};
        }
    }

    @Test
    void refusesWhatDoesNotFit() {
        try (Workspace workspace = new Workspace(Backends.get("java"), "test"); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            var q = tape.empty(DType.F32, 2, 3, 4, 5);
            var lengths = tape.empty(DType.I32, 3);
            assertThrows(IllegalArgumentException.class, () -> Attention.attention(tape, q, q, q.view(0, 2, 3, 4, 4), AttentionMask.NONE));
            assertThrows(IllegalArgumentException.class, () -> Attention.attention(tape, q, q, q, AttentionMask.NONE.lengths(lengths)));
            assertThrows(IllegalArgumentException.class, () -> AttentionMask.CAUSAL.lengths(q));
            assertThrows(IllegalArgumentException.class, () -> Attention.selfAttention(tape, q, AttentionMask.NONE));
            assertEquals(q.shape(), Attention.attention(tape, q, q, q, AttentionMask.NONE).shape());
        }
    }
}
