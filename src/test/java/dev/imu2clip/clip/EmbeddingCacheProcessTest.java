package dev.imu2clip.clip;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Processes that write a cache at once, and such as are killed while they do. */
@Tag("heavy")
class EmbeddingCacheProcessTest {
    private static final int WIDTH = 64, ROWS = 30_000;
    private final List<Process> processes = new ArrayList<>();

    @TempDir
    Path root;

    /** Puts rows in batches of many sizes and opens the cache often, so that files are merged: {@code ROOT SEED ROWS}. */
    static final class Writer {
        public static void main(String[] args) {
            Random random = new Random(Long.parseLong(args[1]));
            int rows = Integer.parseInt(args[2]);
            for (int at = 0; at < rows;) {
                try (var cache = open(Path.of(args[0]), System.out::println)) {
                    for (int put = 0; put < 5 && at < rows; put++) {
                        int to = Math.min(rows, at + 1 + random.nextInt(random.nextBoolean() ? 10 : 600));
                        int[] missing = IntStream.range(at, to).filter(i -> cache.get(key(i)) == null).toArray();
                        cache.put(IntStream.of(missing).mapToObj(EmbeddingCacheProcessTest::key).toList(),
                                IntStream.of(missing).mapToObj(EmbeddingCacheProcessTest::embedding).toList());
                        at = to;
                    }
                }
            }
        }
    }

    private static EmbeddingCache open(Path root, Consumer<String> notices) {
        return new EmbeddingCache(root, "tower", WIDTH, notices);
    }

    private static EmbeddingCache.Key key(int row) {
        return EmbeddingCache.Key.of(ByteBuffer.allocate(4).putInt(row).flip());
    }

    private static float[] embedding(int row) {
        float[] values = new float[WIDTH];
        for (int i = 0; i < WIDTH; i++) values[i] = row + i / 64f;
        return values;
    }

    private Process start(long seed) throws IOException {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                classes = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        Process process = new ProcessBuilder(java, "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED", "-cp", classes, Writer.class.getName(), root.toString(), Long.toString(seed),
                Integer.toString(ROWS)).redirectErrorStream(true).redirectOutput(root.resolve("said" + seed).toFile()).start();
        processes.add(process);
        return process;
    }

    @AfterEach
    void nothingKeepsRunning() throws InterruptedException {
        for (Process process : processes) process.destroyForcibly().waitFor();
    }

    /** Every row that is there is right; returns how many are. */
    private int check() {
        List<String> notices = new ArrayList<>();
        int found = 0;
        try (var cache = open(root, notices::add)) {
            for (int i = 0; i < ROWS; i++) {
                float[] row = cache.get(key(i));
                if (row == null) continue;
                assertArrayEquals(embedding(i), row, "row " + i);
                found++;
            }
        }
        assertEquals(List.of(), notices);
        return found;
    }

    private static void assertSaysNothing(Path file) throws IOException {
        assertEquals("", Files.readString(file));
    }

    @Test
    void aKilledWriterCostsItsLastRowsOnly() throws Exception {
        Random random = new Random(5);
        int before = 0;
        for (int kill = 0; kill < 8; kill++) {
            Process process = start(kill);
            Path folder = root.resolve("embeddings");
            while (process.isAlive() && !Files.isDirectory(folder)) Thread.sleep(2);
            Thread.sleep(250 + random.nextInt(250));
            process.destroyForcibly().waitFor();
            int now = check();
            assertTrue(now >= before, now + " rows after " + before);
            before = now;
            assertSaysNothing(root.resolve("said" + kill));
        }
        assertTrue(before > 0, "no kill came after a row was written");
        assertTrue(start(100).waitFor(2, TimeUnit.MINUTES));
        assertEquals(ROWS, check());
    }

    @Test
    void writersAtOnce() throws Exception {
        for (int seed = 0; seed < 3; seed++) start(seed);
        for (Process process : processes) {
            assertTrue(process.waitFor(2, TimeUnit.MINUTES));
            assertEquals(0, process.exitValue());
        }
        for (int seed = 0; seed < 3; seed++) assertSaysNothing(root.resolve("said" + seed));
        assertEquals(ROWS, check());
    }
}
