package dev.imu2clip.media;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.Fuzz;
import dev.imu2clip.TestData;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Damaged pictures and videos. libjpeg, libwebp and FFmpeg run in this process: a crash of theirs would end the test run. */
class MediaFuzzTest {
    private static final int PIXELS = 1 << 20;

    @ParameterizedTest
    @ValueSource(strings = {".jpg", ".png", ".gif", ".bmp", ".webp"})
    void damagedPicturesAreReadOrRefused(String format) {
        ImageDecoder decoder = new ImageDecoder(PIXELS);
        Preprocess preprocess = Preprocess.clip(8);
        Fuzz.Result result = Fuzz.of("image" + format, ImageGoldens.files(format)).allocating(32 << 20).run(bytes -> {
            Image image = decoder.decode(bytes, "fuzz" + format);
            assertTrue(image.width() * image.height() <= PIXELS);
            preprocess.crop(image);
        });
        assertTrue(result.read() > 0 && result.refused() > 0, result.toString());
    }

    /** The starts of real videos, so that an input costs little: their indices promise more frames than there are. */
    @Test
    @Tag("heavy")
    void damagedVideosAreReadOrRefused(@TempDir Path folder) throws Exception {
        byte[] matroska = Arrays.copyOf(Files.readAllBytes(TestData.shared("video/asl_walk.mkv")), 24 << 10);
        byte[] mp4 = Arrays.copyOf(Files.readAllBytes(TestData.shared("video/one-by-one-person-detection.mp4")), 64 << 10);
        Path file = folder.resolve("fuzz");
        Fuzz.Result result = Fuzz.of("video", matroska, mp4).run(bytes -> {
            Files.write(file, bytes);
            try (VideoFrames video = VideoFrames.open(file)) {
                video.duration();
                video.frames(0);
            }
        });
        assertTrue(result.read() > 0 && result.refused() > 0, result.toString());
    }
}
