package dev.imu2clip.media;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.TestData;
import dev.imu2clip.io.Progress;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageMotionTest {
    private static final int WIDTH = 160;
    private static final int HEIGHT = 120;

    /** Clouds: smoothly interpolated random values on grids of 24, 12 and 6 pixels. */
    private static double world(double x, double y) {
        double sum = 128;
        for (int cell = 24, size = 60; cell >= 6; cell /= 2, size /= 2) {
            double u = x / cell + 100;
            double v = y / cell + 100;
            double fx = smooth(u - Math.floor(u));
            double fy = smooth(v - Math.floor(v));
            double top = (1 - fx) * noise(u, v, cell) + fx * noise(u + 1, v, cell);
            double bottom = (1 - fx) * noise(u, v + 1, cell) + fx * noise(u + 1, v + 1, cell);
            sum += size * ((1 - fy) * top + fy * bottom);
        }
        return sum;
    }

    private static double smooth(double t) {
        return t * t * (3 - 2 * t);
    }

    private static double noise(double u, double v, int cell) {
        long z = ((long) Math.floor(u) * 73_856_093L ^ (long) Math.floor(v) * 19_349_663L ^ cell * 83_492_791L) * 0x9E3779B97F4A7C15L;
        z = (z ^ z >>> 29) * 0xBF58476D1CE4E5B9L;
        return (z >>> 40) / (double) (1 << 23) - 1;
    }

    private static float[] view(double x0, double y0) {
        float[] grey = new float[WIDTH * HEIGHT];
        for (int y = 0, i = 0; y < HEIGHT; y++) for (int x = 0; x < WIDTH; x++) grey[i++] = (float) world(x - x0, y - y0);
        return grey;
    }

    @Test
    void shiftsAreFoundToATwentiethOfAPixel() {
        double[][] shifts = {{0, 0}, {0.25, -0.4}, {1.5, 2.25}, {-7.3, 4.1}, {23.4, -11.7}, {-31.2, 0.6}};
        for (double[] shift : shifts) {
            double[] found = ImageMotion.shift(view(5, 9), view(5 + shift[0], 9 + shift[1]), WIDTH);
            assertEquals(shift[0], found[0], 0.05, Arrays.toString(shift));
            assertEquals(shift[1], found[1], 0.05, Arrays.toString(shift));
            assertTrue(found[2] > 0.99, Arrays.toString(found));
        }
    }

    @Test
    void unlikePicturesSaySo() {
        float[] noise = new float[WIDTH * HEIGHT];
        var random = new java.util.Random(1);
        for (int i = 0; i < noise.length; i++) noise[i] = random.nextInt(256);
        assertTrue(ImageMotion.shift(view(0, 0), noise, WIDTH)[2] < 0.5);
        double[] flat = ImageMotion.shift(new float[WIDTH * HEIGHT], new float[WIDTH * HEIGHT], WIDTH);
        assertTrue(Double.isFinite(flat[0]) && Double.isFinite(flat[1]) && flat[2] == 0, Arrays.toString(flat));
    }

    /** A film of twice the size, through the encoder: four pixels to the right and two down a frame are two and one. */
    @Test
    void aFilmsMotionIsMeasured(@TempDir Path folder) {
        Path film = folder.resolve("film.mp4");
        try (VideoWriter writer = new VideoWriter(film, 2 * WIDTH, 2 * HEIGHT, 30)) {
            for (int k = 0; k < 20; k++) {
                byte[] rgb = new byte[2 * WIDTH * 2 * HEIGHT * 3];
                for (int i = 0; i < rgb.length / 3; i++) {
                    byte grey = (byte) Math.clamp(Math.round(world((i % (2 * WIDTH) - 4 * k) / 2.0, (i / (2 * WIDTH) - 2 * k) / 2.0)), 0, 255);
                    rgb[3 * i] = rgb[3 * i + 1] = rgb[3 * i + 2] = grey;
                }
                writer.add(rgb);
            }
            writer.finish();
        }
        ImageMotion motion = ImageMotion.of(film, 0, Progress.NONE);
        assertEquals(19, motion.seconds().length);
        assertEquals(0.5 / 30, motion.seconds()[0], 1e-9);
        for (int i = 0; i < 19; i++) {
            assertEquals(2, motion.right()[i], 0.1, "frame " + i);
            assertEquals(1, motion.down()[i], 0.1, "frame " + i);
        }
    }

    /** A walker's picture shakes, and neighbouring frames are alike. */
    @Test
    void aRealWalkIsFollowed() {
        ImageMotion motion = ImageMotion.of(TestData.shared("gopro/max-heromode.mp4"), 0, Progress.NONE);
        assertEquals(314, motion.right().length);
        assertTrue(Arrays.stream(motion.likeness()).average().orElse(0) > 0.8, Arrays.toString(motion.likeness()));
        assertTrue(Arrays.stream(motion.right()).map(Math::abs).max().orElse(0) > 1);
    }
}
