package dev.imu2clip.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.io.Npy;
import dev.imu2clip.media.Image;
import dev.imu2clip.media.Preprocess;
import dev.imu2clip.tensor.Shape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class EmbedImageTest extends TinyClip {
    private static final int PIXELS = 3 * 32 * 32;
    private Path out;
    private Path names;

    @BeforeEach
    void files() {
        out = folder.resolve("y.npy");
        names = folder.resolve("y.names.txt");
    }

    /** A folder of all that people keep among their pictures. */
    private Path photos() throws IOException {
        Path photos = Files.createDirectories(folder.resolve("photos/b/.thumbnails")).getParent().getParent();
        Files.copy(CLIP.resolve("wide.png"), photos.resolve("b/WIDE.PNG"));
        Files.copy(CLIP.resolve("grey.jpg"), photos.resolve("grey without an ending"));
        Files.copy(CLIP.resolve("tall.png"), photos.resolve("c.jpg"));
        Files.copy(CLIP.resolve("tall.png"), photos.resolve("b/.thumbnails/t.png"));
        Files.writeString(photos.resolve("BMW.txt"), "BMW, and no BMP");
        Files.writeString(photos.resolve(".hidden.jpg"), "no picture");
        return photos;
    }

    private static float[] row(Path file, int row) {
        return Arrays.copyOfRange(Npy.floats(file), 16 * row, 16 * (row + 1));
    }

    private static void assertIs(String picture, float[] row) {
        double[] expected = numbers(EXPECTED.path("images").path(picture));
        for (int i = 0; i < 16; i++) assertEquals(expected[i], row[i], 1e-4, picture + " " + i);
    }

    @Test
    void aFolderGivesARowForEveryPicture() throws IOException {
        Path photos = photos();
        String said = run("embed", "image", "--clip", CLIP, "--in", photos, "--out", out);
        List<String> lines = said.lines().toList();
        assertEquals("Embeddings of 3 pictures, 16 numbers each, written to " + out, lines.get(0));
        assertEquals("What the rows are: " + names, lines.get(1));
        assertTrue(lines.get(2).matches("3 pictures computed, 0 known before; [0-9.]+ s, [0-9.]+ pictures/s; 1 other files left out"),
                lines.get(2));
        assertEquals(List.of(photos.resolve("b/WIDE.PNG"), photos.resolve("c.jpg"), photos.resolve("grey without an ending")),
                Files.readAllLines(names).stream().map(Path::of).toList());
        assertArrayEquals(new long[] {3, 16}, Npy.header(out).shape().sizes());
        assertIs("wide.png", row(out, 0));
        assertIs("tall.png", row(out, 1));
        assertIs("grey.jpg", row(out, 2));
    }

    @Test
    void whatIsKnownByContentIsNotComputedAgain() throws IOException {
        run("embed", "image", "--clip", CLIP, "--in", CLIP.resolve("wide.png"), CLIP.resolve("tall.png"), "--out", out);
        Path again = folder.resolve("again.npy"), list = folder.resolve("list.json");
        String said = run("embed", "image", "--clip", CLIP, "--in", photos(), "--in", CLIP.resolve("tall.png"), "--out", again, "--list",
                list);
        assertTrue(said.contains("1 pictures computed, 3 known before"), said);
        assertArrayEquals(row(out, 0), row(again, 0));
        assertArrayEquals(row(out, 1), row(again, 3));
        assertFalse(Files.exists(folder.resolve("again.names.txt")));
        assertTrue(Files.readString(list).strip().matches("(?s)\\[ \".*WIDE.PNG\", .*\"" + CLIP.resolve("tall.png") + "\" ]"),
                Files.readString(list));
    }

    @Test
    void preprocessedPixelsGiveTheSame() {
        float[] pixels = new float[3 * PIXELS];
        String[] pictures = {"wide.png", "tall.png", "grey.jpg"};
        for (int i = 0; i < 3; i++)
            Preprocess.clip(32).apply(Image.read(CLIP.resolve(pictures[i])), MemorySegment.ofArray(pixels), 4L * i * PIXELS);
        Path in = folder.resolve("pixels.npy");
        Npy.write(in, Shape.of(3, 3, 32, 32), pixels);
        String said = run("embed", "image", "--clip", CLIP, "--in", in, "--out", out);
        assertEquals("Embeddings of 3 pictures, 16 numbers each, written to " + out, said.lines().findFirst().orElseThrow());
        assertFalse(Files.exists(names));
        for (int i = 0; i < 3; i++) assertIs(pictures[i], row(out, i));
        double[] wide = new double[3 * PIXELS];
        for (int i = 0; i < wide.length; i++) wide[i] = pixels[i];
        Npy.write(in, Shape.of(3, 3, 32, 32), wide);
        said = run("embed", "image", "--clip", CLIP, "--in", in, "--out", out, "--normalize");
        assertTrue(said.contains("0 pictures computed, 3 known before"), said);
        double sum = 0;
        for (float v : row(out, 1)) sum += v * v;
        assertEquals(1, sum, 1e-6);
    }

    @Test
    void brokenPicturesAreAnErrorOrSkipped() throws IOException {
        Path photos = photos();
        byte[] whole = Files.readAllBytes(CLIP.resolve("grey.jpg"));
        Path broken = Files.write(photos.resolve("a.jpg"), Arrays.copyOf(whole, 700));
        Files.write(photos.resolve("a2.jpg"), Arrays.copyOf(whole, 700));
        Files.createFile(photos.resolve("empty.webp"));
        refused("a.jpg: the JPEG file cannot be decoded", "embed", "image", "--clip", CLIP, "--in", broken, "--out", out);
        refused("none of 1 pictures can be read. The first: " + broken, "embed", "image", "--clip", CLIP, "--in", broken, "--out", out,
                "--skip-broken");
        assertFalse(Files.exists(out) || Files.exists(names));
        var outcome = outcome("embed", "image", "--clip", CLIP, "--in", photos, "--out", out, "--skip-broken");
        assertEquals(0, outcome.code(), outcome.err());
        assertTrue(outcome.out().contains("; 3 skipped; 1 other files left out"), outcome.out());
        List<String> skipped = outcome.err().lines().toList();
        assertEquals(3, skipped.size());
        assertTrue(skipped.get(0).startsWith("skipped: " + broken + ": the JPEG file cannot be decoded"), skipped.get(0));
        assertEquals("skipped: " + photos.resolve("a2.jpg") + ": is the same as another that cannot be read", skipped.get(1));
        assertTrue(skipped.get(2).contains("empty.webp: an empty file"), skipped.get(2));
        assertEquals(3, Files.readAllLines(names).size());
        assertIs("wide.png", row(out, 0));
    }

    @Test
    void whatCannotBeEmbedded() throws IOException {
        Path none = Files.createDirectory(folder.resolve("none")), text = Files.writeString(none.resolve("notes.txt"), "notes"),
                pixels = folder.resolve("x.npy"), picture = CLIP.resolve("wide.png");
        embedRefuses(none + ": holds no pictures (1 other files). Known endings: bmp, gif, ", none);
        embedRefuses(text + ": not a picture of a known format", text);
        embedRefuses("gone.png: no such file or folder", none.resolve("gone.png"));
        embedRefuses("--list " + text + ".csv: the kind of file is not known", picture, "--list", text + ".csv");
        embedRefuses("gone.safetensors: no such file", picture, "--clip", folder.resolve("gone.safetensors"));
        embedRefuses("no device 'tpu'", picture, "--device", "tpu");
        Npy.write(pixels, Shape.of(1, 3, 16, 16), new float[768]);
        String expected = "Expected preprocessed pixels as (N, 3, 32, 32), float32";
        embedRefuses(pixels + ": has shape (1, 3, 16, 16). " + expected, pixels);
        Npy.write(pixels, Shape.of(0, 3, 32, 32), new float[0]);
        embedRefuses(pixels + ": has shape (0, 3, 32, 32). " + expected, pixels);
        Npy.write(pixels, Shape.of(1, 3, 32, 32), new int[PIXELS]);
        embedRefuses(pixels + ": has elements of type I4. " + expected, pixels);
        float[] values = new float[2 * PIXELS];
        values[PIXELS + 5] = Float.NaN;
        Npy.write(pixels, Shape.of(2, 3, 32, 32), values);
        embedRefuses(pixels + ": image 1 holds a value that is not finite", pixels);
        embedRefuses("preprocessed pixels are embedded from one npy file alone", pixels, picture);
        embedRefuses("--list: the rows of " + pixels + " have no names", pixels, "--list", folder.resolve("l.txt"));
        assertFalse(Files.exists(out));
    }

    /** What cannot be written is told before anything is computed. */
    @Test
    void aResultThatCannotBeWrittenCostsNoTime() throws IOException {
        Path file = Files.createFile(folder.resolve("file"));
        refused(file + " is no folder", "embed", "image", "--clip", CLIP, "--in", CLIP.resolve("wide.png"), "--out", file.resolve("y.npy"));
        assertFalse(Files.exists(folder.resolve("cache/embeddings")));
    }

    private void embedRefuses(String part, Object... more) {
        Object[] all = new Object[more.length + 7];
        // A later --clip is the one that counts, so the usual one is only given where there is none.
        boolean own = Arrays.asList(more).contains("--clip");
        Object[] first = {"embed", "image", "--out", out, own ? "--device" : "--clip", own ? "auto" : CLIP, "--in"};
        System.arraycopy(first, 0, all, 0, 7);
        System.arraycopy(more, 0, all, 7, more.length);
        refused(part, all);
    }
}
