package dev.imu2clip.media;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.imu2clip.TestData;
import dev.imu2clip.io.InputException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VideoFramesTest {
    private static final String WALK = "gopro/max-heromode.mp4";
    private static final String SIGN = "video/asl_walk.mkv";
    private static final String TABLE = "video/one-by-one-person-detection.mp4";

    @Test
    void headersTellDurationRateAndSize() {
        assertHeaders(WALK, 10.5105, 30000 / 1001.0, 848, 480);
        assertHeaders(SIGN, 2.966, 30, 640, 480);
        assertHeaders(TABLE, 139.4, 10, 768, 432);
    }

    private static void assertHeaders(String name, double duration, double rate, int width, int height) {
        try (VideoFrames video = VideoFrames.open(TestData.shared(name))) {
            assertEquals(duration, video.duration(), 1e-3);
            assertEquals(rate, video.frameRate(), 1e-3);
            assertEquals(width, video.width());
            assertEquals(height, video.height());
        }
    }

    /** The program ffmpeg decoded the whole file and numbered its frames; here a time is searched. Then Pillow and torchvision. */
    @Test
    void framesAndCropsAreThoseOfFfmpegPillowAndTorchvision() throws Exception {
        JsonNode frames = PreprocessTest.real().get("frames");
        assertEquals(13, frames.size());
        for (JsonNode golden : frames) {
            try (VideoFrames video = VideoFrames.open(TestData.shared(golden.get("video").asText()))) {
                Image image = video.frames(golden.get("seconds").asDouble()).getFirst();
                assertEquals(golden.get("rgb").asText(), PreprocessTest.sha256(image.rgb()), golden.toString());
                PreprocessTest.assertCrop(golden, image);
            }
        }
    }

    @Test
    void theOrderOfTimesChangesNothing() {
        double[] ascending = {0, 0.4, 3, 3.05, 5.5, 8, 10.4};
        double[] mixed = {8, 0, 10.4, 3.05, 0.4, 3, 5.5};
        try (VideoFrames video = VideoFrames.open(TestData.shared(WALK)); VideoFrames other = VideoFrames.open(TestData.shared(WALK))) {
            List<Image> first = video.frames(ascending);
            List<Image> second = video.frames(mixed);
            for (int i = 0; i < mixed.length; i++) {
                int same = Arrays.binarySearch(ascending, mixed[i]);
                assertArrayEquals(first.get(same).rgb(), second.get(i).rgb(), "at " + mixed[i]);
            }
            for (int i = ascending.length - 1; i >= 0; i--) {
                assertArrayEquals(first.get(i).rgb(), other.frames(ascending[i]).getFirst().rgb(), "alone at " + ascending[i]);
            }
        }
    }

    /** 0.2 s is the start of frame 2 of a video of 10 frames a second: from then on, and not before, it is on screen. */
    @Test
    void aFrameIsOnScreenFromItsOwnTimeToTheNext() {
        try (VideoFrames video = VideoFrames.open(TestData.shared(TABLE))) {
            List<Image> images = video.frames(0.1, 0.199, 0.2, 0.2999, 0.3);
            assertSame(images.get(0), images.get(1));
            assertSame(images.get(2), images.get(3));
            assertNotSame(images.get(1), images.get(2));
            assertNotSame(images.get(3), images.get(4));
            assertEquals(List.of(), video.frames());
            assertThrows(IllegalArgumentException.class, () -> video.frames(-1));
        }
    }

    @Test
    void theDisplayMatrixTurnsFrames(@TempDir Path folder) throws Exception {
        byte[] file = Files.readAllBytes(TestData.shared(WALK));
        Image flat = firstFrame(TestData.shared(WALK));
        ByteBuffer bytes = ByteBuffer.wrap(file);
        int matrix = new String(file, StandardCharsets.ISO_8859_1).indexOf("tkhd") + 4 + 40;
        assertEquals(1 << 16, bytes.getInt(matrix), "an upright track");
        int[][] turns = {{0, 1, -1, 0, 6}, {-1, 0, 0, -1, 3}, {0, -1, 1, 0, 8}};
        for (int[] turn : turns) {
            bytes.putInt(matrix, turn[0] << 16).putInt(matrix + 4, turn[1] << 16);
            bytes.putInt(matrix + 12, turn[2] << 16).putInt(matrix + 16, turn[3] << 16);
            Path turned = Files.write(folder.resolve("turned" + turn[4] + ".mp4"), file);
            Image expected = Orientation.apply(flat, turn[4]);
            assertArrayEquals(expected.rgb(), firstFrame(turned).rgb(), "orientation " + turn[4]);
            try (VideoFrames video = VideoFrames.open(turned)) {
                assertEquals(expected.width(), video.width());
                assertEquals(expected.height(), video.height());
            }
        }
    }

    private static Image firstFrame(Path file) {
        try (VideoFrames video = VideoFrames.open(file)) {
            return video.frames(0).getFirst();
        }
    }

    @Test
    void aTruncatedFileGivesItsFramesAndSaysWhereItEnds(@TempDir Path folder) throws Exception {
        byte[] file = Files.readAllBytes(TestData.shared(SIGN));
        Path cut = Files.write(folder.resolve("cut.mkv"), Arrays.copyOf(file, file.length / 2));
        try (VideoFrames video = VideoFrames.open(cut); VideoFrames whole = VideoFrames.open(TestData.shared(SIGN))) {
            assertArrayEquals(whole.frames(0.5).getFirst().rgb(), video.frames(0.5).getFirst().rgb());
            String message = assertThrows(InputException.class, () -> video.frames(2.9)).getMessage();
            assertTrue(message.startsWith(cut + ": the video cannot be decoded: its last frame ends at 1."), message);
            assertArrayEquals(whole.frames(0.1).getFirst().rgb(), video.frames(0.1).getFirst().rgb());
        }
        Path noIndex = Files.write(folder.resolve("cut.mp4"), Arrays.copyOf(Files.readAllBytes(TestData.shared(WALK)), 1_000_000));
        assertRefused(noIndex, "it is not a video file of a known format");
    }

    /** Live recordings have no duration in their header: here it becomes padding. */
    @Test
    void anUnknownDurationIsFoundByReadingTheFile(@TempDir Path folder) throws Exception {
        byte[] file = Files.readAllBytes(TestData.shared(SIGN));
        String text = new String(file, StandardCharsets.ISO_8859_1);
        int duration = text.indexOf("\u0044\u0089\u0088");
        assertTrue(duration > 0 && duration < 1000);
        file[duration] = (byte) 0xec;
        file[duration + 1] = (byte) 0x89;
        for (int tag = text.indexOf("DURATION"); tag >= 0; tag = text.indexOf("DURATION", tag + 1)) file[tag] = 'X';
        try (VideoFrames video = VideoFrames.open(Files.write(folder.resolve("live.mkv"), file))) {
            assertEquals(2.967, video.duration(), 0.04);
            assertArrayEquals(firstFrame(TestData.shared(SIGN)).rgb(), video.frames(0).getFirst().rgb());
            assertEquals(2.967, video.duration(), 0.04);
            assertArrayEquals(firstFrame(TestData.shared(SIGN)).rgb(), video.frames(0).getFirst().rgb());
        }
    }

    @Test
    void timesBehindTheEndAreRefused() {
        try (VideoFrames video = VideoFrames.open(TestData.shared(SIGN))) {
            assertArrayEquals(video.frames(2.96).getFirst().rgb(), video.frames(3.5).getFirst().rgb());
            assertThrows(InputException.class, () -> video.frames(60));
        }
    }

    @Test
    void filesWithoutVideoAreRefused(@TempDir Path folder) throws Exception {
        assertRefused(folder.resolve("missing.mp4"), "no such file");
        assertRefused(folder, "not a file");
        assertRefused(Files.write(folder.resolve("empty.mp4"), new byte[0]), "it is not a video file of a known format");
        assertRefused(Files.writeString(folder.resolve("text.mp4"), "hello, hello"), "it is not a video file of a known format");
        Path playlist = Files.writeString(folder.resolve("list.m3u8"), "#EXTM3U\n#EXTINF:1,\n" + folder.resolve("text.mp4") + "\n");
        assertRefused(playlist, "it is not a video file of a known format");
        byte[] file = Files.readAllBytes(TestData.shared(WALK));
        int video = new String(file, StandardCharsets.ISO_8859_1).indexOf("trak");
        System.arraycopy("free".getBytes(StandardCharsets.ISO_8859_1), 0, file, video, 4);
        assertRefused(Files.write(folder.resolve("sound: only.mp4"), file), "there is no video in it");
    }

    private static void assertRefused(Path file, String problem) {
        String message = assertThrows(InputException.class, () -> VideoFrames.open(file).close()).getMessage();
        assertTrue(message.startsWith(file + ": ") && message.contains(problem), message);
    }
}
