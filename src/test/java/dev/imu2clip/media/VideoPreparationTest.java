package dev.imu2clip.media;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.TestData;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VideoPreparationTest {
    private static final String WALK = "gopro/max-heromode.mp4";
    private static final String SIGN = "video/asl_walk.mkv";
    private static final String TABLE = "video/one-by-one-person-detection.mp4";
    private static final int FPS = 10;
    private static final int SIZE = 224;

    @TempDir
    private Path folder;

    /**
     * Times are the middle between two frames of the result: the fps filter takes the frame nearest to k / 10. The bounds are lower
     * where there are fine stripes, since Pillow's kernel is not FFmpeg's; the next frame gives 26 dB in the walk.
     */
    @Test
    void everyFrameIsTheSourcesFrameOfItsTime() {
        assertPrepared(WALK, 105, 34, 0, 1, 17, 52, 104);
        assertPrepared(SIGN, 30, 31, 0, 1, 15, 29);
        assertPrepared(TABLE, 1394, 31, 0, 7, 500, 1393);
    }

    private void assertPrepared(String name, int frames, double decibels, int... some) {
        Path in = TestData.shared(name);
        Path out = folder.resolve("out.mp4");
        VideoPreparation.prepare(in, out, FPS, SIZE, Progress.NONE);
        try (VideoFrames source = VideoFrames.open(in); VideoFrames result = VideoFrames.open(out)) {
            assertEquals((double) frames / FPS, result.duration(), 1e-6, name);
            assertEquals(FPS, result.frameRate(), 1e-9);
            assertEquals(SIZE, result.width());
            assertEquals(SIZE, result.height());
            for (int k : some) {
                Image expected = square(source.frames((k + 0.5) / FPS - 1e-3).getFirst());
                double psnr = psnr(expected, result.frames((double) k / FPS).getFirst());
                assertTrue(psnr > decibels, String.format(Locale.ROOT, "%s frame %d: %.2f dB", name, k, psnr));
            }
        }
    }

    private static Image square(Image image) {
        int side = Math.min(image.width(), image.height());
        long width = Math.round((double) image.width() * SIZE / side);
        long height = Math.round((double) image.height() * SIZE / side);
        return Bicubic.window(image, width, height, (width - SIZE) / 2, (height - SIZE) / 2, SIZE);
    }

    static double psnr(Image a, Image b) {
        double sum = 0;
        for (int i = 0; i < a.rgb().length; i++) {
            double d = (a.rgb()[i] & 0xff) - (b.rgb()[i] & 0xff);
            sum += d * d;
        }
        return 10 * Math.log10(255.0 * 255 * a.rgb().length / sum);
    }

    @Test
    void theSameInputGivesTheSameBytes() throws Exception {
        Path first = folder.resolve("first.mp4");
        Path second = folder.resolve("second.mp4");
        List<String> heard = new ArrayList<>();
        VideoPreparation.prepare(TestData.shared(WALK), first, FPS, SIZE, (done, total, what) -> heard.add(done + "/" + total + " " + what));
        VideoPreparation.prepare(TestData.shared(WALK), second, FPS, SIZE, Progress.NONE);
        assertArrayEquals(Files.readAllBytes(first), Files.readAllBytes(second));
        assertEquals("0/11 max-heromode.mp4", heard.getFirst());
        assertEquals("10/11 max-heromode.mp4", heard.getLast());
        assertEquals(11, heard.size());
    }

    /** A window's middle frame is one to decode, and none is more than half a second from its key frame. */
    @Test
    void aKeyFrameStandsEveryHalfSecond() throws Exception {
        Path out = folder.resolve("out.mp4");
        VideoPreparation.prepare(TestData.shared(SIGN), out, FPS, SIZE, Progress.NONE);
        ByteBuffer file = ByteBuffer.wrap(Files.readAllBytes(out));
        int table = new String(file.array(), StandardCharsets.ISO_8859_1).indexOf("stss");
        int[] keys = new int[file.getInt(table + 8)];
        for (int i = 0; i < keys.length; i++) keys[i] = file.getInt(table + 12 + 4 * i);
        assertArrayEquals(new int[] {1, 6, 11, 16, 21, 26}, keys);
    }

    @Test
    void turnedFilmsBecomeUpright() throws Exception {
        byte[] file = Files.readAllBytes(TestData.shared(WALK));
        int matrix = new String(file, StandardCharsets.ISO_8859_1).indexOf("tkhd") + 4 + 40;
        ByteBuffer bytes = ByteBuffer.wrap(file);
        bytes.putInt(matrix, 0).putInt(matrix + 4, 1 << 16).putInt(matrix + 12, -1 << 16).putInt(matrix + 16, 0);
        Path turned = Files.write(folder.resolve("turned.mp4"), file);
        Path out = folder.resolve("out.mp4");
        VideoPreparation.prepare(turned, out, FPS, SIZE, Progress.NONE);
        try (VideoFrames source = VideoFrames.open(turned); VideoFrames result = VideoFrames.open(out)) {
            assertEquals(480, source.width());
            assertTrue(psnr(square(source.frames(0.549).getFirst()), result.frames(0.5).getFirst()) > 34);
        }
    }

    @Test
    void whatCannotBeReadIsSaidAndLeavesNothing() throws Exception {
        byte[] walk = Files.readAllBytes(TestData.shared(WALK));
        byte[] sign = Files.readAllBytes(TestData.shared(SIGN));
        assertRefused(Files.write(folder.resolve("empty.mp4"), new byte[0]), "it is not a video file of a known format");
        assertRefused(Files.writeString(folder.resolve("text.mp4"), "no video at all"), "it is not a video file of a known format");
        assertRefused(Files.write(folder.resolve("noindex.mp4"), Arrays.copyOf(walk, 1_000_000)), "it is not a video file of a known format");
        assertRefused(Files.write(folder.resolve("cut.mkv"), Arrays.copyOf(sign, sign.length / 2)), "it ends at 1.");
        assertRefused(folder.resolve("missing.mp4"), "no such file");
        assertRefused(folder, "not a file");
    }

    /** Sixteen kilobytes of noise where the middle of the pictures was. */
    @Test
    void aFilmThatIsBrokenInTheMiddleSaysWhere() throws Exception {
        byte[] file = Files.readAllBytes(TestData.shared(WALK));
        for (int i = 0; i < 1 << 14; i++) file[file.length / 2 + i] = (byte) (i * 31 ^ i >> 3);
        String message = assertRefused(Files.write(folder.resolve("broken.mp4"), file), "the frame at ");
        double second = Double.parseDouble(message.replaceAll(".* at ([0-9.]+) s.*", "$1"));
        assertTrue(second > 3 && second < 8, message);
    }

    @Test
    void aFilmWithoutFramesIsRefused() throws Exception {
        Path out = folder.resolve("none.mp4");
        try (VideoWriter writer = new VideoWriter(out, 32, 32, 10, 16_000)) {
            writer.addSound(new float[16_000]);
            writer.finish();
        }
        assertRefused(out, "there is no");
    }

    private String assertRefused(Path in, String problem) throws Exception {
        Path results = Files.createDirectories(folder.resolve("results"));
        var e = assertThrows(InputException.class, () -> VideoPreparation.prepare(in, results.resolve("out.mp4"), FPS, SIZE, Progress.NONE));
        assertTrue(e.getMessage().startsWith(in.toString()) && e.getMessage().contains(problem), e.getMessage());
        try (Stream<Path> left = Files.list(results)) {
            assertEquals(List.of(), left.toList());
        }
        return e.getMessage();
    }

    @Test
    void aFullDiskIsAnError() {
        Path full = Path.of("/dev/full");
        Assumptions.assumeTrue(Files.exists(full), "no /dev/full on this system");
        var e = assertThrows(InputException.class,
                () -> VideoPreparation.prepare(TestData.shared(SIGN), full, FPS, SIZE, Progress.NONE));
        assertTrue(e.getMessage().startsWith("/dev/full: cannot be written (No space left on device)"), e.getMessage());
        assertFalse(Files.isRegularFile(full));
    }
}
