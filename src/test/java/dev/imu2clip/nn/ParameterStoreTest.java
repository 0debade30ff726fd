package dev.imu2clip.nn;

import dev.imu2clip.TestDevices;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.imu.EncoderFile;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.memory.Device;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.optim.Adam;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Philox;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;
import dev.imu2clip.train.ContrastiveModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ParameterStoreTest {
    private static final int BATCH = 4, SAMPLES = 1000;

    @TempDir
    Path folder;

    private final Device device = Backends.preferred();

    /** The names and shapes of an encoder that the reference saves. */
    private static Map<String, Shape> reference() {
        Map<String, Shape> shapes = new LinkedHashMap<>();
        shapes.put("net.0.weight", Shape.of(6));
        shapes.put("net.0.bias", Shape.of(6));
        shapes.put("net.1.net.0.weight", Shape.of(32, 6, 10));
        shapes.put("net.2.net.0.weight", Shape.of(32, 32, 5));
        shapes.put("net.3.net.0.weight", Shape.of(32, 32, 5));
        shapes.put("net.4.weight", Shape.of(32));
        shapes.put("net.4.bias", Shape.of(32));
        shapes.put("net.5.weight_ih_l0", Shape.of(1536, 32));
        shapes.put("net.5.weight_hh_l0", Shape.of(1536, 512));
        shapes.put("net.5.bias_ih_l0", Shape.of(1536));
        shapes.put("net.5.bias_hh_l0", Shape.of(1536));
        return shapes;
    }

    @Test
    void aFrozenStoreSaysSo() {
        try (ParameterStore store = ParameterStore.allocate(device, ImuEncoder.create("mw2"), false);
                Workspace workspace = new Workspace(device, "step"); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            List<Executable> uses = List.of(store::gradients, () -> store.watch(tape), () -> new Adam(store, Adam.Settings.of(1)));
            for (Executable use : uses)
                assertTrue(assertThrows(IllegalStateException.class, use).getMessage().contains("this store is frozen"));
        }
    }

    @Test
    void mw2HasTheReferencesParameters() {
        for (String name : List.of("mw2", "mw2_time")) {
            Map<String, Shape> shapes = new LinkedHashMap<>();
            ImuEncoder.create(name).parameters().forEach((parameter, p) -> shapes.put(parameter, p.shape()));
            assertEquals(new ArrayList<>(reference().entrySet()), new ArrayList<>(shapes.entrySet()), name);
            assertEquals(850_892, shapes.values().stream().mapToLong(Shape::count).sum());
        }
    }

    @Test
    void matricesComeFirstAndEveryParameterIsAligned() {
        ContrastiveModel model = new ContrastiveModel(ImuEncoder.create("mw2"), true, 0.1, true);
        try (ParameterStore store = ParameterStore.allocate(device, model, true)) {
            long start = store.values().address(), border = start + 4 * store.ranges().getFirst().count(), end = start + 4 * store.values().count();
            List<long[]> ranges = new ArrayList<>();
            store.parameters().forEach((name, parameter) -> {
                long from = parameter.value().address(), to = from + parameter.value().bytes();
                assertEquals(0, (from - start) % 64, name);
                assertEquals(parameter.shape().rank() >= 2, from < border, name + " lies among the matrices");
                assertTrue(from >= start && to <= end);
                assertEquals(from - start, parameter.gradient().address() - store.gradients().address(), name);
                ranges.add(new long[] {from, to});
            });
            ranges.sort((a, b) -> Long.compare(a[0], b[0]));
            for (int i = 1; i < ranges.size(); i++) assertTrue(ranges.get(i)[0] >= ranges.get(i - 1)[1], "parameters overlap");
            assertEquals(850_892 + 1, model.count());
        }
        try (ParameterStore frozen = ParameterStore.allocate(device, ImuEncoder.create("mw2"), false)) {
            assertNull(frozen.parameters().get("net.0.bias").gradient());
        }
        assertThrows(IllegalStateException.class, () -> ImuEncoder.create("mw2").parameters().get("net.0.bias").value());
    }

    private static final class Odd extends Module {
        final Parameter matrix = parameter("matrix", new Init.Uniform(1), 3, 7);
        final Parameter vector = parameter("vector", new Init.Uniform(1), 5);
        final Parameter one = parameter("one", Init.ONES, 1);
    }

    /** Gaps that drifted would change the norm that gradients are clipped to, and the bits of a checkpoint. */
    @Test
    void gapsStayZeroWhateverAdamDoes() {
        for (String name : TestDevices.all()) {
            Odd model = new Odd();
            try (ParameterStore store = ParameterStore.allocate(Backends.get(name), model, true).initialise(1);
                    Adam adam = new Adam(store, new Adam.Settings(0.1, 0.9, 0.999, 1e-8, 0.3, true, 1))) {
                for (int step = 0; step < 30; step++) {
                    for (Parameter parameter : store.parameters().values())
                        parameter.gradient().set(noise(step, parameter.shape().count()));
                    adam.step(1);
                }
                for (Tensor flat : List.of(store.values(), store.gradients(), adam.firstMoment(), adam.secondMoment())) {
                    float[] values = flat.toFloats();
                    assertEquals(32 + 16 + 16, values.length);
                    int zeros = 0;
                    for (int i = 0; i < values.length; i++) {
                        boolean gap = i >= 21 && i < 32 || i >= 37 && i < 48 || i >= 49;
                        if (gap) assertEquals(0, Float.floatToRawIntBits(values[i]), name + " gap " + i);
                        else if (values[i] == 0) zeros++;
                    }
                    assertEquals(0, zeros, "the parameters themselves moved");
                }
            }
        }
    }

    private static float[] noise(long seed, long count) {
        float[] values = new float[(int) count];
        for (int i = 0; i < values.length; i++) values[i] = (float) Philox.normal(seed, i);
        return values;
    }

    @Test
    void everyParameterGetsAGradient() {
        for (String encoder : List.of("mw2", "mw2_time"))
            for (boolean logarithmic : new boolean[] {true, false}) {
                ContrastiveModel model = new ContrastiveModel(ImuEncoder.create(encoder), logarithmic, 0.1, true);
                try (ParameterStore store = ParameterStore.allocate(device, model, true).initialise(3);
                        Workspace workspace = new Workspace(device, "step")) {
                    store.gradients().set(filled((int) store.gradients().count(), Float.NaN)); // what is not written shows
                    try (var _ = workspace.step()) {
                        Tape tape = new Tape(workspace);
                        store.watch(tape);
                        Tensor signals = tape.empty(DType.F32, BATCH, 6, SAMPLES).set(noise(1, BATCH * 6 * SAMPLES));
                        Tensor texts = tape.empty(DType.F32, BATCH, 512).set(noise(2, BATCH * 512));
                        tape.backward(model.loss(tape, model.embed(tape, signals), texts));
                    }
                    store.parameters().forEach((name, parameter) -> {
                        int zeros = 0;
                        float[] gradient = parameter.gradient().toFloats();
                        for (float value : gradient) {
                            assertTrue(Float.isFinite(value), encoder + ": gradient of " + name + " is " + value + " or was not written");
                            if (value == 0) zeros++;
                        }
                        assertTrue(zeros <= gradient.length / 10,
                                encoder + ": " + zeros + " zeros among " + gradient.length + " of " + name);
                    });
                }
            }
    }

    private static float[] filled(int n, float value) {
        float[] values = new float[n];
        java.util.Arrays.fill(values, value);
        return values;
    }

    @Test
    void seedsDecideTheStart() {
        try (ParameterStore a = ParameterStore.allocate(device, ImuEncoder.create("mw2"), false).initialise(1);
                ParameterStore b = ParameterStore.allocate(Backends.get("java"), ImuEncoder.create("mw2"), false).initialise(1);
                ParameterStore c = ParameterStore.allocate(device, ImuEncoder.create("mw2"), false).initialise(2)) {
            assertArrayEquals(a.values().toFloats(), b.values().toFloats());
            assertNotEquals(a.values().toFloats()[5], c.values().toFloats()[5]);
            float[] second = a.parameters().get("net.2.net.0.weight").value().toFloats();
            float[] third = a.parameters().get("net.3.net.0.weight").value().toFloats();
            assertNotEquals(second[0], third[0], "like parameters start differently");
            for (float value : second) assertTrue(Math.abs(value) <= 1 / Math.sqrt(160));
        }
    }

    @Test
    void aSavedEncoderComesBackBitForBit() {
        Path file = folder.resolve("encoder.safetensors");
        ContrastiveModel model = new ContrastiveModel(ImuEncoder.create("mw2_time"), true, 0.1, true);
        try (ParameterStore store = ParameterStore.allocate(device, model, true).initialise(4)) {
            EncoderFile.save(file, model.encoder(), store, ContrastiveModel.ENCODER, Map.of("who", "test"));
            try (EncoderFile.Loaded loaded = EncoderFile.load(file, device)) {
                assertEquals("mw2_time", loaded.encoder().name());
                assertEquals("test", loaded.metadata().get("who"));
                loaded.store().parameters().forEach((name, parameter) -> assertArrayEquals(
                        store.parameters().get(ContrastiveModel.ENCODER + name).value().toFloats(), parameter.value().toFloats(), name));
            }
            ContrastiveModel other = new ContrastiveModel(ImuEncoder.create("mw2_time"), true, 0.1, true);
            try (ParameterStore target = ParameterStore.allocate(device, other, true).initialise(5)) {
                float before = target.parameters().get("log_scale_tenth").value().toFloats()[0];
                EncoderFile.fill(other.encoder(), target, ContrastiveModel.ENCODER, file);
                assertEquals(before, target.parameters().get("log_scale_tenth").value().toFloats()[0]);
                assertArrayEquals(store.values().toFloats(), target.values().toFloats());
            }
        }
    }

    private String refused(List<Safetensors.Source> tensors, Map<String, String> metadata) {
        Path file = folder.resolve("other.safetensors");
        Safetensors.write(file, metadata, tensors);
        String message = assertThrows(InputException.class, () -> EncoderFile.load(file, device).close()).getMessage();
        assertTrue(message.startsWith(file + ": "), message);
        return message;
    }

    @Test
    void aFileThatDoesNotFitNamesTheTensor() {
        List<Safetensors.Source> tensors = new ArrayList<>();
        reference().forEach((name, shape) -> tensors.add(Safetensors.Source.of(name, new float[(int) shape.count()], shape.sizes())));
        List<Safetensors.Source> shapes = new ArrayList<>(tensors);
        shapes.set(3, Safetensors.Source.of("net.2.net.0.weight", new float[32 * 32 * 4], 32, 32, 4));
        String message = refused(shapes, Map.of());
        assertTrue(message.contains("'net.2.net.0.weight' has shape (32, 32, 4), expected (32, 32, 5)"), message);
        message = refused(tensors.subList(0, 10), Map.of());
        assertTrue(message.contains("'net.5.bias_hh_l0' is missing"), message);
        List<Safetensors.Source> damaged = new ArrayList<>(tensors);
        damaged.set(1, Safetensors.Source.of("net.0.bias", new float[] {0, 0, Float.NaN, 0, 0, 0}, 6));
        message = refused(damaged, Map.of());
        assertTrue(message.contains("'net.0.bias' holds a value that is not finite"), message);
        message = refused(tensors, Map.of("imu_encoder_name", "mw9"));
        assertTrue(message.contains("no encoder 'mw9'; there is mw2, mw2_time"), message);
    }
}
