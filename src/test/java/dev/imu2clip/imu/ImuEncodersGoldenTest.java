package dev.imu2clip.imu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.fail;

import dev.imu2clip.GoldenHash;
import dev.imu2clip.TestDevices;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The encoders and all their gradients against PyTorch, on every device: tools/goldens/imu_encoders.py, which has the formulas. */
class ImuEncodersGoldenTest {
    private static final int WINDOWS = 2, SAMPLED = 512;
    private static Safetensors goldens;

    /** An encoder and the stream of its numbers. */
    record Case(String text, int number) {
        String[] parts() {
            return text.split("/");
        }

        int width() {
            return Integer.parseInt(parts()[1]);
        }

        int samples() {
            return Integer.parseInt(parts()[3]);
        }

        ImuEncoder encoder() {
            String arguments = parts()[2];
            return ImuEncoder.create(parts()[0], width(), arguments.isEmpty() ? List.of() : List.of(arguments.split(",")));
        }

        long stream() {
            return 1000L * number;
        }
    }

    @BeforeAll
    static void open() throws URISyntaxException {
        goldens = Safetensors.open(Path.of(ImuEncodersGoldenTest.class.getResource("/goldens/imu_encoders.safetensors").toURI()));
    }

    @AfterAll
    static void close() {
        goldens.close();
    }

    static Stream<Case> cases() {
        List<String> names = goldens.names().stream().filter(name -> name.endsWith(".y")).sorted().toList();
        return names.stream().map(name -> new Case(name.substring(0, name.length() - 2), names.indexOf(name)));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void asInPyTorch(Case one) {
        for (String device : TestDevices.all()) if (!device.equals("java") || one.width() < 100) check(one, device);
    }

    private static void check(Case one, String device) {
        ImuEncoder encoder = one.encoder();
        assertEquals(new LinkedHashSet<>(expectedNames(one)), new LinkedHashSet<>(encoder.parameters().keySet()));
        Map<String, float[]> weights = weights(encoder, one.stream() + 2);
        try (ParameterStore store = ParameterStore.allocate(Backends.get(device), encoder, true).load((name, _) -> weights.get(name));
                Workspace workspace = new Workspace(store.device(), "test"); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            Tensor x = tape.empty(DType.F32, WINDOWS, ImuEncoder.CHANNELS, one.samples());
            x.set(GoldenHash.uniform(one.stream(), (int) x.count(), 1));
            Tensor dx = tape.like(x);
            store.gradients().clear(); // what a PatchRNN's upper layers have stays
            store.watch(tape);
            tape.watch(x, dx);
            Tensor y = encoder.encode(tape, x);
            assertEquals(encoder.width(), y.size(1));
            compare(one.text() + ".y", device, y, y.count(), 1e-6);
            Tensor dy = tape.like(y).set(GoldenHash.uniform(one.stream() + 1, (int) y.count(), 1));
            tape.backward(y, dy);
            compare(one.text() + ".dx", device, dx, SAMPLED, 1e-4);
            encoder.parameters().forEach((name, parameter) -> compare(one.text() + ".d." + name, device, parameter.gradient(),
                    SAMPLED, 1e-4));
        }
    }

    private static List<String> expectedNames(Case one) {
        String prefix = one.text() + ".d.";
        return goldens.names().stream().filter(name -> name.startsWith(prefix)).map(name -> name.substring(prefix.length())).toList();
    }

    private static Map<String, float[]> weights(ImuEncoder encoder, long stream) {
        Map<String, float[]> weights = new HashMap<>();
        List<String> names = new ArrayList<>(encoder.parameters().keySet());
        encoder.parameters().forEach((name, parameter) -> {
            Shape shape = parameter.shape();
            boolean vector = shape.rank() == 1;
            float scale = (float) (vector ? 0.1 : 1 / Math.sqrt((double) shape.count() / shape.size(0)));
            float[] values = GoldenHash.uniform(stream + names.indexOf(name), (int) shape.count(), 1);
            for (int i = 0; i < values.length; i++) {
                values[i] *= scale;
                if (vector && name.endsWith("weight")) values[i] += 1;
            }
            weights.put(name, values);
        });
        return weights;
    }

    private static void compare(String name, String device, Tensor tensor, long most, double absolute) {
        assertNotNull(goldens.entries().get(name), name);
        float[] expected = goldens.floats(name), all = tensor.toFloats();
        if (all.length <= most) assertEquals(goldens.require(name).shape(), tensor.shape(), name);
        int step = Math.ceilDiv(all.length, (int) most);
        assertEquals(expected.length, Math.ceilDiv(all.length, step), name);
        for (int i = 0; i < expected.length; i++) {
            double want = expected[i], got = all[i * step];
            if (!(Math.abs(want - got) <= absolute + 1e-3 * Math.abs(want)))
                fail(device + " " + name + " [" + i * step + "]: PyTorch has " + want + ", ours is " + got);
        }
    }
}
