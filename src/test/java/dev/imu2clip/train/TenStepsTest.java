package dev.imu2clip.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.imu2clip.TestDevices;
import dev.imu2clip.GoldenHash;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.optim.Adam;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.io.InputStream;
import java.util.Map;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

/** Ten training steps from the same weights and batches as PyTorch's: tools/goldens/train_steps.py. */
class TenStepsTest {
    private static final int BATCH = 8, SAMPLES = 1000, WIDTH = 512;

    private static JsonNode golden() throws IOException {
        try (InputStream in = TenStepsTest.class.getResourceAsStream("/goldens/train_steps.json")) {
            return new ObjectMapper().readTree(in);
        }
    }

    @Test
    void followPyTorchOnEveryInstructionSet() throws IOException {
        for (String device : TestDevices.all()) if (!device.equals("java")) follow(device);
    }

    private static void follow(String device) throws IOException {
        JsonNode golden = golden();
        ContrastiveModel model = new ContrastiveModel(ImuEncoder.create("mw2"), false, GoldenHash.TEMPERATURE, true);
        assertEquals(850_892 + 1, model.parameters().values().stream().mapToLong(p -> p.shape().count()).sum());
        Map<String, float[]> weights = GoldenHash.parameters();
        try (ParameterStore store = ParameterStore.allocate(Backends.get(device), model, true);
                Adam adam = new Adam(store, Adam.Settings.of(2e-4));
                Workspace workspace = new Workspace(store.device(), "step")) {
            store.load((name, shape) -> name.equals("temperature") ? new float[] {GoldenHash.TEMPERATURE}
                    : weights.get(name.substring(ContrastiveModel.ENCODER.length())));
            for (int step = 0; step < 10; step++) {
                try (var _ = workspace.step()) {
                    Tape tape = new Tape(workspace);
                    store.watch(tape);
                    Tensor signals = tape.empty(DType.F32, BATCH, 6, SAMPLES).set(GoldenHash.signals(step % 2));
                    Tensor texts = tape.empty(DType.F32, BATCH, WIDTH).set(GoldenHash.texts(step % 2));
                    if (step == 0) checkEmbeddings(golden, model.encoder().encode(new Tape(workspace), signals).toFloats());
                    Tensor loss = model.loss(tape, model.embed(tape, signals), texts);
                    double expected = golden.get("losses").get(step).asDouble();
                    assertEquals(expected, loss.item(), 1e-4 * expected, device + ", loss of step " + step);
                    tape.backward(loss);
                    if (step == 0) checkGradients(golden.get("gradients"), store, device);
                    adam.step(1);
                }
                double expected = golden.get("temperatures").get(step).asDouble();
                assertEquals(expected, model.temperature(), 1e-4 * expected, device + ", temperature after step " + step);
            }
        }
    }

    private static void checkEmbeddings(JsonNode golden, float[] actual) {
        float[] expected = new float[actual.length];
        for (int i = 0; i < expected.length; i++) expected[i] = (float) golden.get("embeddings").get(i).asDouble();
        assertArrayEquals(expected, actual, 2e-6f);
    }

    private static void checkGradients(JsonNode golden, ParameterStore store, String device) {
        store.parameters().forEach((name, parameter) -> {
            String theirs = name.startsWith(ContrastiveModel.ENCODER) ? name.substring(ContrastiveModel.ENCODER.length()) : name;
            double squares = 0;
            for (float g : parameter.gradient().toFloats()) squares += (double) g * g;
            double expected = golden.get(theirs).get("norm").asDouble();
            assertEquals(expected, Math.sqrt(squares), 1e-4 * expected, device + ", gradient of " + name);
        });
    }
}
