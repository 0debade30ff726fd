package dev.imu2clip.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.data.Json;
import dev.imu2clip.data.Layout;
import dev.imu2clip.data.SampleDataSet;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code prepare --check}: exit codes, files, and what is refused. */
class CheckCommandTest {
    @TempDir
    Path folder;
    private final StringWriter err = new StringWriter();

    private int run(String... args) {
        return Main.run(new PrintWriter(new StringWriter()), new PrintWriter(err), args);
    }

    @Test
    void theExitCodeTellsWhetherAllCanBeUsed() throws Exception {
        Path set = folder.resolve("set");
        SampleDataSet.generate(set, new SampleDataSet.Options(1, 3, 1, false));
        assertEquals(0, run("prepare", "--check", set.toString()), err.toString());
        assertEquals("ok", Json.read(set.resolve("check.json")).path("status").asText());
        Files.delete(new Layout(set).signal("sample_0001"));
        assertEquals(1, run("prepare", "--check", set.toString(), "--no-lag", "--jobs", "1"));
        assertEquals("bad", Json.read(set.resolve("check.json")).path("status").asText());
        assertTrue(Files.readString(set.resolve("check.html")).contains("processed_imu/sample_0001.npy does not exist"));
        assertEquals("", err.toString());
    }

    @Test
    void wrongUseIsTold() {
        assertEquals(1, run("prepare", "--check", folder.toString()));
        assertTrue(err.toString().contains("is not a prepared data set"), err.toString());
        assertEquals(2, run("prepare", "ego4d", "a", "b", "--check", "c"));
        assertEquals(2, run("prepare", "ego4d"));
        assertTrue(err.toString().contains("expected 'ego4d SRC OUT' or '--check DIR'"), err.toString());
    }
}
