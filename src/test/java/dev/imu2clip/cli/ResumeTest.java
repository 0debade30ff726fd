package dev.imu2clip.cli;

import dev.imu2clip.data.SampleDataSet;
import dev.imu2clip.io.Safetensors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** A run stopped at any moment and resumed ends with the bits of the undisturbed one. */
@Tag("heavy")
class ResumeTest {
    private static final int KILLS = 10;

    @TempDir
    static Path folder;

    private Program program;

    @BeforeAll
    static void undisturbed() throws Exception {
        SampleDataSet.generate(folder.resolve("data"), new SampleDataSet.Options(3, 5, 1, false));
        Program whole = Program.start(folder, arguments("whole"));
        assertEquals(0, whole.exitCode(), whole::toString);
    }

    private static String[] arguments(String out, String... more) {
        String[] all = {"pretrain", "--data", "data", "--epochs", "40", "--batch-size", "8", "--seed", "7", "--set",
                "checkpoint_every_steps=2",
                "--set", "log_every_steps=1", "--out", out};
        String[] joined = java.util.Arrays.copyOf(all, all.length + more.length);
        System.arraycopy(more, 0, joined, all.length, more.length);
        return joined;
    }

    @AfterEach
    void nothingKeepsRunning() throws Exception {
        if (program != null && program.running()) program.kill();
    }

    private static Map<String, String> tensors(Path file) {
        Map<String, String> content = new TreeMap<>();
        try (Safetensors tensors = Safetensors.open(file)) {
            tensors.entries().forEach((name, entry) -> content.put(name, java.util.Arrays.toString(tensors.floats(name))));
        }
        return content;
    }

    private static void assertSameEnd(String out) throws IOException {
        for (String file : new String[] {"checkpoints/last.safetensors", "i2c_s_i_t_t_se_mw2_w_2.5_src_encoder.safetensors"})
            assertEquals(tensors(folder.resolve("whole").resolve(file)), tensors(folder.resolve(out).resolve(file)), file);
        assertEquals(Files.readString(folder.resolve("whole/metrics.jsonl")),
                Files.readString(folder.resolve(out).resolve("metrics.jsonl")), "metrics.jsonl");
        try (var files = Files.list(folder.resolve(out).resolve("checkpoints"))) {
            assertEquals(4, files.filter(f -> f.toString().endsWith(".safetensors")).count(), "the three best and the last");
        }
    }

    @Test
    void killedTenTimes() throws Exception {
        Random random = new Random(11);
        Path last = folder.resolve("killed/checkpoints/last.safetensors");
        int killedInTheMiddle = 0;
        for (int kill = 0; kill < KILLS; kill++) {
            boolean started = Files.isDirectory(last.getParent()), saved = Files.exists(last);
            program = Program.start(folder, saved ? new String[] {"pretrain", "--resume", "--out", "killed"}
                    : started ? arguments("killed", "--resume") : arguments("killed"));
            long before = saved ? Files.getLastModifiedTime(last).toMillis() : 0;
            // The first kill falls before anything is saved, the others after something was: some of them in the middle of a write.
            while (program.running() && (kill == 0 ? !Files.isDirectory(last.getParent())
                    : !Files.exists(last) || Files.getLastModifiedTime(last).toMillis() == before)) Thread.sleep(2);
            if (kill > 0) Thread.sleep(random.nextInt(150));
            if (program.running()) killedInTheMiddle++;
            program.kill();
            if (Files.exists(folder.resolve("killed/results.json"))) break;
        }
        assertTrue(killedInTheMiddle >= 5, "too few kills hit the training: " + killedInTheMiddle);
        program = Program.start(folder, "pretrain", "--resume", "--out", "killed");
        assertEquals(0, program.exitCode(), program.output());
        assertSameEnd("killed");
    }

    @Test
    void stoppedByASignalItSaysWhereItSaved() throws Exception {
        program = Program.start(folder, arguments("stopped", "--set", "checkpoint_every_steps=0"));
        Path log = folder.resolve("stopped/metrics.jsonl");
        while (program.running() && (!Files.exists(log) || Files.size(log) < 2000)) Thread.sleep(2);
        assertTrue(program.running());
        program.stop();
        assertNotEquals(0, program.exitCode());
        assertTrue(program.output().contains("stopped and saved"), program.output());
        program = Program.start(folder, "pretrain", "--resume", "--out", "stopped");
        assertEquals(0, program.exitCode(), program.output());
        assertSameEnd("stopped");
    }

    @Test
    void otherSettingsAreRefused() throws Exception {
        program = Program.start(folder, arguments("whole", "--resume", "--set", "lr=1e-3"));
        assertEquals(1, program.exitCode());
        assertTrue(program.output().contains("optim.lr"), program.output());
        assertFalse(program.output().contains("at dev.imu2clip"), program.output());
        program = Program.start(folder, arguments("whole"));
        assertEquals(1, program.exitCode());
        assertTrue(program.output().contains("--resume"), program.output());
    }
}
