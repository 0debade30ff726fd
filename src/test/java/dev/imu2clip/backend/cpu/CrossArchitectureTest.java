package dev.imu2clip.backend.cpu;

import dev.imu2clip.backend.Backends;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.backend.RecordingBackend;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Stream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectPackage;

/**
 * The C kernels for processors that this machine need not have: every kernel call that the tests of ops and optimiser make is recorded once,
 * then replayed, in 1 to 7 parts, by a small C program against libraries built for this purpose: 64-bit Arm in an emulator, vectors of 16 floats
 * and 32 registers (the shape of AVX-512) on any processor, and with sanitizers.
 */
@Tag("heavy")
class CrossArchitectureTest {
    private static final Path FOLDER = Path.of("target", "replay").toAbsolutePath(), CALLS = FOLDER.resolve("calls");

    @BeforeAll
    static void record() throws IOException {
        Assumptions.assumeFalse(isas().isEmpty(), "this build holds no C kernels");
        Files.createDirectories(FOLDER);
        var summary = new SummaryGeneratingListener();
        try (RecordingBackend recording = RecordingBackend.start(CALLS)) {
            var tests = LauncherDiscoveryRequestBuilder.request().selectors(selectPackage("dev.imu2clip.ops"), selectPackage("dev.imu2clip.optim")).build();
            LauncherFactory.create().execute(tests, summary);
            assertEquals(List.of(), summary.getSummary().getFailures().stream().map(failure -> failure.getTestIdentifier().getDisplayName()
                    + ": " + failure.getException()).toList());
            var missing = new TreeSet<>(Kernel.all().stream().map(Kernel::name).toList());
            missing.removeAll(recording.kernels());
            assertEquals(List.of(), List.copyOf(missing), "kernels that no test of ops or optimiser calls");
        }
    }

    @Test
    void everyInstructionSetOfThisMachine() throws Exception {
        Path library = build("here", "cc", "");
        for (String isa : isas()) replay(compile("here", "cc", ""), library, isa);
    }

    @Test
    void arm64() throws Exception {
        String compiler = "aarch64-linux-gnu-gcc", emulator = "qemu-aarch64";
        require(compiler);
        require(emulator);
        Path library = build("arm64", compiler, "");
        replay(compile("arm64", compiler, ""), library, "baseline", emulator, "-L", "/usr/aarch64-linux-gnu");
    }

    /** Tiles, tails and masks of the widest vectors; the compiler makes do with the instructions that there are. */
    @Test
    void vectorsOf16Floats() throws Exception {
        Path library = build("wide", "cc", "-DVL=16 -DVREGS=32 -Wno-psabi");
        replay(compile("wide", "cc", ""), library, isas().getFirst());
    }

    @Test
    void sanitizers() throws Exception {
        String flags = "-g -O1 -fsanitize=address,undefined -fno-sanitize-recover";
        Path library = build("sanitizers", "cc", flags);
        for (String isa : isas()) replay(compile("sanitizers", "cc", flags), library, isa);
    }

    private static List<String> isas() {
        return Backends.devices().stream().filter(device -> device.startsWith("cpu:")).map(device -> device.substring(4)).toList();
    }

    private static void require(String program) {
        boolean found = Arrays.stream(System.getenv("PATH").split(File.pathSeparator)).anyMatch(folder -> Files.isExecutable(Path.of(folder, program)));
        Assumptions.assumeTrue(found, program + " is not installed");
    }

    /** A library of kernels of its own; built anew only where sources or flags have changed. */
    private static Path build(String name, String compiler, String flags) throws Exception {
        require(compiler);
        Path out = FOLDER.resolve(name);
        run(Map.of("CC", compiler, "CFLAGS", flags), "sh", "native/build.sh", out.resolve("objects").toString(), out.toString());
        try (Stream<Path> files = Files.walk(out)) {
            return files.filter(file -> file.getFileName().toString().startsWith("libimu2clip.")).findFirst().orElseThrow();
        }
    }

    private static Path compile(String name, String compiler, String flags) throws Exception {
        Path program = FOLDER.resolve(name).resolve("replay");
        List<String> command = new ArrayList<>(List.of(compiler, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"));
        command.addAll(Arrays.stream(flags.split(" ")).filter(flag -> !flag.isEmpty()).toList());
        command.addAll(List.of("src/test/native/replay.c", "-o", program.toString(), "-ldl", "-lm", "-pthread"));
        run(Map.of(), command.toArray(String[]::new));
        return program;
    }

    private static void replay(Path program, Path library, String isa, String... emulator) throws Exception {
        List<String> command = new ArrayList<>(List.of(emulator));
        command.addAll(List.of(program.toString(), library.toString(), isa, CALLS.toString()));
        // Fresh memory is full of NaN, so that a number that nobody wrote shows in the results.
        run(Map.of("ASAN_OPTIONS", "max_malloc_fill_size=1073741824:malloc_fill_byte=255"), command.toArray(String[]::new));
    }

    private static void run(Map<String, String> environment, String... command) throws Exception {
        Path output = Files.createTempFile(FOLDER, "output", ".txt");
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
        builder.environment().putAll(environment);
        int code = builder.start().waitFor();
        String text = Files.readString(output);
        Files.delete(output);
        assertEquals(0, code, () -> String.join(" ", command) + "\n" + text);
    }
}
