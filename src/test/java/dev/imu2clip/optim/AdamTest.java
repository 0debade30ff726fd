package dev.imu2clip.optim;

import dev.imu2clip.TestDevices;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.nn.Init;
import dev.imu2clip.nn.Module;
import dev.imu2clip.nn.Parameter;
import dev.imu2clip.nn.ParameterStore;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

class AdamTest {
    private static final int ROWS = 7, COLUMNS = 331, BIAS = 19;

    private static final class Model extends Module {
        final Parameter bias = parameter("bias", new Init.Uniform(1), BIAS);
        final Parameter weight = parameter("weight", new Init.Uniform(1), ROWS, COLUMNS);
    }

    /** The textbook, a vector at a time, in double. */
    private static double[] expected(float[] start, float[][] gradients, Adam.Settings s, double decay, double[] clip, Schedule schedule) {
        double[] x = new double[start.length], m = new double[x.length], v = new double[x.length];
        for (int i = 0; i < x.length; i++) x[i] = start[i];
        for (int t = 1; t <= gradients.length; t++) {
            double rate = s.learningRate() * schedule.factor(t - 1);
            for (int i = 0; i < x.length; i++) {
                double g = clip[t - 1] * gradients[t - 1][i];
                if (s.decoupled()) x[i] *= 1 - rate * decay;
                else g += decay * x[i];
                m[i] = s.beta1() * m[i] + (1 - s.beta1()) * g;
                v[i] = s.beta2() * v[i] + (1 - s.beta2()) * g * g;
                x[i] -= rate * (m[i] / (1 - Math.pow(s.beta1(), t))) / (Math.sqrt(v[i] / (1 - Math.pow(s.beta2(), t))) + s.eps());
            }
        }
        return x;
    }

    private static void check(String device, Adam.Settings settings, Schedule schedule) {
        Random random = new Random(3);
        Model model = new Model();
        try (ParameterStore store = ParameterStore.allocate(Backends.get(device), model, true).initialise(5);
                Adam adam = new Adam(store, settings)) {
            float[] weight = model.weight.value().toFloats(), bias = model.bias.value().toFloats();
            float[][] dWeight = new float[20][], dBias = new float[20][];
            double[] clip = new double[20];
            for (int t = 0; t < 20; t++) {
                dWeight[t] = gaussian(random, weight.length);
                dBias[t] = gaussian(random, bias.length);
                double squares = 0;
                for (float g : dWeight[t]) squares += g * g;
                for (float g : dBias[t]) squares += g * g;
                clip[t] = settings.maxNorm() == 0 ? 1 : Math.min(1, settings.maxNorm() / (Math.sqrt(squares) + 1e-6));
                model.weight.gradient().set(dWeight[t]);
                model.bias.gradient().set(dBias[t]);
                adam.step(schedule.factor(t));
            }
            assertClose(expected(weight, dWeight, settings, settings.weightDecay(), clip, schedule), model.weight.value().toFloats());
            assertClose(expected(bias, dBias, settings, 0, clip, schedule), model.bias.value().toFloats());
            assertEquals(20, adam.steps());
        }
    }

    private static float[] gaussian(Random random, int n) {
        float[] values = new float[n];
        for (int i = 0; i < n; i++) values[i] = (float) random.nextGaussian();
        return values;
    }

    private static void assertClose(double[] expected, float[] actual) {
        double[] widened = new double[actual.length];
        for (int i = 0; i < actual.length; i++) widened[i] = actual[i];
        assertArrayEquals(expected, widened, 2e-6);
    }

    @Test
    void followsTheTextbookOnEveryDevice() {
        for (String device : TestDevices.all()) {
            check(device, Adam.Settings.of(1e-2), Schedule.CONSTANT);
            check(device, new Adam.Settings(1e-2, 0.8, 0.99, 1e-6, 0.1, false, 0), Schedule.CONSTANT);
            check(device, new Adam.Settings(1e-2, 0.9, 0.999, 1e-8, 0.1, true, 0), new Schedule(Schedule.Kind.COSINE, 5, 20, 0.1));
            check(device, new Adam.Settings(1e-2, 0.9, 0.999, 1e-8, 0, false, 1.5), Schedule.CONSTANT);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 10, 100})
    void scheduleWarmsUpAndCoolsDown(long warmup) {
        Schedule schedule = new Schedule(Schedule.Kind.COSINE, warmup, 1000, 0.01);
        assertEquals(1.0 / warmup, schedule.factor(0), 1e-12);
        assertEquals(1, schedule.factor(warmup), 1e-12);
        assertEquals(0.01, schedule.factor(1000), 1e-12);
        assertEquals(0.01, schedule.factor(2000), 1e-12);
        for (long t = warmup; t < 1000; t++) assertEquals(true, schedule.factor(t + 1) <= schedule.factor(t));
    }

    /** tools/goldens/core.py */
    @ParameterizedTest
    @CsvSource({"adam,0,false", "adam_decay,0.1,false", "adamw,0.1,true"})
    void followsPyTorch(String name, double decay, boolean decoupled) throws URISyntaxException {
        try (Safetensors golden = Safetensors.open(Path.of(AdamTest.class.getResource("/goldens/adam.safetensors").toURI()))) {
            for (String device : TestDevices.all())
                for (int clip = 0; clip <= 1; clip++) {
                    String golds = name + "_clip" + clip;
                    float[] gradients = golden.floats(golds + ".x1");
                    Matrix model = new Matrix();
                    try (ParameterStore store = ParameterStore.allocate(Backends.get(device), model, true);
                            Adam adam = new Adam(store, new Adam.Settings(1e-2, 0.9, 0.999, 1e-8, decay, decoupled, clip))) {
                        model.weight.value().set(golden.floats(golds + ".x0"));
                        for (int t = 0; t < 10; t++) {
                            model.weight.gradient().set(Arrays.copyOfRange(gradients, 35 * t, 35 * (t + 1)));
                            adam.step(1);
                        }
                        assertArrayEquals(golden.floats(golds + ".y"), model.weight.value().toFloats(), 1e-6f, golds + " on " + device);
                    }
                }
        }
    }

    private static final class Matrix extends Module {
        final Parameter weight = parameter("weight", Init.ZEROS, 7, 5);
    }
}
