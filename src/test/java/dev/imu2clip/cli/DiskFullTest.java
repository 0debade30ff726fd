package dev.imu2clip.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.data.SampleDataSet;
import dev.imu2clip.io.AtomicFile;
import dev.imu2clip.io.Safetensors;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * Writing fails in the middle of a run: the run ends with a line that says so, the last checkpoint stays whole, and from there a resumed
 * run ends with the bits of one that was never disturbed. A limit on the size of files stands in for the full disk, as any user can set
 * it: a checkpoint of 10 MB breaks off in the middle, and the small files do not. /dev/full stands in for it in the metrics.
 */
@Tag("heavy")
@DisabledOnOs(OS.WINDOWS)
class DiskFullTest {
    /** In blocks of 512 bytes, as POSIX has them (a shell may count in 1024): 2 or 4 MB, between the logs and a checkpoint. */
    private static final int BLOCKS = 4096;

    @TempDir
    static Path folder;

    @BeforeAll
    static void undisturbed() throws Exception {
        SampleDataSet.generate(folder.resolve("data"), new SampleDataSet.Options(3, 5, 1, false));
        end(0, Program.start(folder, arguments("whole")));
    }

    private static String[] arguments(String out, String... more) {
        String[] all = {"pretrain", "--data", "data", "--epochs", "6", "--batch-size", "8", "--seed", "7", "--set",
                "checkpoint_every_steps=1",
                "--set", "log_every_steps=1", "--out", out};
        String[] joined = Arrays.copyOf(all, all.length + more.length);
        System.arraycopy(more, 0, joined, all.length, more.length);
        return joined;
    }

    private static String end(int code, Program program) throws Exception {
        assertEquals(code, program.exitCode(), program.output());
        assertFalse(program.output().contains("\tat "), program.output());
        return program.output();
    }

    private static Map<String, String> tensors(String file) {
        Map<String, String> content = new TreeMap<>();
        try (Safetensors tensors = Safetensors.open(folder.resolve(file))) {
            for (String name : tensors.names()) content.put(name, Arrays.toString(tensors.floats(name)));
        }
        return content;
    }

    private static void assertResumesToTheSameEnd(String out) throws Exception {
        end(0, Program.start(folder, arguments(out, "--resume")));
        assertSameEnd(out);
    }

    private static void assertSameEnd(String out) throws IOException {
        for (String file : List.of("/checkpoints/last.safetensors", "/i2c_s_i_t_t_se_mw2_w_2.5_src_encoder.safetensors"))
            assertEquals(tensors("whole" + file), tensors(out + file), file);
        assertEquals(Files.readString(folder.resolve("whole/metrics.jsonl")), Files.readString(folder.resolve(out + "/metrics.jsonl")));
    }

    private static void assertNoLeftovers(String out) throws IOException {
        try (Stream<Path> files = Files.walk(folder.resolve(out))) {
            assertTrue(files.noneMatch(file -> file.toString().endsWith(".tmp")), "a half-written file was left behind");
        }
    }

    /** Starts a run and ends it hard once it has saved something. */
    private static Path begun(String out) throws Exception {
        Path last = folder.resolve(out).resolve("checkpoints/last.safetensors");
        Program program = Program.start(folder, arguments(out));
        while (program.running() && !Files.exists(last)) Thread.sleep(2);
        program.kill();
        assertFalse(Files.exists(folder.resolve(out).resolve("results.json")), "it was killed too late to show anything");
        try (Stream<Path> files = Files.list(last.getParent())) { // what the kill itself left
            for (Path file : files.filter(file -> file.toString().endsWith(".tmp")).toList()) Files.delete(file);
        }
        return last;
    }

    @Test
    void aCheckpointThatDoesNotFitLeavesTheOneBefore() throws Exception {
        Path last = begun("limited");
        byte[] before = Files.readAllBytes(last);
        for (int attempt = 0; attempt < 2; attempt++) {
            String output = end(1, Program.start(folder, List.of("sh", "-c", "ulimit -f " + BLOCKS + " && exec \"$@\"", "sh"), List.of(),
                    arguments("limited", "--resume")));
            String error = output.lines().filter(line -> line.startsWith("imu2clip: ")).findFirst().orElseThrow();
            assertTrue(error.startsWith("imu2clip: limited/checkpoints/last.safetensors: cannot be written (File too large). Check free space and permissions of "),
                    error);
            assertTrue(error.endsWith("nothing was changed"), error);
            assertArrayEquals(before, Files.readAllBytes(last), "the checkpoint before is untouched");
            assertNoLeftovers("limited");
        }
        assertResumesToTheSameEnd("limited");
    }

    @Test
    void metricsThatDoNotFit() throws Exception {
        Assumptions.assumeTrue(Files.exists(Path.of("/dev/full")), "this system has no /dev/full");
        Path metrics = Files.createDirectories(folder.resolve("full")).resolve("metrics.jsonl");
        Files.createSymbolicLink(metrics, Path.of("/dev/full"));
        String output = end(1, Program.start(folder, arguments("full")));
        assertTrue(output.contains("imu2clip: full/metrics.jsonl: cannot be written (No space left on device). Check free space"), output);
        Files.delete(metrics);
        end(0, Program.start(folder, arguments("full")));
        assertSameEnd("full");
    }

    /** Texts that cannot be kept for the next run are no reason to stop this one. */
    @Test
    void aCacheThatDoesNotFitIsDoneWithout() throws Exception {
        Path cache = Files.writeString(folder.resolve("cache.txt"), "not a folder");
        String output = end(0, Program.start(folder, List.of(), List.of("-Dimu2clip.cache=" + cache), "pretrain", "--data", "data",
                "--epochs", "1", "--batch-size",
                "8", "--out", "uncached"));
        assertTrue(output.contains("Embeddings are not kept for the next run: " + cache), output);
    }

    @Test
    void aDeviceIsWrittenToAndNotReplaced() throws Exception {
        Path pipe = folder.resolve("pipe");
        Assumptions.assumeTrue(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor() == 0, "this system has no mkfifo");
        byte[][] read = new byte[1][];
        Thread reader = Thread.ofPlatform().start(() -> {
            try {
                read[0] = Files.readAllBytes(pipe);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        AtomicFile.write(pipe, channel -> AtomicFile.writeFully(channel, ByteBuffer.wrap("through the pipe".getBytes())));
        reader.join();
        assertEquals("through the pipe", new String(read[0]));
        assertFalse(Files.isRegularFile(pipe));
    }
}
