package dev.imu2clip.train;

import dev.imu2clip.GoldenHash;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.optim.Adam;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.nio.file.Path;
import java.util.Arrays;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Training gives the same bits on any number of threads: each number in a process of its own. */
@Tag("heavy")
class ThreadsTest {
    @Test
    void sameBitsOnAnyNumberOfThreads() throws Exception {
        String one = train(1);
        assertTrue(one.startsWith("trained "), one);
        for (int threads : new int[] {2, 3, 7}) assertEquals(one, train(threads), threads + " threads");
    }

    private static String train(int threads) throws Exception {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        Process process = new ProcessBuilder(java, "-Xmx1g", "-XX:+UseSerialGC",
                "--enable-native-access=ALL-UNNAMED", "-Dimu2clip.threads=" + threads, "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")), ThreadsTest.class.getName())
                .redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes());
        assertEquals(0, process.waitFor(), output);
        return output;
    }

    /** Three steps from fixed weights; prints a hash of the losses' and all parameters' bits. */
    public static void main(String[] args) {
        ContrastiveModel model = new ContrastiveModel(ImuEncoder.create("mw2"), false, GoldenHash.TEMPERATURE, true);
        try (ParameterStore store = ParameterStore.allocate(Backends.preferred(), model, true).initialise(1);
                Adam adam = new Adam(store, Adam.Settings.of(2e-4));
                Workspace workspace = new Workspace(store.device(), "step")) {
            int hash = 0;
            for (int step = 0; step < 3; step++)
                try (var _ = workspace.step()) {
                    Tape tape = new Tape(workspace);
                    store.watch(tape);
                    Tensor signals = tape.empty(DType.F32, GoldenHash.BATCH, GoldenHash.CHANNELS, GoldenHash.SAMPLES)
                            .set(GoldenHash.signals(step));
                    Tensor texts = tape.empty(DType.F32, GoldenHash.BATCH, GoldenHash.HIDDEN).set(GoldenHash.texts(step));
                    Tensor loss = model.loss(tape, model.embed(tape, signals), texts);
                    hash = 31 * hash + Arrays.hashCode(loss.toFloats());
                    tape.backward(loss);
                    adam.step(1);
                }
            for (var parameter : store.parameters().values()) hash = 31 * hash + Arrays.hashCode(parameter.value().toFloats());
            System.out.println("trained " + Integer.toHexString(hash));
        }
    }
}
