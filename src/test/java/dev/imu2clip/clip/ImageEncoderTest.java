package dev.imu2clip.clip;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.backend.Backends;
import dev.imu2clip.io.InputException;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageEncoderTest {
    @TempDir
    Path folder;

    private Path weights() throws IOException, URISyntaxException {
        Path clip = Files.createDirectories(folder.resolve("clip"));
        Path file = clip.resolve("model.safetensors");
        if (Files.exists(file)) return clip;
        Files.copy(Path.of(getClass().getResource("/goldens/clip_image_tiny.safetensors").toURI()), file);
        Files.writeString(clip.resolve("config.json"), "{\"vision_config\": {\"num_attention_heads\": 2, \"hidden_act\": \"quick_gelu\"}}");
        return clip;
    }

    /** Images of noise; the number at a place is the seed, so equal numbers are equal images. Negative ones cannot be read. */
    private static final class Noise implements ImageEncoder.Pixels {
        final long[] seeds;
        final Set<Integer> read = new ConcurrentSkipListSet<>(), failed = new ConcurrentSkipListSet<>();
        boolean tolerant = true;

        Noise(long... seeds) {
            this.seeds = seeds;
        }

        @Override
        public int count() {
            return seeds.length;
        }

        @Override
        public EmbeddingCache.Key key(int image) {
            return EmbeddingCache.Key.of(ByteBuffer.allocate(8).putLong(seeds[image]).flip());
        }

        @Override
        public void read(int image, MemorySegment target) {
            if (seeds[image] < 0) throw new InputException("image " + image + " is broken");
            assertTrue(read.add(image));
            Random random = new Random(seeds[image]);
            for (int i = 0; i < 3 * 32 * 32; i++) target.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
        }

        @Override
        public void failed(int image, InputException error) {
            if (!tolerant) throw error;
            failed.add(image);
        }
    }

    private ImageEncoder open() throws IOException, URISyntaxException {
        return ImageEncoder.open(Backends.get("auto"), weights());
    }

    @Test
    void anImagesRowDependsOnItAlone() throws Exception {
        long[] seeds = new long[37];
        for (int i = 0; i < seeds.length; i++) seeds[i] = i;
        List<Integer> progress = new ArrayList<>();
        try (ImageEncoder encoder = open()) {
            float[][] together = encoder.embed(new Noise(seeds), progress::add);
            for (int i : new int[] {0, 15, 16, 36}) assertArrayEquals(encoder.embed(new Noise(i), _ -> {})[0], together[i], "image " + i);
            assertEquals(16, together[0].length);
            assertFalse(Arrays.equals(together[0], together[1]));
        }
        assertEquals(List.of(0, 16, 32, 37), progress);
    }

    @Test
    void equalImagesAreReadOnce() throws Exception {
        try (ImageEncoder encoder = open()) {
            Noise noise = new Noise(5, 6, 5, 5, 7, 6);
            float[][] rows = encoder.embed(noise, _ -> {});
            assertEquals(Set.of(0, 1, 4), noise.read);
            assertArrayEquals(rows[0], rows[3]);
            assertArrayEquals(rows[1], rows[5]);
            rows[0][0]++;
            assertTrue(rows[0][0] != rows[3][0]);
        }
    }

    @Test
    void knownImagesAreNotReadAgain() throws Exception {
        float[][] first;
        try (ImageEncoder encoder = open().cachedIn(folder.resolve("cache"), _ -> {})) {
            first = encoder.embed(new Noise(1, 2, 3), _ -> {});
        }
        try (ImageEncoder encoder = open().cachedIn(folder.resolve("cache"), _ -> {})) {
            Noise noise = new Noise(3, 4, 1);
            float[][] again = encoder.embed(noise, _ -> {});
            assertEquals(Set.of(1), noise.read);
            assertArrayEquals(first[2], again[0]);
            assertArrayEquals(first[0], again[2]);
        }
    }

    @Test
    void aBrokenImageCostsItsOwnRow() throws Exception {
        try (ImageEncoder encoder = open()) {
            Noise noise = new Noise(1, -2, 3, -2);
            float[][] rows = encoder.embed(noise, _ -> {});
            assertNull(rows[1]);
            assertNull(rows[3]);
            assertArrayEquals(encoder.embed(new Noise(3), _ -> {})[0], rows[2]);
            assertEquals(Set.of(1), noise.failed);
        }
    }

    /** The error does not depend on which thread is faster, and rows come as they are finished. */
    @Test
    void rowsComeInOrderUntilTheFirstBrokenImage() throws Exception {
        long[] seeds = new long[600];
        for (int i = 0; i < seeds.length; i++) seeds[i] = i < 580 ? i % 7 : -i;
        try (ImageEncoder encoder = open()) {
            Noise noise = new Noise(seeds);
            noise.tolerant = false;
            List<float[]> rows = new ArrayList<>();
            assertEquals("image 580 is broken", assertThrows(InputException.class, () -> encoder.embed(noise, (image, row) -> {
                assertEquals(rows.size(), image);
                rows.add(row);
            }, _ -> {})).getMessage());
            assertEquals(512, rows.size());
            assertArrayEquals(rows.get(3), rows.get(500));
        }
    }

    @Test
    void withoutToleranceItsErrorIsTheResultAndWhatWasFinishedIsKept() throws Exception {
        long[] seeds = new long[40];
        for (int i = 0; i < seeds.length; i++) seeds[i] = i == 39 ? -1 : i;
        try (ImageEncoder encoder = open().cachedIn(folder.resolve("cache"), _ -> {})) {
            Noise noise = new Noise(seeds);
            noise.tolerant = false;
            assertEquals("image 39 is broken", assertThrows(InputException.class, () -> encoder.embed(noise, _ -> {})).getMessage());
        }
        try (ImageEncoder encoder = open().cachedIn(folder.resolve("cache"), _ -> {})) {
            Noise noise = new Noise(0, 31, 32);
            encoder.embed(noise, _ -> {});
            assertEquals(Set.of(2), noise.read);
        }
    }
}
