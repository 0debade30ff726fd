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
 * The C kernels for processors that this machine need not have: every kernel call that the tests of ops and optimiser make is recorded
 * once, then replayed by a small C program against libraries built for this purpose: 64-bit Arm in an emulator, vectors of 16 floats and
 * 32 registers (the shape of AVX-512) on any processor, and with sanitizers. Every call runs in 1, 2, 3 and 7 parts, which must give the
 * same bits: results do not depend on the number of threads.
 */
@Tag("heavy")
class CrossArchitectureTest {
    private static final Path FOLDER = Path.of("target", "replay").toAbsolutePath(), CALLS = FOLDER.resolve("calls");
    private static final String CC = System.getenv().getOrDefault("CC", "cc"), WIDE = "-DVL=16 -DVREGS=32 -Wno-psabi";
    private static final String SANITIZERS = "-g -O1 -fsanitize=address,undefined -fno-sanitize-recover";

    @BeforeAll
    static void record() throws IOException {
        Assumptions.assumeFalse(isas().isEmpty(), "this build holds no C kernels");
        Files.createDirectories(FOLDER);
        var summary = new SummaryGeneratingListener();
        try (RecordingBackend recording = RecordingBackend.start(CALLS)) {
            var tests = LauncherDiscoveryRequestBuilder.request()
                    .selectors(selectPackage("dev.imu2clip.ops"), selectPackage("dev.imu2clip.optim")).build();
            LauncherFactory.create().execute(tests, summary);
            assertEquals(List.of(), summary.getSummary().getFailures().stream().map(failure -> failure.getTestIdentifier().getDisplayName()
                    + ": " + failure.getException()).toList());
            var missing = new TreeSet<>(Kernel.all().stream().map(Kernel::name).filter(name -> !name.startsWith("test_")).toList());
            missing.removeAll(recording.kernels());
            assertEquals(List.of(), List.copyOf(missing), "kernels that no test of ops or optimiser calls");
        }
    }

    @Test
    void everyInstructionSetOfThisMachine() throws Exception {
        replay("here", CC, "", isas());
    }

    @Test
    void arm64() throws Exception {
        require("qemu-aarch64");
        replay("arm64", "aarch64-linux-gnu-gcc", "", List.of("baseline"), "qemu-aarch64", "-L", "/usr/aarch64-linux-gnu");
    }

    /** Tiles, tails and masks of the widest vectors; the compiler makes do with the instructions that there are. */
    @Test
    void vectorsOf16Floats() throws Exception {
        replay("wide", CC, WIDE, List.of("baseline"));
    }

    /** Every tensor and every scratch block has its exact size, and fresh memory is full of NaN: a number that nobody wrote shows. */
    @Test
    void sanitizers() throws Exception {
        String probe = "echo 'int main(void) { return 0; }' | " + CC + " -x c " + SANITIZERS + " -o '" + FOLDER.resolve("probe") + "' -";
        Assumptions.assumeTrue(new ProcessBuilder("sh", "-c", probe).start().waitFor() == 0, CC + " has no sanitizers");
        replay("sanitizers", CC, SANITIZERS, isas());
        replay("sanitizers-wide", CC, SANITIZERS + " " + WIDE, List.of("baseline"));
    }

    private static List<String> isas() {
        return Backends.devices().stream().filter(device -> device.startsWith("cpu:")).map(device -> device.substring(4)).toList();
    }

    private static void require(String program) {
        Stream<String> folders = Arrays.stream(System.getenv("PATH").split(File.pathSeparator));
        boolean found = folders.anyMatch(folder -> Files.isExecutable(Path.of(folder, program)));
        Assumptions.assumeTrue(found, program + " is not installed");
    }

    /** Builds a library and the program, anew only where sources or flags have changed, and replays all calls for each instruction set. */
    private static void replay(String name, String compiler, String flags, List<String> isas, String... emulator) throws Exception {
        require(compiler);
        Path out = FOLDER.resolve(name), program = out.resolve("replay");
        run(Map.of("CC", compiler, "CFLAGS", flags, "ISAS", String.join(" ", isas)),
                "sh", "native/build.sh", out.resolve("objects").toString(), out.toString());
        Path library;
        try (Stream<Path> files = Files.walk(out)) {
            library = files.filter(file -> file.getFileName().toString().startsWith("libimu2clip.")).findFirst().orElseThrow();
        }
        run(Map.of(), "sh", "-c", compiler + " -std=gnu11 -O2 -Wall -Wextra -Werror " + flags + " src/test/native/replay.c -o '" + program
                + "' -ldl -lm -pthread");
        for (String isa : isas) {
            List<String> command = new ArrayList<>(List.of(emulator));
            command.addAll(List.of(program.toString(), library.toString(), isa, CALLS.toString()));
            // Not for leaks: that check crashes itself on the team's threads, which live until the process ends.
            run(Map.of("ASAN_OPTIONS", "detect_leaks=0:max_malloc_fill_size=1073741824:malloc_fill_byte=255"),
                    command.toArray(String[]::new));
        }
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
