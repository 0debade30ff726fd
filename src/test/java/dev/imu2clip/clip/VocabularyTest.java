package dev.imu2clip.clip;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.imu2clip.TestData;
import dev.imu2clip.io.InputException;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VocabularyTest {
    private static final String TEXT = "The person's walking upstairs, 12 steps; 日本 😀 donaudampfschiff!";

    @TempDir
    Path folder;

    private static Path official() {
        return TestData.shared("clip/" + VocabularyFiles.OFFICIAL);
    }

    private static String unpacked() throws IOException {
        try (var in = new GZIPInputStream(Files.newInputStream(official()))) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /** The Hugging Face form of the official file: the same tokens and ids in two files. */
    private void writePair() throws IOException {
        String[] merges = Arrays.copyOfRange(unpacked().split("\n"), 1, 48895);
        Map<String, Integer> ids = new LinkedHashMap<>(Vocabulary.byteTokens());
        for (String merge : merges) ids.put(merge.replace(" ", ""), ids.size());
        ids.put("<|startoftext|>", 49406);
        ids.put("<|endoftext|>", 49407);
        new JsonMapper().writeValue(folder.resolve("vocab.json").toFile(), ids);
        Files.writeString(folder.resolve("merges.txt"), "#version: 0.2\n" + String.join("\n", merges) + "\n");
    }

    private static void assertRefused(Path path, String... parts) {
        var e = assertThrows(InputException.class, () -> Vocabulary.read(path));
        for (String part : parts) assertTrue(e.getMessage().contains(part), e.getMessage());
    }

    @Test
    void theOfficialFileGivesClipsIds() {
        Vocabulary vocabulary = Vocabulary.read(official().getParent());
        assertEquals(49408, vocabulary.size());
        assertEquals(49406, vocabulary.start());
        assertEquals(49407, vocabulary.end());
        assertEquals(Map.of(0, "!", 256, "!</w>", 64, "a", 320, "a</w>", 518, "the</w>", 2368, "cat</w>", 49405, "jekyll</w>").toString(),
                Map.of(0, vocabulary.token(0), 256, vocabulary.token(256), 64, vocabulary.token(64), 320, vocabulary.token(320), 518,
                        vocabulary.token(518), 2368, vocabulary.token(2368), 49405, vocabulary.token(49405)).toString());
    }

    @Test
    void everyFormGivesTheSameIds() throws IOException {
        int[] expected = Tokenizer.read(official()).encode(TEXT);
        writePair();
        for (Path path : new Path[] {folder, folder.resolve("vocab.json"), folder.resolve("merges.txt")})
            assertArrayEquals(expected, Tokenizer.read(path).encode(TEXT), path.toString());
        Path plain = Files.writeString(folder.resolve("bpe_simple_vocab_16e6.txt"), unpacked());
        assertArrayEquals(expected, Tokenizer.read(plain).encode(TEXT));
    }

    @Test
    void missingAndWrongFilesAreNamed() throws IOException {
        assertRefused(folder, "holds no CLIP vocabulary", "bpe_simple_vocab_16e6.txt.gz", "vocab.json");
        assertRefused(folder.resolve("none.gz"), "none.gz", "no such file");
        assertRefused(Files.writeString(folder.resolve("tokenizer.json"), "{}"), "vocab.json");
        assertRefused(Files.writeString(folder.resolve("few.txt"), "#version\ni n\n"), "has 1 merges");
        assertRefused(Files.writeString(folder.resolve("empty.txt"), ""), "has 0 merges");
        assertRefused(Files.writeString(folder.resolve("three.txt"), "#version\ni n\na b c\n"), "line 3", "a b c");
        assertRefused(Files.write(folder.resolve("latin.txt"), new byte[] {'a', (byte) 0xE9, 'b'}), "UTF-8");
        byte[] packed = Files.readAllBytes(official());
        assertRefused(Files.write(folder.resolve("half.gz"), Arrays.copyOf(packed, packed.length / 2)), "half.gz");
    }

    @Test
    void aDamagedPairIsNamed() throws IOException {
        writePair();
        Path merges = folder.resolve("merges.txt");
        String good = Files.readString(merges);
        Files.writeString(merges, good + "zzz qqq\n");
        assertRefused(folder, "no token 'zzz'");
        Files.delete(merges);
        assertRefused(folder, "merges.txt", "no such file");
        Files.writeString(merges, good);
        Path vocab = folder.resolve("vocab.json");
        Files.writeString(vocab, "{\"a\": 0, \"b\": 0}");
        assertRefused(vocab, "token 'b' has id 0");
        Files.writeString(vocab, "{\"a\": 1000000000}");
        assertRefused(vocab, "token 'a'");
        Files.writeString(vocab, "{\"a\": 0, \"a\": 1}");
        assertRefused(vocab, "not valid JSON");
        Files.writeString(vocab, "[]");
        assertRefused(vocab, "JSON object");
        Files.writeString(vocab, "{\"a\": 0}");
        assertRefused(vocab, "no token '<|startoftext|>'");
    }

    /** A small archive that unpacks to more than any vocabulary is refused before it fills the memory. */
    @Test
    void aBombIsRefused() throws IOException {
        var bytes = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(bytes)) {
            byte[] zeros = new byte[1 << 20];
            for (int i = 0; i < 40; i++) gzip.write(zeros);
        }
        assertRefused(Files.write(folder.resolve("bomb.gz"), bytes.toByteArray()), "larger than any CLIP vocabulary");
    }

    @Test
    void damageNeverEndsInAnythingButAnInputException() throws IOException {
        byte[] packed = Files.readAllBytes(official());
        byte[] json = "{\"a\": 0, \"b</w>\": 1, \"<|startoftext|>\": 2, \"<|endoftext|>\": 3}".getBytes(StandardCharsets.UTF_8);
        Files.writeString(folder.resolve("merges.txt"), "#version: 0.2\na b</w>\n");
        Random random = new Random(2);
        for (int i = 0; i < 500; i++) {
            boolean pair = i % 25 != 0;
            byte[] bytes = (pair ? json : packed).clone();
            // Most damage to the packed file is put at its head, where it is found soon.
            for (int k = 0; k < 3; k++) bytes[random.nextInt(pair ? bytes.length : 2000)] = (byte) random.nextInt(256);
            Path file = Files.write(folder.resolve(pair ? "vocab.json" : "damaged.gz"), bytes);
            try {
                Vocabulary.read(file);
            } catch (InputException e) {
                assertTrue(e.getMessage().contains(pair ? "vocab.json" : "damaged.gz"), e.getMessage());
            }
        }
    }
}
