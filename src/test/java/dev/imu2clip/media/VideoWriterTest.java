package dev.imu2clip.media;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.io.InputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VideoWriterTest {
    private static final int WIDTH = 160;
    private static final int HEIGHT = 96;

    @TempDir
    private Path folder;

    @Test
    void whatIsWrittenIsRead() throws Exception {
        byte[] once = write("a.mp4", 45);
        assertArrayEquals(once, write("b.mp4", 45));
        try (VideoFrames film = VideoFrames.open(folder.resolve("a.mp4"))) {
            assertEquals(1.5, film.duration(), 1e-9);
            assertEquals(30, film.frameRate(), 1e-9);
            for (int k : new int[] {0, 1, 29, 30, 44}) {
                double psnr = VideoPreparationTest.psnr(new Image(WIDTH, HEIGHT, picture(k)), film.frames((k + 0.5) / 30).getFirst());
                assertTrue(psnr > 33, "frame " + k + ": " + psnr + " dB");
            }
        }
    }

    private byte[] write(String name, int frames) throws Exception {
        Path out = folder.resolve(name);
        try (VideoWriter writer = new VideoWriter(out, WIDTH, HEIGHT, 30)) {
            for (int k = 0; k < frames; k++) writer.add(picture(k));
            writer.finish();
        }
        return Files.readAllBytes(out);
    }

    /** Soft waves that move by two pixels a frame. */
    private static byte[] picture(int k) {
        byte[] rgb = new byte[WIDTH * HEIGHT * 3];
        for (int y = 0, at = 0; y < HEIGHT; y++) {
            for (int x = 0; x < WIDTH; x++) {
                double wave = Math.sin((x + 2 * k) / 9.0) * Math.cos(y / 7.0);
                rgb[at++] = (byte) (128 + 90 * wave);
                rgb[at++] = (byte) (128 + 40 * wave);
                rgb[at++] = (byte) (128 - 60 * wave);
            }
        }
        return rgb;
    }

    @Test
    void anUnfinishedFilmLeavesNothing() throws Exception {
        try (VideoWriter writer = new VideoWriter(folder.resolve("a.mp4"), WIDTH, HEIGHT, 30)) {
            writer.add(picture(0));
        }
        try (Stream<Path> left = Files.list(folder)) {
            assertEquals(List.of(), left.toList());
        }
    }

    @Test
    void mistakesAreSaid() {
        assertThrows(IllegalArgumentException.class, () -> new VideoWriter(folder.resolve("a.mp4"), 33, 32, 30));
        assertThrows(InputException.class, () -> new VideoWriter(Path.of("/dev/null/a.mp4"), 32, 32, 30));
        try (VideoWriter writer = new VideoWriter(folder.resolve("a.mp4"), 32, 32, 30)) {
            assertThrows(IllegalArgumentException.class, () -> writer.add(new byte[5]));
            assertThrows(IllegalStateException.class, () -> writer.addSound(new float[5]));
        }
    }
}
