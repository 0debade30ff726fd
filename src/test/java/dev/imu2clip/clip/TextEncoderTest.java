package dev.imu2clip.clip;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.TestData;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.io.CacheFolder;
import dev.imu2clip.io.Progress;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Npy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextEncoderTest {
    private static final Backend BACKEND = Backends.preferred();
    private static final List<String> TEXTS = List.of("walks", "sits down", "", "walks", "turns his head to the left and to the right",
            "Walks ");
    private final List<String> notices = new ArrayList<>();

    @TempDir
    Path folder;
    private String cacheBefore;

    @BeforeEach
    void ownCache() {
        cacheBefore = System.getProperty("imu2clip.cache");
        System.setProperty("imu2clip.cache", folder.resolve("cache").toString());
    }

    @AfterEach
    void restoreCache() {
        if (cacheBefore == null) System.clearProperty("imu2clip.cache");
        else System.setProperty("imu2clip.cache", cacheBefore);
    }

    /** Bytes as tokens, with the tiny tower's special ids. */
    private static Tokenizer bytes() {
        Map<String, Integer> ids = Vocabulary.byteTokens();
        ids.put(Vocabulary.START, 598);
        ids.put(Vocabulary.END, 599);
        return new Tokenizer(new Vocabulary(ids, List.of(), "test"));
    }

    private static TextEncoder tiny() {
        ClipWeights weights = ClipWeights.open(TinyTower.WEIGHTS);
        return TextEncoder.create(BACKEND, weights, TextConfig.of(weights, TinyTower.TWO_HEADS), bytes(), null);
    }

    private static void assertRefused(Path clip, Path vocab, String... parts) {
        var e = assertThrows(InputException.class, () -> TextEncoder.open(BACKEND, clip, vocab, 0).close());
        for (String part : parts) assertTrue(e.getMessage().contains(part), e.getMessage());
    }

    @Test
    void rowsDependOnTheirTextAlone() {
        List<String> many = IntStream.range(0, 300).mapToObj(i -> "x".repeat(i * 7 % 90) + i).toList();
        try (TextEncoder encoder = tiny()) {
            assertEquals(32, encoder.width());
            List<Integer> progress = new ArrayList<>();
            float[][] together = encoder.embed(many, progress::add);
            for (int i : new int[] {0, 1, 12, 13, 150, 299}) assertArrayEquals(together[i], encoder.embed(List.of(many.get(i)))[0],
                    many.get(i));
            assertTrue(progress.size() > 3 && progress.getLast() == 300, progress.toString());
            assertEquals(0, encoder.embed(List.of()).length);
        }
    }

    @Test
    void equalTextsHaveRowsOfTheirOwn() {
        try (TextEncoder encoder = tiny()) {
            float[][] rows = encoder.embed(TEXTS);
            assertArrayEquals(rows[0], rows[3]);
            assertArrayEquals(rows[0], rows[5]);
            assertNotSame(rows[0], rows[3]);
            for (int i : new int[] {1, 2, 4}) assertNotEquals(rows[0][0], rows[i][0]);
        }
    }

    @Test
    void longTextsAreCutAtTheEndToken() {
        try (TextEncoder encoder = tiny()) {
            float[][] rows = encoder.embed(List.of("a".repeat(75), "a".repeat(200), "a".repeat(74)));
            assertFalse(java.util.Arrays.equals(rows[0], rows[1]), "the last byte of a word is another token");
            assertArrayEquals(rows[1], encoder.embed(List.of("a".repeat(75) + "b"))[0]);
            assertNotEquals(rows[0][0], rows[2][0]);
        }
    }

    @Test
    void theCacheAnswersWithTheSameBits() throws IOException {
        float[][] first, second;
        Path cache = CacheFolder.path();
        try (TextEncoder encoder = tiny().cachedIn(cache, notices::add)) {
            first = encoder.embed(TEXTS);
        }
        ClipWeights broken = new ClipWeightsTest.Unreadable(ClipWeights.open(TinyTower.WEIGHTS));
        try (TextEncoder encoder = TextEncoder.create(BACKEND, broken, TextConfig.of(broken, TinyTower.TWO_HEADS), bytes(), null)
                .cachedIn(cache, notices::add)) {
            List<Integer> progress = new ArrayList<>();
            second = encoder.embed(TEXTS, progress::add);
            assertEquals(TEXTS.size(), progress.getLast());
            assertThrows(UnsupportedOperationException.class, () -> encoder.embed(List.of("new")), "only a new text needs the weights");
        }
        assertArrayEquals(first, second);
        assertEquals(List.of(), notices);
        damage(cache.resolve("embeddings"));
        try (TextEncoder encoder = tiny().cachedIn(cache, notices::add)) {
            assertArrayEquals(first, encoder.embed(TEXTS));
        }
        assertEquals(1, notices.size(), notices.toString());
    }

    private static void damage(Path folder) throws IOException {
        try (var files = Files.walk(folder)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                byte[] bytes = Files.readAllBytes(file);
                bytes[bytes.length - 5] ^= 4;
                Files.write(file, bytes);
            }
        }
    }

    @Test
    void realWeightsNeedTheirVocabulary() throws IOException {
        TinyTower.folder(folder);
        assertRefused(folder, null, folder.toString(), "no CLIP vocabulary", "huggingface.co", "--vocab");
        assertRefused(folder.resolve("model.safetensors"), null, "no CLIP vocabulary");
        assertRefused(folder, folder.resolve("none.gz"), "none.gz", "no such file");
        assertRefused(folder.resolve("cache"), null, "cache", "no such file");
        // A vocabulary of another size belongs to other weights.
        assertRefused(folder, TestData.shared("clip"), "embeds 600 tokens, but the vocabulary has 49408");
    }

    @Test
    void linesBecomeAnArray() throws IOException {
        Path in = Files.writeString(folder.resolve("lines.txt"), "\uFEFF" + String.join("\r\n", TEXTS) + "\n"),
                out = folder.resolve("out.npy");
        try (TextEncoder encoder = tiny()) {
            float[][] rows = encoder.embed(TEXTS);
            assertEquals(6, new EmbedTexts(List.of(in), out, false, false).run(encoder, Progress.NONE));
            assertArrayEquals(new long[] {6, 32}, Npy.header(out).shape().sizes());
            float[] plain = Npy.floats(out);
            for (int i = 0; i < 6; i++) assertArrayEquals(rows[i], java.util.Arrays.copyOfRange(plain, 32 * i, 32 * i + 32));
            new EmbedTexts(List.of(in), out, true, false).run(encoder, Progress.NONE);
            float[] unit = Npy.floats(out);
            double length = 0;
            for (int i = 0; i < 32; i++) length += unit[i] * unit[i];
            assertEquals(1, length, 1e-6);
            assertEquals(plain[0] / plain[1], unit[0] / unit[1], 1e-4);

            Files.writeString(in, "short\n" + "long ".repeat(80) + "\n");
            Files.delete(out);
            var e = assertThrows(InputException.class, () -> new EmbedTexts(List.of(in), out, false, false).run(encoder, Progress.NONE));
            assertTrue(e.getMessage().contains("lines.txt, line 2") && e.getMessage().contains("--truncate"), e.getMessage());
            assertFalse(Files.exists(out));
            assertEquals(2, new EmbedTexts(List.of(in), out, false, true).run(encoder, Progress.NONE));
            Files.writeString(in, "");
            assertThrows(InputException.class, () -> new EmbedTexts(List.of(in), out, false, true).run(encoder, Progress.NONE));
            Files.write(in, new byte[] {'a', (byte) 0xFF});
            assertThrows(InputException.class, () -> new EmbedTexts(List.of(in), out, false, true).run(encoder, Progress.NONE));
        }
    }

    @Test
    @Tag("heavy")
    void withoutAFileTheWeightsAreRandomAndSaidToBe() {
        float[][] first;
        try (TextEncoder encoder = TextEncoder.open(BACKEND, null, null, 7)) {
            assertTrue(encoder.notice().contains("no meaning")
                    && encoder.notice().contains("https://huggingface.co/openai/clip-vit-base-patch32"));
            assertEquals(512, encoder.width());
            first = encoder.embed(TEXTS);
            assertTrue(cosine(first[0], first[1]) < 0.999, "texts are told apart");
        }
        try (TextEncoder again = TextEncoder.open(BACKEND, null, null, 7); TextEncoder other = TextEncoder.open(BACKEND, null, null, 8)) {
            assertArrayEquals(first, again.embed(TEXTS));
            assertNotEquals(again.identity(), other.identity());
            assertNotEquals(first[0][0], other.embed(List.of("walks"))[0][0]);
        }
        assertNull(tiny().notice());
    }

    private static double cosine(float[] a, float[] b) {
        double ab = 0, aa = 0, bb = 0;
        for (int i = 0; i < a.length; i++) {
            ab += a[i] * b[i];
            aa += a[i] * a[i];
            bb += b[i] * b[i];
        }
        return ab / Math.sqrt(aa * bb);
    }
}
