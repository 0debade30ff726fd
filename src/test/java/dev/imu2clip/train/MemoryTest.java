package dev.imu2clip.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.data.SampleDataSet;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.io.Progress;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.optim.Adam;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Training takes its memory in the first two steps, and nothing after: no slabs, no resident pages, no open files. */
@Tag("heavy")
class MemoryTest {
    private static final int STEPS = 1000, SETTLED = 200, BATCH = 4, SAMPLES = 1000, WIDTH = 512;
    /** A single step's tensors take more than 2 MB: what leaks them even once in a hundred steps is seen. */
    private static final long ALLOWED_GROWTH_KB = 4096;
    private static final Path STATUS = Path.of("/proc/self/status"), OPEN_FILES = Path.of("/proc/self/fd"),
            MAPPINGS = Path.of("/proc/self/maps");

    @TempDir
    Path folder;

    /**
     * In a JVM of its own whose heap is of fixed size and touched from the start, so that the resident memory tells of the engine alone.
     */
    @Test
    void aThousandStepsTakeNoMemoryAfterTheSecond() throws Exception {
        Path output = folder.resolve("output.txt");
        List<String> command = List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xms128m", "-Xmx128m",
                "-XX:+AlwaysPreTouch",
                "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "--enable-native-access=ALL-UNNAMED", "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")), Steps.class.getName());
        Process process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile()).start();
        assertEquals(0, process.waitFor(), () -> read(output));
        Map<String, Long> told = new TreeMap<>();
        for (String line : read(output).lines().toList()) told.put(line.split(" ")[0], Long.parseLong(line.split(" ")[1]));
        assertEquals(told.get("allocations-2"), told.get("allocations-" + STEPS), "slabs taken after the second step: " + told);
        assertEquals(0, told.get("moved"), "addresses that did not repeat");
        Assumptions.assumeTrue(told.get("resident-" + STEPS) > 0, "this system does not tell the resident memory");
        long growth = told.get("resident-" + STEPS) - told.get("resident-" + SETTLED);
        assertTrue(growth < ALLOWED_GROWTH_KB, "resident memory grew by " + growth + " KB: " + told);
    }

    /** The steps, and what was seen, a name and a number a line. */
    static final class Steps {
        public static void main(String[] arguments) throws IOException {
            ContrastiveModel model = new ContrastiveModel(ImuEncoder.create("mw2"), true, 0.1, true);
            try (ParameterStore store = ParameterStore.allocate(Backends.preferred(), model, true).initialise(0);
                    Adam adam = new Adam(store, Adam.Settings.of(2e-4));
                    Workspace workspace = new Workspace(store.device(), "step")) {
                float[] signals = gaussian(BATCH * 6 * SAMPLES), texts = gaussian(BATCH * WIDTH);
                List<Long> addresses = List.of();
                long moved = 0;
                for (int step = 1; step <= STEPS; step++) {
                    List<Long> now = step(model, store, adam, workspace, signals, texts);
                    if (step > 3 && !now.equals(addresses)) moved++;
                    addresses = now;
                    if (step == 2 || step == STEPS) System.out.println("allocations-" + step + " " + workspace.allocations());
                    if (step == SETTLED || step == STEPS) System.out.println("resident-" + step + " " + residentKilobytes());
                }
                System.out.println("moved " + moved);
            }
        }

        /** One step; returns where its tensors lay. */
        private static List<Long> step(ContrastiveModel model, ParameterStore store, Adam adam, Workspace workspace, float[] signals,
                float[] texts) {
            try (var _ = workspace.step()) {
                Tape tape = new Tape(workspace);
                store.watch(tape);
                Tensor x = tape.empty(DType.F32, BATCH, 6, SAMPLES).set(signals);
                Tensor targets = tape.empty(DType.F32, BATCH, WIDTH).set(texts);
                Tensor embedded = model.embed(tape, x), loss = model.loss(tape, embedded, targets);
                tape.backward(loss);
                adam.step(1);
                if (!Double.isFinite(loss.item())) throw new AssertionError("loss " + loss.item());
                return List.of(x.address(), targets.address(), embedded.address(), loss.address(), tape.gradient(embedded).address(),
                        tape.like(x).address());
            }
        }

        private static long residentKilobytes() throws IOException {
            System.gc();
            if (!Files.exists(STATUS)) return 0;
            try (Stream<String> lines = Files.lines(STATUS)) {
                return lines.filter(line -> line.startsWith("VmRSS:")).mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                        .findFirst().orElse(0);
            }
        }
    }

    private static float[] gaussian(int n) {
        Random random = new Random(0);
        float[] values = new float[n];
        for (int i = 0; i < n; i++) values[i] = (float) random.nextGaussian();
        return values;
    }

    /** Whole epochs, with loading, validation, checkpoints and logs. */
    @Test
    void epochsLeaveNoFileOpen() throws Exception {
        Assumptions.assumeTrue(Files.exists(OPEN_FILES) && Files.exists(MAPPINGS), "this system does not list a process's files");
        String cache = System.getProperty("imu2clip.cache");
        System.setProperty("imu2clip.cache", folder.resolve("cache").toString());
        try {
            Path data = folder.resolve("data");
            SampleDataSet.generate(data, new SampleDataSet.Options(3, 5, 1, false));
            filesOfARun(data, folder.resolve("warm"), 1); // classes, kernels, fonts
            long before = openFiles() + mappings();
            List<Long> each = filesOfARun(data, folder.resolve("run"), 8);
            assertEquals(8, each.size());
            assertEquals(1, each.stream().skip(1).distinct().count(), "open and mapped files after each epoch: " + each);
            assertEquals(before, openFiles() + mappings(), "files open or mapped after a run was closed");
        } finally {
            if (cache == null) System.clearProperty("imu2clip.cache");
            else System.setProperty("imu2clip.cache", cache);
        }
    }

    /** Trains, finishes and closes; returns how many files were open or mapped at the end of each epoch. */
    private List<Long> filesOfARun(Path data, Path out, int epochs) {
        List<Long> files = new ArrayList<>();
        var atLineEnds = new OutputStream() {
            @Override
            public void write(int b) {
                if (b == '\n') files.add(openFiles() + mappings());
            }
        };
        Config config = Config.load(null, List.of("checkpoint_every_steps=2"), Map.of("run.data", data.toString(),
                "train_hparams.max_epochs", epochs,
                "train_hparams.batch_size", 8));
        try (Pretraining pretraining = new Pretraining(config, new RunFolder(out), false, _ -> {}, Progress.NONE);
                StopRequest stop = StopRequest.install();
                TrainingProgress progress = new TrainingProgress(new PrintStream(atLineEnds, true), false, epochs)) {
            assertTrue(pretraining.train(stop, progress));
            pretraining.finish();
        }
        return files;
    }

    private static long openFiles() {
        try (Stream<Path> files = Files.list(OPEN_FILES)) {
            return files.count();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Mapped files of ours: arrays, weights. */
    private long mappings() {
        return read(MAPPINGS).lines().filter(line -> line.contains(folder.toString())).count();
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
