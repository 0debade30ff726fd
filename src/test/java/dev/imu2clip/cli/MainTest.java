package dev.imu2clip.cli;

import dev.imu2clip.train.Config;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class MainTest {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(String... args) {
        return Main.run(new PrintWriter(out), new PrintWriter(err), args);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "pretrain ", "evaluate ", "embed ", "embed imu ", "embed text ", "embed image ", "embed video ", "import ",
            "prepare ", "sample ", "convert ", "download ", "doctor ", "classify ", "similarity "})
    void everyCommandHelps(String command) {
        assertEquals(0, run((command + "--help").split(" ")));
        assertTrue(out.toString().startsWith("Usage: imu2clip " + command), out.toString());
        assertTrue(out.toString().lines().anyMatch(line -> line.startsWith("  imu2clip " + command)), "no example in " + out);
        assertEquals("", err.toString());
    }

    @Test
    void wrongUsageSuggests() {
        assertEquals(2, run("pretain"));
        assertTrue(err.toString().contains("Did you mean: imu2clip pretrain"), err.toString());
        assertEquals(2, run("pretrain", "--epoch", "3"));
        assertTrue(err.toString().contains("Unknown option: '--epoch'\nPossible solutions: --epochs\nTry 'imu2clip pretrain --help'."),
                err.toString());
        assertEquals(2, run());
        assertEquals(2, run("embed"));
        assertEquals(2, run("evaluate", "--data", "x"));
        assertTrue(err.toString().contains("Missing required option: '--run=RUN'"), err.toString());
    }

    @Test
    void badInputIsOneLineWithoutATrace() {
        assertEquals(1, run("pretrain", "--epochs", "many"));
        assertEquals("imu2clip: command line: max_epochs must be a whole number of at least 1, not 'many'\n", err.toString());
        assertEquals("", out.toString());
    }

    @Test
    void optionsReachTheirSettings() {
        var command = new PretrainCommand();
        new CommandLine(command).parseArgs("hapt", "--data", "d", "--clip", "c", "--vocab", "v", "--out", "o", "--epochs", "3",
                "--batch-size", "8", "--seed", "9", "--device", "cpu", "--set", "lr=1", "--set", "max_epochs=99", "--gpus", "4",
                "--test_only", "--zero_shot", "False");
        var config = command.config(Config.defaults());
        assertEquals(List.of("d", "c", "v", "o", "cpu"),
                List.of(config.run().data(), config.run().clip(), config.run().vocab(), config.run().out(), config.run().device()));
        assertEquals(9, config.run().seed());
        assertEquals(1.0, config.optim().lr());
        assertEquals("hapt", config.model().datasetname());
        assertArrayEquals(new int[] {3, 8, 4}, new int[] {config.train().maxEpochs(), config.train().batchSize(), config.train().gpus()});
        assertTrue(config.train().testOnly());
        assertFalse(config.train().zeroShot());
    }

    @Test
    void failuresAreToldApart() {
        assertEquals("x.npy: truncated", Failures.message(new InputException("x.npy: truncated")));
        assertEquals("no device 'gpu'", Failures.message(new Backends.UnavailableException("no device 'gpu'")));
        assertEquals("x: no such file or folder", Failures.message(new UncheckedIOException(new NoSuchFileException("x"))));
        assertEquals("x: No space left on device", Failures.message(new FileSystemException("x", null, "No space left on device")));
        assertEquals("reading or writing failed: pipe", Failures.message(new IOException("pipe")));
        assertTrue(Failures.message(new OutOfMemoryError("Java heap space")).startsWith("out of memory (Java heap space; "));
        assertEquals("IllegalStateException: oops (this is a defect: rerun with --stacktrace and report it)",
                Failures.message(new IllegalStateException("oops\nmore")));
    }

    /** More Java heap would leave even less for what is missing. */
    @Test
    void memoryThatTheSystemDoesNotHave() {
        for (String device : List.of("cpu", "java")) {
            var error = assertThrows(OutOfMemoryError.class, () -> Backends.get(device).allocate(1L << 50, "weights"));
            assertEquals("out of memory (weights: 1073741824 MiB of memory outside of the Java heap are needed, and the system has no "
                    + "more). Give the process more; training needs less with a smaller --batch-size", Failures.message(error));
        }
    }

    @Test
    void stacktraceOnRequest() {
        var writer = new PrintWriter(err);
        assertEquals(1, Failures.report(new IllegalStateException("oops"), writer, false));
        assertFalse(err.toString().contains("\tat "));
        Failures.report(new IllegalStateException("oops"), writer, true);
        assertTrue(err.toString().contains("\tat dev.imu2clip.cli.MainTest"));
        assertEquals(0, run("doctor", "--stacktrace"));
    }

    @Test
    void doctorTells() throws IOException {
        assertEquals(0, run("doctor", "--json"));
        var json = new ObjectMapper().readTree(out.toString());
        assertEquals(Runtime.version().toString(), json.at("/jdk/version").asText());
        assertTrue(json.at("/machine/cores").asInt() > 0);
        assertTrue(json.at("/machine/memoryBytes").asLong() > 1 << 20);
        assertTrue(json.at("/backends").size() > 0);
        for (var backend : json.at("/backends")) assertFalse(backend.get("detail").asText().isEmpty(), backend.toString());
        assertTrue(json.at("/plots/usable").isBoolean());
        assertEquals("weights", json.at("/clip/0/what").asText());
        assertFalse(json.at("/clip/0/used").asBoolean(true), "nothing was downloaded into the tests' cache");
        out.getBuffer().setLength(0);
        assertEquals(0, run("doctor"));
        assertTrue(out.toString().lines().anyMatch(line -> line.startsWith("Processor  ")), out.toString());
    }

    @Test
    void doctorFindsTheWeightsThatCommandsUse(@TempDir Path cache) throws IOException {
        String before = System.getProperty("imu2clip.cache");
        System.setProperty("imu2clip.cache", cache.toString());
        try {
            Path models = Files.createDirectories(cache.resolve("models/clip-vit-b-32"));
            for (String name : List.of("ViT-B-32.pt", "bpe_simple_vocab_16e6.txt.gz")) Files.createFile(models.resolve(name));
            assertEquals(0, run("doctor"));
            assertTrue(out.toString().contains("[ok] weights: " + models.resolve("ViT-B-32.pt")), out.toString());
            Files.createFile(models.resolve("other.pt"));
            assertEquals(0, run("doctor"));
            assertTrue(out.toString().contains("[no] weights: " + models + ": is a folder with several weights: ViT-B-32.pt, other.pt"),
                    out.toString());
        } finally {
            if (before == null) System.clearProperty("imu2clip.cache");
            else System.setProperty("imu2clip.cache", before);
        }
    }

    @Test
    void sizesAreReadable() {
        assertEquals("0 B", DoctorCommand.size(0));
        assertEquals("1.5 KiB", DoctorCommand.size(1536));
        assertEquals("23.5 GiB", DoctorCommand.size(25232932864L));
    }
}
