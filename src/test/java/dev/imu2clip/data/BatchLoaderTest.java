package dev.imu2clip.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Npy;
import dev.imu2clip.tensor.Shape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class BatchLoaderTest {
    @TempDir
    Path folder;
    private DataSet data;
    private WindowTable windows;

    @BeforeEach
    void generate() {
        SampleDataSet.generate(folder.resolve("set"), new SampleDataSet.Options(3, 4, 1, false));
        data = DataSet.open(folder.resolve("set"));
        windows = data.select(Split.TRAINING).windows();
        assertEquals(24, windows.size());
    }

    @AfterEach
    void close() {
        data.close();
    }

    /** The window numbers of an epoch from a step on, having checked every block against a direct read. */
    private List<Integer> epoch(BatchLoader loader, int epoch, int step) {
        List<Integer> seen = new ArrayList<>();
        loader.begin(epoch, step);
        for (Batch batch = loader.next(); batch != null; batch = loader.next()) {
            assertEquals(epoch, batch.epoch());
            assertEquals(step++, batch.step());
            assertEquals(batch.size() * 6000L * 4, batch.signals().byteSize());
            for (int i = 0; i < batch.size(); i++) {
                seen.add(batch.window(i));
                float[] expected = new float[6000];
                data.read(windows.get(batch.window(i)), expected, 0);
                MemorySegment block = batch.signals().asSlice(i * 6000L * 4, 6000L * 4);
                assertArrayEquals(expected, block.toArray(ValueLayout.JAVA_FLOAT));
            }
        }
        assertNull(loader.next());
        return seen;
    }

    @Test
    void givesEveryWindowOnceInAnOrderOfSeedAndEpoch() {
        try (var loader = new BatchLoader(data, windows, new BatchLoader.Options(5, 9, true, false, 2));
                var other = new BatchLoader(data, windows, new BatchLoader.Options(5, 10, true, false, 1))) {
            List<Integer> first = epoch(loader, 0, 0);
            assertEquals(24, first.size());
            assertEquals(24, new HashSet<>(first).size());
            assertNotEquals(first, epoch(loader, 1, 0));
            assertEquals(first, epoch(loader, 0, 0));
            assertNotEquals(first, epoch(other, 0, 0));
        }
    }

    @Test
    void resumesInTheMiddleOfAnEpoch() {
        try (var loader = new BatchLoader(data, windows, BatchLoader.Options.training(5, 9))) {
            assertEquals(4, loader.steps());
            List<Integer> whole = epoch(loader, 2, 0);
            assertEquals(20, whole.size(), "the last batch of four is left out");
            assertEquals(whole.subList(10, 20), epoch(loader, 2, 2));
            assertEquals(List.of(), epoch(loader, 2, 4));
        }
    }

    @Test
    void keepsTheOrderOfTheTableForEvaluation() {
        try (var loader = new BatchLoader(data, windows, BatchLoader.Options.evaluation(7))) {
            assertEquals(java.util.stream.IntStream.range(0, 24).boxed().toList(), epoch(loader, 0, 0));
            assertEquals(4, loader.steps());
        }
    }

    @Test
    void startsAnewInTheMiddle() {
        try (var loader = new BatchLoader(data, windows, BatchLoader.Options.training(2, 9))) {
            List<Integer> expected = epoch(loader, 5, 0);
            for (int i = 0; i < 50; i++) {
                loader.begin(i, i % 5);
                for (int k = 0; k < i % 4; k++) loader.next();
            }
            assertEquals(expected, epoch(loader, 5, 0));
        }
    }

    @Test
    void usesItsBuffersAgain() {
        try (var loader = new BatchLoader(data, windows, BatchLoader.Options.training(2, 9))) {
            Set<Long> addresses = new HashSet<>();
            for (int epoch = 0; epoch < 10; epoch++) {
                loader.begin(epoch, 0);
                for (Batch batch = loader.next(); batch != null; batch = loader.next()) addresses.add(batch.signals().address());
            }
            assertEquals(3, addresses.size());
        }
    }

    @Test
    void aBatchStaysAsItIsUntilTheNextIsAsked() throws InterruptedException {
        try (var loader = new BatchLoader(data, windows, BatchLoader.Options.training(2, 9))) {
            loader.begin(0, 0);
            loader.next();
            Batch held = loader.next();
            float[] before = held.signals().toArray(ValueLayout.JAVA_FLOAT);
            Thread.sleep(50); // long enough for the reader to fill every free buffer
            assertArrayEquals(before, held.signals().toArray(ValueLayout.JAVA_FLOAT));
        }
    }

    @Test
    void passesErrorsToTheConsumer() throws IOException {
        // The signal is damaged after the windows were checked: an error at the batch that needs it, not before.
        String uid = windows.get(20).uid();
        Path signal = new Layout(data.folder()).signal(uid);
        float[] values = Npy.floats(signal);
        values[(int) (windows.get(20).start() * 200) + 300] = Float.NaN;
        Files.delete(signal);
        Npy.write(signal, Shape.of(6, values.length / 6), values);
        try (DataSet damaged = DataSet.open(data.folder());
                var loader = new BatchLoader(damaged, windows, BatchLoader.Options.evaluation(4))) {
            loader.begin(0, 0);
            for (int i = 0; i < 5; i++) assertNotNull(loader.next());
            var error = assertThrows(InputException.class, loader::next);
            assertTrue(error.getMessage().contains("NaN") && error.getMessage().contains(uid), error.getMessage());
            assertThrows(InputException.class, loader::next);
            loader.begin(0, 0);
            assertNotNull(loader.next(), "good batches can still be had");
        }
    }

    @Test
    void closesPromptlyAndOnce() {
        var loader = new BatchLoader(data, windows, BatchLoader.Options.training(2, 9));
        loader.begin(0, 0);
        assertNotNull(loader.next());
        loader.close();
        loader.close();
        assertThrows(IllegalStateException.class, loader::next);
        assertFalse(Thread.getAllStackTraces().keySet().stream().anyMatch(t -> t.getName().equals("batch-loader")));
    }

    @Test
    void refusesABatchThatCannotBeFilled() {
        assertTrue(assertThrows(InputException.class, () -> new BatchLoader(data, windows, BatchLoader.Options.training(25, 0)))
                .getMessage().contains("25 windows cannot be filled from 24"));
        assertThrows(InputException.class, () -> BatchLoader.Options.training(0, 0));
        assertThrows(InputException.class, () -> new BatchLoader(data, new WindowTable(List.of()), BatchLoader.Options.evaluation(1)));
    }
}
