package dev.imu2clip.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.TestData;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.clip.EmbeddingCache;
import dev.imu2clip.clip.ImageEncoder;
import dev.imu2clip.io.Npy;
import dev.imu2clip.media.Image;
import dev.imu2clip.media.Preprocess;
import dev.imu2clip.media.Preprocess.Normalization;
import dev.imu2clip.media.VideoFrames;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class EmbedVideoTest extends TinyClip {
    private Path out;
    /** 89 frames, 2.97 s. */
    private Path walk;

    @BeforeEach
    void files() {
        out = folder.resolve("v.npy");
        walk = TestData.shared("video").resolve("asl_walk.mkv");
    }

    /** The frames on screen at these times, embedded one by one. */
    private float[][] frames(Normalization normalization, double... times) {
        List<Image> images;
        try (VideoFrames video = VideoFrames.open(walk)) {
            images = video.frames(times);
        }
        try (ImageEncoder encoder = ImageEncoder.open(Backends.preferred(), CLIP)) {
            return encoder.embed(new ImageEncoder.Pixels() {
                @Override
                public int count() {
                    return times.length;
                }

                @Override
                public EmbeddingCache.Key key(int image) {
                    return EmbeddingCache.Key.of(ByteBuffer.allocate(4).putInt(image).flip());
                }

                @Override
                public void read(int image, MemorySegment target) {
                    new Preprocess(32, normalization).apply(images.get(image), target, 0);
                }
            }, _ -> {});
        }
    }

    private static float[] sum(float scale, float[]... rows) {
        float[] sum = new float[16];
        for (int i = 0; i < 16; i++) for (float[] row : rows) sum[i] += scale * row[i];
        return sum;
    }

    private float[] row(int row) {
        return Arrays.copyOfRange(Npy.floats(out), 16 * row, 16 * (row + 1));
    }

    @Test
    void aVideoIsItsMiddleFrame() throws IOException {
        // 30 frames at 10 a second: the one with index 15.
        float[][] expected = frames(Normalization.CLIP, 0, 1.5, 2.9);
        String said = run("embed", "video", "--clip", CLIP, "--in", walk, "--out", out);
        assertTrue(said.contains("1 frames computed, 0 known before"), said);
        assertArrayEquals(expected[1], row(0));
        List<String> index = Files.readAllLines(folder.resolve("v.windows.csv"));
        assertEquals("file,start,end", index.get(0));
        assertTrue(index.get(1).startsWith(walk + ",0.0,2.9"), index.get(1));
        said = run("embed", "video", "--clip", CLIP, "--in", walk, "--out", out, "--mode", "clip_avg_frames");
        assertTrue(said.contains("2 frames computed, 1 known before"), said);
        assertArrayEquals(sum(1, expected), row(0), 1e-5f);
        run("embed", "video", "--clip", CLIP, "--in", walk, "--out", out, "--frames", "mean:1", "--pixel-scale-only");
        assertArrayEquals(frames(Normalization.NONE, 1.5)[0], row(0));
    }

    @Test
    void windowsAreCutAsFarAsTheyFit() throws IOException {
        Path index = folder.resolve("index.json");
        run("embed", "video", "--clip", CLIP, "--in", walk.getParent(), "--out", out, "--window", "1", "--stride", "0.7", "--frames",
                "clip_mean_frames:2",
                "--list", index, "--skip-broken");
        float[][] expected = frames(Normalization.CLIP, 0.2, 0.7, 0.9, 1.4, 1.6, 2.1);
        String json = Files.readString(index);
        assertTrue(json.replaceAll("\\s+", "").contains("asl_walk.mkv\",\"start\":0.7,\"end\":1.7}"), json);
        for (int i = 0; i < 3; i++) assertArrayEquals(sum(0.5f, expected[2 * i], expected[2 * i + 1]), row(i), 1e-5f, "window " + i);
        String again = run("embed", "video", "--clip", CLIP, "--in", walk, "--out", out, "--window", "1", "--stride", "0.7", "--mode",
                "mean:2");
        assertTrue(again.contains("Embeddings of 3 windows") && again.contains("0 frames computed, 6 known before"), again);
    }

    @Test
    void brokenVideosAreAnErrorOrSkipped() throws IOException {
        Path videos = Files.createDirectory(folder.resolve("videos"));
        Files.copy(walk, videos.resolve("walk.mkv"));
        byte[] bytes = Files.readAllBytes(walk);
        Path broken = Files.write(videos.resolve("broken.mp4"), new byte[1000]), cut = Files.write(videos.resolve("cut.mkv"),
                Arrays.copyOf(bytes, bytes.length / 3));
        refused(broken + ": the video cannot be decoded", "embed", "video", "--clip", CLIP, "--in", broken, "--out", out);
        refused(cut + ": the video cannot be decoded", "embed", "video", "--clip", CLIP, "--in", cut, "--out", out, "--mode", "sum3");
        refused("there is nothing to embed. " + broken, "embed", "video", "--clip", CLIP, "--in", broken, "--out", out, "--skip-broken");
        assertFalse(Files.exists(out));
        var outcome = outcome("embed", "video", "--clip", CLIP, "--in", videos, "--out", out, "--skip-broken", "--frames", "sum3");
        assertEquals(0, outcome.code(), outcome.err());
        assertEquals(2, outcome.err().lines().filter(line -> line.startsWith("skipped: ")).count(), outcome.err());
        assertArrayEquals(new long[] {1, 16}, Npy.header(out).shape().sizes());
    }

    @Test
    void whatCannotBeAsked() {
        embedRefuses("frames 'all' are not known. Give 1 (or clip_1frame)", "--frames", "all");
        embedRefuses("frames 'mean:0' are not known", "--frames", "mean:0");
        embedRefuses("--fps 0.0: expected a rate", "--fps", "0");
        embedRefuses("--stride is the distance of windows", "--stride", "2");
        embedRefuses("--window 0: a window has a length", "--window", "0");
        embedRefuses("windows of -1.0 s every -1.0 s", "--window=-1");
        embedRefuses("windows of 1.0 s every 0.0 s", "--window", "1", "--stride", "0");
        embedRefuses("there is nothing to embed. " + walk + ": is shorter than a window of 3.5 s", "--window", "3.5");
        embedRefuses("--list x.txt: the kind of file is not known", "--list", "x.txt");
    }

    private void embedRefuses(String part, Object... more) {
        Object[] all = new Object[more.length + 8];
        System.arraycopy(new Object[] {"embed", "video", "--clip", CLIP, "--in", walk, "--out", out}, 0, all, 0, 8);
        System.arraycopy(more, 0, all, 8, more.length);
        refused(part, all);
    }
}
