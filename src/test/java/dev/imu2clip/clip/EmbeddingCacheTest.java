package dev.imu2clip.clip;


import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmbeddingCacheTest {
    private final List<String> notices = new ArrayList<>();

    @TempDir
    Path root;

    private EmbeddingCache open(String identity) {
        return new EmbeddingCache(root, identity, 2, notices::add);
    }

    private static EmbeddingCache.Key key(String content) {
        return EmbeddingCache.Key.of(ByteBuffer.wrap(content.getBytes()));
    }

    private static void put(EmbeddingCache cache, float value, String... contents) {
        cache.put(Arrays.stream(contents).map(EmbeddingCacheTest::key).toList(),
                Arrays.stream(contents).map(text -> new float[] {value, text.length()}).toList());
    }

    private List<Path> files() throws IOException {
        try (var all = Files.walk(root)) {
            return all.filter(Files::isRegularFile).toList();
        }
    }

    @Test
    void whatWasPutIsThereForTheNext() {
        try (var cache = open("a")) {
            assertNull(cache.get(key("one")));
            put(cache, 1, "one", "three");
            put(cache, 2, "");
            assertArrayEquals(new float[] {1, 3}, cache.get(key("one")));
        }
        try (var cache = open("a"); var other = open("b"); var wider = new EmbeddingCache(root, "c", 3, notices::add)) {
            assertArrayEquals(new float[] {1, 5}, cache.get(key("three")));
            assertArrayEquals(new float[] {2, 0}, cache.get(key("")));
            assertNull(cache.get(key("two")));
            assertNull(other.get(key("one")));
            assertNull(wider.get(key("one")));
        }
        assertEquals(List.of(), notices);
    }

    @Test
    void twoAtOnceDoNotDisturbEachOther() throws IOException {
        try (var first = open("a"); var second = open("a")) {
            put(first, 1, "x", "y");
            put(second, 1, "x", "y");
            put(second, 1, "z");
        }
        assertEquals(2, files().size());
        try (var cache = open("a")) {
            for (String text : List.of("x", "y", "z")) assertArrayEquals(new float[] {1, 1}, cache.get(key(text)));
        }
        assertEquals(List.of(), notices);
    }

    @Test
    void damagedFilesAreReportedOnceAndLeftOut() throws IOException {
        try (var cache = open("a")) {
            put(cache, 1, "whole");
        }
        Path whole = files().getFirst();
        byte[] bytes = Files.readAllBytes(whole);
        byte[] flipped = bytes.clone();
        flipped[flipped.length - 1] ^= 1;
        byte[] other = new String(bytes, java.nio.charset.StandardCharsets.ISO_8859_1).replace("\"identity\":\"a\"", "\"identity\":\"b\"")
                .getBytes(java.nio.charset.StandardCharsets.ISO_8859_1);
        List<byte[]> damages = List.of(flipped, Arrays.copyOf(bytes, bytes.length - 3), new byte[0], other);
        for (byte[] damage : damages) {
            Files.write(whole.resolveSibling("damaged.safetensors"), damage);
            Files.delete(whole);
            try (var cache = open("a")) {
                assertNull(cache.get(key("whole")));
                assertEquals(1, notices.size(), notices.toString());
                assertTrue(notices.getFirst().contains("damaged") && notices.getFirst().lines().count() == 1, notices.getFirst());
                notices.clear();
                put(cache, 1, "whole");
            }
            try (var cache = open("a")) {
                assertArrayEquals(new float[] {1, 5}, cache.get(key("whole")));
            }
            assertEquals(List.of(), notices);
            assertEquals(List.of(whole), files());
        }
        // What a killed writer leaves is no file of the cache, and goes when it is old.
        Path left = Files.write(whole.resolveSibling(".0123.safetensors.5.tmp"), Arrays.copyOf(bytes, 20)),
                old = Files.write(whole.resolveSibling(".0123.safetensors.6.tmp"), Arrays.copyOf(bytes, 20));
        Files.setLastModifiedTime(old, FileTime.from(Instant.now().minus(2, ChronoUnit.DAYS)));
        try (var cache = open("a")) {
            assertArrayEquals(new float[] {1, 5}, cache.get(key("whole")));
        }
        assertEquals(List.of(), notices);
        assertTrue(Files.exists(left) && !Files.exists(old));
    }

    /** One row is wrong: its file goes, with what else it held; other files stay. */
    @Test
    void everyRowIsChecked() throws IOException {
        try (var cache = open("a")) {
            put(cache, 1, "x", "y");
        }
        Path file = files().getFirst();
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length - 2 * Integer.BYTES - 1] ^= 1; // The last number of y: rows are followed by their two checksums.
        try (var cache = open("a")) {
            put(cache, 2, "z");
        }
        Files.write(file, bytes);
        try (var cache = open("a")) {
            assertArrayEquals(new float[] {1, 1}, cache.get(key("x")));
            assertNull(cache.get(key("y")));
            assertNull(cache.get(key("x")));
            assertArrayEquals(new float[] {2, 1}, cache.get(key("z")));
        }
        assertEquals(1, notices.size(), notices.toString());
        assertEquals(1, files().size());
    }

    @Test
    void manySmallFilesBecomeOne() throws IOException {
        for (int i = 0; i < 33; i++)
            try (var cache = open("a")) {
                put(cache, i, "own " + i, "common");
            }
        assertEquals(33, files().size());
        try (var reader = open("a"); var cache = open("a")) {
            assertEquals(1, files().size(), files().toString());
            for (int i = 0; i < 33; i++) assertEquals(i, cache.get(key("own " + i))[0]);
            // One that had the files open reads on.
            assertEquals(7, reader.get(key("own 7"))[0]);
        }
        try (var cache = open("a")) {
            for (int i = 0; i < 33; i++) assertEquals(i, cache.get(key("own " + i))[0]);
            assertEquals(6, cache.get(key("common"))[1]);
        }
        assertEquals(List.of(), notices);
    }

    @Test
    void aFolderThatCannotBeWrittenIsToldOnce() throws IOException {
        Path file = Files.writeString(root.resolve("embeddings"), "in the way");
        try (var cache = open("a")) {
            put(cache, 1, "x");
            put(cache, 1, "y");
        }
        assertEquals(1, notices.size(), notices.toString());
        assertTrue(notices.getFirst().contains("not kept"), notices.getFirst());
        assertEquals("in the way", Files.readString(file));
    }
}
