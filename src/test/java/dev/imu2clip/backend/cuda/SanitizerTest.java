package dev.imu2clip.backend.cuda;

import dev.imu2clip.backend.Kernel;
import dev.imu2clip.backend.RecordingBackend;
import dev.imu2clip.check.SelfTest;
import dev.imu2clip.io.Progress;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectPackage;

/**
 * Every CUDA kernel under AddressSanitizer and UndefinedBehaviorSanitizer: kernel calls in float32 and bfloat16 are recorded with their
 * launches and replayed by {@code src/test/native/replay_cuda.cpp}, on tensors of exactly their size. Arrays in static shared memory are checked where they are indexed, not behind pointers into them.
 */
@Tag("heavy")
class SanitizerTest {
    private static final Path FOLDER = Path.of("target", "replay-cuda").toAbsolutePath(), CALLS = FOLDER.resolve("calls");
    private static final String CXX = System.getenv().getOrDefault("CXX", "g++");
    private static final List<String> FLAGS = List.of("-std=c++17", "-O1", "-g", "-fPIC", "-fvisibility=hidden", "-fno-strict-aliasing",
            "-ffp-contract=off", "-Wno-unknown-pragmas", "-DEMULATED", "-DEMULATED_SANITIZERS", "-Ikernels", "-fsanitize=address,undefined",
            "-fsanitize=bounds-strict", "-fno-sanitize-recover=all");

    /** The calls of the self-test: every kernel, at sizes that divide by nothing. */
    @Test
    void everyKernel() throws Exception {
        check(recording -> {
            SelfTest.Report report = SelfTest.run(recording, _ -> true, Progress.NONE);
            assertEquals(List.of(), report.failures());
        });
    }

    /** All calls that the tests of ops and optimiser make: some minutes. */
    @Test
    @Tag("sanitizers")
    void everyCallOfTheTests() throws Exception {
        check(_ -> {
            var summary = new SummaryGeneratingListener();
            var tests = LauncherDiscoveryRequestBuilder.request()
                    .selectors(selectPackage("dev.imu2clip.ops"), selectPackage("dev.imu2clip.optim")).build();
            LauncherFactory.create().execute(tests, summary);
            assertEquals(List.of(), summary.getSummary().getFailures().stream().map(failure -> failure.getTestIdentifier().getDisplayName()
                    + ": " + failure.getException()).toList());
        });
    }

    private static void check(Consumer<RecordingBackend> calls) throws Exception {
        Files.createDirectories(FOLDER);
        Path probe = FOLDER.resolve("probe.cpp");
        Files.writeString(probe, "int main() { return 0; }");
        Assumptions.assumeTrue(exitCode(command(probe, FOLDER.resolve("probe"))) == 0, CXX + " has no sanitizers");
        KernelSources sources = KernelSources.open(Path.of("kernels"));
        record(sources, calls);
        build(sources);
        run(List.of("env", "ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0", "UBSAN_OPTIONS=print_stacktrace=1",
                FOLDER.resolve("replay").toString(), FOLDER.toString(), CALLS.toString()));
    }

    private static void record(KernelSources sources, Consumer<RecordingBackend> calls) throws IOException {
        try (RecordingBackend recording = RecordingBackend.start(CALLS, new LaunchRecorder(sources))) {
            calls.accept(recording);
            var missing = new TreeSet<>(Kernel.all().stream().map(Kernel::name).filter(name -> !name.startsWith("test_")).toList());
            missing.removeAll(recording.kernels());
            assertEquals(List.of(), List.copyOf(missing), "kernels without a CUDA form, or that are not called");
        }
    }

    private static void build(KernelSources sources) throws Exception {
        List<Future<?>> builds = new ArrayList<>();
        try (ExecutorService executor = Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors())) {
            Path replay = Path.of("src/test/native/replay_cuda.cpp");
            builds.add(executor.submit(() -> compile(sources, replay, FOLDER.resolve("replay"), "-rdynamic")));
            for (Path file : sources.cuFiles()) {
                Path library = FOLDER.resolve(file.getFileName().toString().replace(".cu", ".so"));
                builds.add(executor.submit(() -> compile(sources, file, library, "-shared")));
            }
            for (Future<?> build : builds) build.get();
        }
    }

    /** Anew where the source, a header or the flags have changed. */
    private static Void compile(KernelSources sources, Path source, Path target, String kind) throws Exception {
        Path stamp = target.resolveSibling(target.getFileName() + ".stamp");
        String state = sources.hash(source) + FLAGS + Files.readString(Path.of("src/test/native/calls.h")).hashCode();
        if (Files.exists(target) && Files.exists(stamp) && Files.readString(stamp).equals(state)) return null;
        List<String> command = command(source, target);
        command.add(kind);
        run(command);
        Files.writeString(stamp, state);
        return null;
    }

    private static List<String> command(Path source, Path target) {
        List<String> command = new ArrayList<>(List.of(CXX));
        command.addAll(FLAGS);
        command.addAll(List.of("-x", "c++", source.toString(), "-o", target.toString(), "-lpthread", "-ldl"));
        return command;
    }

    private static int exitCode(List<String> command) throws Exception {
        return new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start().waitFor();
    }

    private static void run(List<String> command) throws Exception {
        Path output = Files.createTempFile(FOLDER, "output", ".txt");
        int code = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile()).start().waitFor();
        String text = Files.readString(output);
        Files.delete(output);
        assertEquals(0, code, () -> String.join(" ", command) + "\n" + text);
    }
}
