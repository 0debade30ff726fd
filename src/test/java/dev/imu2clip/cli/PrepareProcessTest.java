package dev.imu2clip.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.imu2clip.data.ego4d.RawSet;
import dev.imu2clip.io.Npy;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code prepare} in processes that are killed, that meet, and that find no room: nothing is half-written, and the next run ends the work.
 */
@Tag("heavy")
class PrepareProcessTest {
    private static final int RECORDINGS = 60, KILLS = 6;

    @TempDir
    static Path folder;
    private static Map<String, String> undisturbed;
    private Program program;

    @BeforeAll
    static void undisturbed() throws Exception {
        RawSet raw = new RawSet(folder.resolve("raw"));
        for (int i = 0; i < RECORDINGS; i++) raw.add("v" + i, 60);
        raw.film("v7", 20).film("v8", 20).write();
        Files.writeString(raw.imu("v5"), "damaged\n");
        Program whole = prepare("whole");
        assertEquals(0, whole.exitCode(), whole.output());
        undisturbed = content("whole");
        assertTrue(undisturbed.size() > 2 * RECORDINGS);
    }

    private static Program prepare(String out, String... prefix) throws IOException {
        return Program.start(folder, List.of(prefix), List.of(), "prepare", "ego4d", "raw", out);
    }

    @AfterEach
    void nothingKeepsRunning() throws Exception {
        if (program != null && program.running()) program.kill();
    }

    private static Map<String, String> content(String out) throws IOException {
        Map<String, String> content = new TreeMap<>();
        try (Stream<Path> files = Files.walk(folder.resolve(out))) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                String name = folder.resolve(out).relativize(file).toString();
                if (!name.startsWith(".preparation.")) content.put(name, new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1));
            }
        }
        return content;
    }

    private static long finished(String out) throws IOException {
        Path log = folder.resolve(out).resolve(".preparation.jsonl");
        return Files.exists(log) ? Files.readString(log).lines().count() : 0;
    }

    private static void assertNothingIsHalfWritten(String out) throws IOException {
        content(out).forEach((name, bytes) -> {
            if (name.endsWith(".tmp")) return;
            if (undisturbed.containsKey(name)) assertEquals(undisturbed.get(name).length(), bytes.length(), name);
            if (name.endsWith(".npy")) Npy.header(folder.resolve(out).resolve(name));
        });
        assertFalse(Files.exists(folder.resolve(out).resolve("dataset.json")), "an unfinished folder is no data set");
        assertFalse(Files.exists(folder.resolve(out).resolve("ego4d.json")), "nor does it look like the reference's");
    }

    @Test
    void killedInTheMiddle() throws Exception {
        Random random = new Random(3);
        int inTheMiddle = 0;
        for (int kill = 0; kill < KILLS; kill++) {
            long before = finished("killed");
            program = prepare("killed");
            while (program.running() && finished("killed") < before + 3) Thread.sleep(2);
            Thread.sleep(random.nextInt(40));
            if (!program.running()) break;
            program.kill();
            inTheMiddle++;
            assertNothingIsHalfWritten("killed");
            assertTrue(finished("killed") > before);
        }
        assertTrue(inTheMiddle >= 3, "too few kills hit the work: " + inTheMiddle);
        program = prepare("killed");
        assertEquals(0, program.exitCode(), program.output());
        assertEquals(undisturbed, content("killed"), "no more, no less and no other bytes than in one run");
    }

    @Test
    void twoProcesses() throws Exception {
        program = prepare("two");
        while (program.running() && finished("two") < 1) Thread.sleep(2);
        Program second = prepare("two");
        int code = second.exitCode();
        if (program.running()) {
            assertEquals(1, code);
            assertTrue(second.output().matches("imu2clip: two: process \\d+ is preparing this folder. Wait for it to end, or end it\n"),
                    second.output());
        }
        assertEquals(0, program.exitCode(), program.output());
        assertEquals(undisturbed, content("two"));
    }

    /** The second run has nothing to do, and tells the same. */
    @Test
    void theReport() throws Exception {
        program = Program.start(folder, "prepare", "ego4d", "raw", "whole", "--json");
        assertEquals(0, program.exitCode(), program.output());
        var json = new ObjectMapper();
        assertEquals(json.readTree(folder.resolve("whole/preparation.json").toFile()), json.readTree(program.output()));
        assertEquals(undisturbed, content("whole"));
        program = prepare("whole");
        assertEquals(0, program.exitCode());
        assertTrue(program.output().startsWith("prepared: 59 imu, 2 video, 0 audio\nsplits: training 37, validation 5, test 18\n"),
                program.output());
        assertTrue(program.output().contains("  1 x imu: file damaged or not as expected\n      raw/imu/v5.csv: has no column 'canonical_timestamp_ms'"),
                program.output());
        program = Program.start(folder, "prepare", "ego5d", "raw", "whole");
        assertEquals(1, program.exitCode());
        assertEquals("imu2clip: 'ego5d' cannot be prepared. Known: ego4d; for others see 'imu2clip import'\n", program.output());
    }

    /** A limit on the size of files stands in for a full disk: 200 kB, less than a signal and more than the rest. */
    @Test
    @DisabledOnOs(OS.WINDOWS)
    void noRoom() throws Exception {
        for (int attempt = 0; attempt < 2; attempt++) {
            program = prepare("limited", "sh", "-c", "ulimit -f 200 && exec \"$@\"", "sh");
            assertEquals(1, program.exitCode());
            String error = program.output();
            assertTrue(error.startsWith("imu2clip: limited/processed_imu/v")
                    && error.contains("cannot be written (File too large). Check free space"), error);
            assertFalse(error.contains("\tat "), error);
            assertNothingIsHalfWritten("limited");
            assertTrue(content("limited").keySet().stream().noneMatch(name -> name.endsWith(".tmp")), content("limited").keySet()
                    .toString());
        }
        program = prepare("limited");
        assertEquals(0, program.exitCode(), program.output());
        assertEquals(undisturbed, content("limited"));
    }
}
