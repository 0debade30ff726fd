package dev.imu2clip.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.io.Npy;
import dev.imu2clip.tensor.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands killed while they embed, and two of them at once: the cache serves the next, and the results have the same bits. */
@Tag("heavy")
class EmbedKilledTest {
    @TempDir
    Path folder;
    private final List<Program> programs = new ArrayList<>();

    @AfterEach
    void nothingKeepsRunning() throws InterruptedException {
        for (Program program : programs) program.kill();
    }

    private Program start(String kind, Path in, String out) throws IOException {
        Program program = Program.start(folder, "embed", kind, "--clip", TinyClip.CLIP.toString(), "--in", in.toString(), "--out", out);
        programs.add(program);
        return program;
    }

    private long files() throws IOException {
        Path cache = folder.resolve("cache/embeddings");
        if (!Files.isDirectory(cache)) return 0;
        try (Stream<Path> files = Files.walk(cache)) {
            return files.filter(file -> file.toString().endsWith(".safetensors")).count();
        } catch (java.io.UncheckedIOException e) {
            return 0; // a temporary file was renamed meanwhile: the caller looks again
        }
    }

    private void killAndGoOn(String kind, Path in) throws Exception {
        Program killed = start(kind, in, "killed.npy");
        while (killed.running() && files() == 0) Thread.sleep(1);
        killed.kill();
        assertTrue(files() > 0, killed::toString);
        assertFalse(Files.exists(folder.resolve("killed.npy")));
        Program first = start(kind, in, "first.npy"), second = start(kind, in, "second.npy");
        assertEquals(0, first.exitCode(), first.output());
        assertEquals(0, second.exitCode(), second.output());
        assertFalse((first.output() + second.output()).contains("damaged"), first.output() + second.output());
        Program again = start(kind, in, "again.npy");
        assertEquals(0, again.exitCode(), again.output());
        assertArrayEquals(Npy.floats(folder.resolve("first.npy")), Npy.floats(folder.resolve("second.npy")));
        assertArrayEquals(Npy.floats(folder.resolve("first.npy")), Npy.floats(folder.resolve("again.npy")));
        if (kind.equals("image")) {
            assertFalse(first.output().contains(", 0 known before"), first.output());
            assertTrue(again.output().contains("0 pictures computed"), again.output());
        }
    }

    @Test
    void images() throws Exception {
        Random random = new Random(3);
        float[] pixels = new float[2000 * 3 * 32 * 32];
        for (int i = 0; i < pixels.length; i++) pixels[i] = random.nextFloat();
        Path in = folder.resolve("pixels.npy");
        Npy.write(in, Shape.of(2000, 3, 32, 32), pixels);
        killAndGoOn("image", in);
    }

    @Test
    void texts() throws Exception {
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < 20_000; i++) lines.append("person ").append(i).append(" walks\n");
        killAndGoOn("text", Files.writeString(folder.resolve("lines.txt"), lines));
    }
}
