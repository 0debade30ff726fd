package dev.imu2clip.clip;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.TestDevices;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class TextTowerTest {
    private static final double TOLERANCE = 1e-5;

    static Stream<String> devices() {
        return TestDevices.all().stream();
    }

    /** A loaded tower on a device. */
    private static final class Loaded implements AutoCloseable {
        final TextTower tower;
        final ParameterStore store;
        final Workspace workspace;

        Loaded(String device, ClipWeights weights, HuggingFaceConfig model) {
            Backend backend = Backends.get(device);
            tower = new TextTower(TextConfig.of(weights, model));
            store = tower.load(backend, weights, false);
            workspace = new Workspace(backend, "text tower");
        }

        static Loaded tiny(String device) {
            try (ClipWeights weights = ClipWeights.open(TinyTower.WEIGHTS)) {
                return new Loaded(device, weights, TinyTower.TWO_HEADS);
            }
        }

        float[] embed(int[]... texts) {
            int longest = Arrays.stream(texts).mapToInt(t -> t.length).max().orElseThrow();
            int[] ends = new int[texts.length];
            for (int i = 0; i < ends.length; i++) ends[i] = i * longest + TextEncoder.untilEnd(texts[i]).length - 1;
            try (var _ = workspace.step()) {
                Tape tape = new Tape(workspace);
                return tower.forward(tape, ids(tape, longest, texts), ints(tape, ends, ends.length)).toFloats();
            }
        }

        float[] hidden(int[]... texts) {
            try (var _ = workspace.step()) {
                Tape tape = new Tape(workspace);
                return tower.hidden(tape, ids(tape, texts[0].length, texts)).toFloats();
            }
        }

        private static Tensor ids(Tape tape, int longest, int[]... texts) {
            int[] all = new int[texts.length * longest];
            for (int i = 0; i < texts.length; i++) System.arraycopy(texts[i], 0, all, i * longest, texts[i].length);
            return ints(tape, all, texts.length, longest);
        }

        private static Tensor ints(Tape tape, int[] values, long... shape) {
            return tape.empty(DType.I32, shape).set(MemorySegment.ofArray(values));
        }

        @Override
        public void close() {
            workspace.close();
            store.close();
        }
    }

    @ParameterizedTest
    @MethodSource("devices")
    void embeddingsAndHiddenStatesAreThoseOfTransformers(String device) {
        try (Loaded tiny = Loaded.tiny(device); Safetensors expected = Safetensors.open(TinyTower.EXPECTED)) {
            int[][] ids = TinyTower.ids(expected);
            assertArrayClose(expected.floats("text_embeds"), tiny.embed(ids));
            assertArrayClose(expected.floats("last_hidden_state"), tiny.hidden(ids[0], ids[3], ids[5]));
            // Cut at the end token it is the same.
            float[] cut = tiny.embed(Arrays.stream(ids).map(TextEncoder::untilEnd).toArray(int[][]::new));
            assertArrayClose(expected.floats("text_embeds"), cut);
        }
    }

    private static void assertArrayClose(float[] expected, float[] actual) {
        assertEquals(expected.length, actual.length);
        for (int i = 0; i < expected.length; i++) assertEquals(expected[i], actual[i], TOLERANCE, "at " + i);
    }

    @ParameterizedTest
    @MethodSource("devices")
    void aTextHasTheSameBitsWhateverItIsBatchedWith(String device) {
        Random random = new Random(3);
        List<int[]> texts = new ArrayList<>();
        for (int length : new int[] {2, 3, 3, 5, 8, 13, 17, 31, 64, 77}) {
            int[] ids = random.ints(length, 0, 598).toArray();
            ids[length - 1] = 599;
            texts.add(ids);
        }
        try (Loaded tiny = Loaded.tiny(device)) {
            float[] together = tiny.embed(texts.toArray(int[][]::new));
            for (int i = 0; i < texts.size(); i++) {
                float[] row = Arrays.copyOfRange(together, 32 * i, 32 * (i + 1));
                assertArrayEquals(row, tiny.embed(texts.get(i)), "text " + i + " alone");
                float[] few = tiny.embed(texts.get((i + 3) % texts.size()), texts.get(i), texts.get(i));
                assertArrayEquals(row, Arrays.copyOfRange(few, 32, 64), "text " + i + " in another batch");
                assertArrayEquals(row, Arrays.copyOfRange(few, 64, 96), "text " + i + " at another place");
            }
        }
    }

    @Test
    void gradientsReachEveryParameter() {
        Backend java = Backends.get("java");
        try (ClipWeights weights = ClipWeights.open(TinyTower.WEIGHTS); var workspace = new Workspace(java, "test")) {
            TextTower tower = new TextTower(TextConfig.of(weights, TinyTower.TWO_HEADS));
            try (ParameterStore store = tower.load(java, weights, true); var _ = workspace.step()) {
                Tape tape = new Tape(workspace);
                store.watch(tape);
                Tensor y = tower.forward(tape, Loaded.ids(tape, 4, new int[] {598, 1, 2, 599}, new int[] {598, 7, 599}),
                        Loaded.ints(tape, new int[] {3, 6}, 2));
                float[] cotangent = new float[(int) y.count()];
                for (int i = 0; i < cotangent.length; i++) cotangent[i] = (float) Math.cos(i);
                tape.backward(y, tape.like(y).set(cotangent));
                store.parameters().forEach((name, parameter) -> {
                    float most = 0;
                    for (float g : parameter.gradient().toFloats()) most = Math.max(most, Math.abs(g));
                    assertTrue(most > 1e-4 && Float.isFinite(most), name + ": largest gradient " + most);
                });
            }
        }
    }

    @Test
    void idsAreChecked() {
        try (Loaded tiny = Loaded.tiny("java")) {
            var e = assertThrows(IllegalArgumentException.class, () -> tiny.embed(new int[78]));
            assertTrue(e.getMessage().contains("up to 77"), e.getMessage());
        }
    }

    @Test
    void endIsTheFirstOfTheHighestIds() {
        assertArrayEquals(new int[] {598, 4, 599}, TextEncoder.untilEnd(new int[] {598, 4, 599, 3, 599, 0}));
    }
}
