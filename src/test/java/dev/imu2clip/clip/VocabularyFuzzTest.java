package dev.imu2clip.clip;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.sun.management.ThreadMXBean;
import dev.imu2clip.Fuzz;
import dev.imu2clip.io.InputException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damaged vocabularies of a few merges, so that the damage hits every part of them. */
class VocabularyFuzzTest {
    private static final int BOUND = 16 << 20;
    private static final byte[] MERGES = "#version: 0.2\nc a\nca t</w>\nt h\nth e</w>\n".getBytes(StandardCharsets.US_ASCII);

    @TempDir
    Path folder;
    private byte[] vocab;

    @BeforeEach
    void writeGoodFiles() throws IOException {
        Map<String, Integer> ids = new LinkedHashMap<>(Vocabulary.byteTokens());
        for (String token : new String[] {"ca", "cat</w>", "th", "the</w>", "<|startoftext|>", "<|endoftext|>"}) ids.put(token, ids.size());
        vocab = new JsonMapper().writeValueAsBytes(ids);
        Files.write(folder.resolve("vocab.json"), vocab);
        Files.write(folder.resolve("merges.txt"), MERGES);
    }

    private static byte[] packed(byte[] bytes, int times) throws IOException {
        var packed = new ByteArrayOutputStream();
        try (OutputStream gzip = new GZIPOutputStream(packed)) {
            for (int i = 0; i < times; i++) gzip.write(bytes);
        }
        return packed.toByteArray();
    }

    private void fuzz(String file, int bound, byte[]... seeds) {
        Fuzz.of("vocabulary-" + file, seeds).allocating(bound).run(bytes -> {
            Tokenizer tokenizer = Tokenizer.read(Files.write(folder.resolve(file), bytes));
            int size = tokenizer.vocabulary().size();
            for (int id : tokenizer.encode("the cat\u2019s thé")) assertTrue(id >= 0 && id < size);
        });
    }

    @Test
    void vocabJson() throws IOException {
        fuzz("vocab.json", BOUND, vocab, packed(vocab, 1));
    }

    @Test
    void mergesTxt() throws IOException {
        fuzz("merges.txt", BOUND, MERGES, packed(MERGES, 1));
    }

    /** Seven megabytes of merges in a few kilobytes, less than is refused for its size alone. */
    @Test
    void bombs() throws IOException {
        Path bomb = Files.write(folder.resolve("merges.txt"), packed("c a\n".getBytes(StandardCharsets.US_ASCII), 1_900_000));
        var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        String message = assertThrows(InputException.class, () -> Vocabulary.read(bomb)).getMessage();
        assertTrue(message.contains("has more than 262144 merges"), message);
        assertTrue(threads.getCurrentThreadAllocatedBytes() - before < 160 << 20);
    }
}
