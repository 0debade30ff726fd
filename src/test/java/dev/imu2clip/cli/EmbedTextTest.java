package dev.imu2clip.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.TestData;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.clip.ClipWeights;
import dev.imu2clip.clip.TextConfig;
import dev.imu2clip.clip.TextEncoder;
import dev.imu2clip.io.Npy;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.tensor.DType;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code embed text} with a small CLIP of the real vocabulary, as a user runs it. */
class EmbedTextTest {
    private static final TextConfig SMALL = new TextConfig(1, 64, 1, 128, 49408, 77, 48, true);
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

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

    private int run(Object... args) {
        out.getBuffer().setLength(0);
        err.getBuffer().setLength(0);
        List<String> all = new ArrayList<>(List.of("embed", "text"));
        for (Object arg : args) all.add(arg.toString());
        return Main.run(new PrintWriter(out), new PrintWriter(err), all.toArray(String[]::new));
    }

    private Path clip() {
        Path file = folder.resolve("clip.safetensors");
        try (Arena arena = Arena.ofShared()) {
            ClipWeights weights = ClipWeights.random(SMALL, 1);
            List<Safetensors.Source> tensors = new ArrayList<>();
            SMALL.shapes().forEach((name, shape) -> {
                var bytes = arena.allocate(4 * shape.count(), 4);
                weights.copyTo(name, bytes);
                tensors.add(new Safetensors.Source(name, DType.F32, shape, bytes));
            });
            Safetensors.write(file, Map.of(), tensors);
        }
        return file;
    }

    @Test
    void linesBecomeEmbeddings() throws IOException {
        Path clip = clip(), vocab = TestData.shared("clip"),
                lines = Files.writeString(folder.resolve("lines.txt"), "a dog\na cat\n\na dog");
        Path first = folder.resolve("new/first.npy"), second = folder.resolve("second.npy");
        assertEquals(0, run("--clip", clip, "--vocab", vocab, "--in", lines, "--out", first), err.toString());
        assertEquals("Embeddings of 4 texts, 48 numbers each, written to " + first + "\n", out.toString());
        assertEquals("", err.toString());
        // Again, from the cache.
        assertEquals(0, run("--clip", clip, "--vocab", vocab, "--in", lines, "--out", second));
        assertArrayEquals(Npy.floats(first), Npy.floats(second));
        try (TextEncoder encoder = TextEncoder.open(Backends.preferred(), clip, vocab, 0)) {
            assertArrayEquals(encoder.embed(List.of("a cat"))[0], Arrays.copyOfRange(Npy.floats(first), 48, 96));
        }
    }

    /** The folder that {@code download} fills, here with other weights. */
    @Test
    void withoutClipThereMustBeDownloadedWeights() throws IOException {
        Path lines = Files.writeString(folder.resolve("lines.txt"), "a dog"), target = folder.resolve("out.npy");
        assertFails("no CLIP weights. Give them with --clip, or run: imu2clip download clip-vit-b-32", "--in", lines, "--out", target);
        Path models = Files.createDirectories(folder.resolve("cache/models/clip-vit-b-32"));
        for (String name : List.of("ViT-B-32.pt", "bpe_simple_vocab_16e6.txt.gz")) Files.createFile(models.resolve(name));
        run("--in", lines, "--out", target);
        assertEquals("CLIP weights " + models + " (downloaded)", err.toString().lines().findFirst().orElse(""));
    }

    @Test
    void severalFilesAndTheStandardInput() throws IOException {
        Path clip = clip(), vocab = TestData.shared("clip"), one = Files.writeString(folder.resolve("one.txt"), "a dog\na cat\n"),
                all = folder.resolve("all.npy"), alone = folder.resolve("alone.npy");
        InputStream before = System.in;
        System.setIn(new ByteArrayInputStream("a bird\n".getBytes(StandardCharsets.UTF_8)));
        try {
            assertEquals(0, run("--clip", clip, "--vocab", vocab, "--in", one, "-", "--out", all), err.toString());
            assertEquals("Embeddings of 3 texts, 48 numbers each, written to " + all + "\n", out.toString());
            assertFails("standard input: is empty", "--clip", clip, "--vocab", vocab, "--in", "-", "--out", alone);
        } finally {
            System.setIn(before);
        }
        assertEquals(0, run("--clip", clip, "--vocab", vocab, "--in", Files.writeString(one, "a bird"), "--out", alone), err.toString());
        assertArrayEquals(Npy.floats(alone), Arrays.copyOfRange(Npy.floats(all), 96, 144));
    }

    @Test
    void failuresAreOneLine() throws IOException {
        Path clip = clip(), vocab = TestData.shared("clip"),
                lines = Files.writeString(folder.resolve("lines.txt"), "fine\n" + "long ".repeat(90));
        Path target = folder.resolve("out.npy");
        assertFails("none.safetensors: no such file", "--clip", folder.resolve("none.safetensors"), "--in", lines, "--out", target);
        assertFails("no CLIP vocabulary", "--clip", clip, "--in", lines, "--out", target);
        assertFails("lines.txt, line 2: ", "--clip", clip, "--vocab", vocab, "--in", lines, "--out", target);
        assertFails("none.txt: no such file", "--clip", clip, "--vocab", vocab, "--in", folder.resolve("none.txt"), "--out", target);
        assertFails("no device 'tpu'", "--clip", clip, "--vocab", vocab, "--in", lines, "--out", target, "--device", "tpu");
        assertFalse(Files.exists(target));
        assertEquals(0, run("--clip", clip, "--vocab", vocab, "--in", lines, "--out", target, "--truncate", "--normalize"));
        assertArrayEquals(new long[] {2, 48}, Npy.header(target).shape().sizes());
    }

    private void assertFails(String part, Object... args) {
        assertEquals(1, run(args));
        assertTrue(err.toString().startsWith("imu2clip: ") && err.toString().contains(part), err.toString());
        assertEquals(1, err.toString().lines().count(), err.toString());
    }
}
