package dev.imu2clip.data.ego4d;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.imu2clip.data.Json;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import dev.imu2clip.media.AudioPreparation;
import dev.imu2clip.media.ImageMotion;
import dev.imu2clip.media.VideoFrames;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("heavy")
class Ego4dSampleTest {
    private static final int VIDEOS = 8;
    private static final Ego4dSample.Options SMALL = new Ego4dSample.Options(3, VIDEOS, 0.2, true, false);

    @TempDir
    private static Path folder;
    private static int narrated;

    @BeforeAll
    static void generate() {
        narrated = Ego4dSample.generate(folder.resolve("a"), SMALL, Progress.NONE);
    }

    /** The readers of the project read it, and windows are those of the narrations. */
    @Test
    void metadataAndNarrationsAgree() {
        var videos = Ego4dMetadata.read(folder.resolve("a/ego4d.json")).videos();
        assertEquals(VIDEOS, videos.size());
        assertEquals(7, videos.values().stream().filter(Ego4dMetadata.Video::hasImu).count());
        var narrations = Narrations.read(folder.resolve("a/narration.json"), uid -> true);
        assertEquals(videos.keySet(), narrations.keySet());
        int own = 0;
        for (var video : narrations.entrySet()) {
            double seconds = videos.get(video.getKey()).seconds();
            for (var narration : video.getValue()) {
                if (NarrationText.isWearer(narration.text())) own++;
                assertTrue(narration.seconds() > 0 && narration.seconds() < seconds);
            }
        }
        assertEquals(narrated, own);
        assertEquals(3, BadWindows.read(folder.resolve("a/bad_imu_windows_5.0.json")).size());
        Set<String> inSplits = new HashSet<>();
        for (String split : List.of("training", "validation", "test")) {
            for (String uid : Json.strings(folder.resolve("a/splits/" + split + "_0.json"))) assertTrue(inSplits.add(uid), uid);
        }
        assertEquals(videos.keySet(), inSplits);
    }

    @Test
    void filmsLastAsLongAsTheirMetadataSay() {
        for (var video : Ego4dMetadata.read(folder.resolve("a/ego4d.json")).videos().values()) {
            Path film = folder.resolve("a/full_scale/" + video.uid() + ".mp4");
            try (VideoFrames frames = VideoFrames.open(film)) {
                assertEquals(video.seconds(), frames.duration(), 1e-6);
                assertEquals(30, frames.frameRate(), 1e-6);
            }
            Path wav = folder.resolve("sound/" + video.uid() + ".wav");
            assertEquals(video.hasAudio(), AudioPreparation.prepare(film, wav, 16_000, Progress.NONE), video.uid());
        }
    }

    /** What truth.json tells of the csv files is so. */
    @Test
    void csvFilesLackWhatTheTruthSays() throws Exception {
        int lacking = 0;
        for (JsonNode video : Json.read(folder.resolve("a/truth.json")).path("videos")) {
            JsonNode imu = video.path("imu");
            Path file = folder.resolve("a/imu/" + video.path("video_uid").asText() + ".csv");
            assertEquals(!imu.isMissingNode(), Files.exists(file));
            if (imu.isMissingNode()) continue;
            List<String> lines = Files.readAllLines(file);
            assertEquals("component_idx,component_timestamp_ms,canonical_timestamp_ms,gyro_x,gyro_y,gyro_z,accl_x,accl_y,accl_z",
                    lines.getFirst());
            int rows = 0, timeless = 0, valueless = 0, backwards = 0;
            double last = 0;
            for (String line : lines.subList(1, lines.size())) {
                String[] cells = line.split(",", -1);
                assertEquals(9, cells.length);
                rows++;
                if (cells[2].isEmpty()) timeless++;
                if (Arrays.stream(cells, 3, 9).anyMatch(cell -> cell.isEmpty() || cell.equals("NaN"))) valueless++;
                double time = Double.parseDouble(cells[1]);
                if (time < last) backwards++;
                last = time;
            }
            assertEquals(imu.path("rows").asInt(), rows);
            assertEquals(imu.path("rows_without_canonical_time").asInt(), timeless);
            assertEquals(imu.path("rows_without_a_value").asInt(), valueless);
            assertEquals(imu.path("rows_out_of_order").asInt(), backwards);
            lacking += timeless + valueless + backwards;
        }
        assertTrue(lacking > 50, "rows with something wrong: " + lacking);
    }

    /** The picture moves as the gyroscope says, after the lag: yaw to the right, pitch (nose down) upwards. */
    @Test
    void theCameraTurnsAsTheGyroscopeSays() throws Exception {
        Set<Double> lags = new HashSet<>();
        for (JsonNode video : Json.read(folder.resolve("a/truth.json")).path("videos")) {
            if (!video.has("imu") || lags.size() == 3) continue;
            double lag = video.path("video_lag_sec").asDouble();
            if (!lags.add(lag)) continue;
            String uid = video.path("video_uid").asText();
            ImageMotion motion = ImageMotion.of(folder.resolve("a/full_scale/" + uid + ".mp4"), 0, Progress.NONE);
            List<double[]> gyro = gyro(folder.resolve("a/imu/" + uid + ".csv"));
            double pixels = video.path("focal_length_in_picture_widths").asDouble() * motion.width() / 30;
            assertTrue(slope(motion.seconds(), motion.right(), gyro, 3, lag, pixels) > 0.9, uid);
            assertTrue(slope(motion.seconds(), motion.down(), gyro, 2, lag, pixels) < -0.9, uid);
        }
        assertNotEquals(Set.of(0.0), lags);
    }

    /** {time in s, x, y, z} in order of time. */
    private static List<double[]> gyro(Path file) throws IOException {
        List<double[]> rows = new ArrayList<>();
        for (String line : Files.readAllLines(file)) {
            String[] cells = line.split(",", -1);
            boolean whole = !cells[2].isEmpty() && Arrays.stream(cells, 3, 6).noneMatch(c -> c.isEmpty() || c.equals("NaN"));
            if (line.startsWith("c") || !whole) continue;
            rows.add(new double[] {Double.parseDouble(cells[2]) / 1000, Double.parseDouble(cells[3]), Double.parseDouble(cells[4]),
                Double.parseDouble(cells[5])});
        }
        rows.sort((a, b) -> Double.compare(a[0], b[0]));
        return rows;
    }

    /** The correlation of a shift with the turning in a frame's time before, which also must have the right size. */
    private static double slope(double[] seconds, double[] shift, List<double[]> gyro, int axis, double lag, double pixels) {
        double ab = 0, aa = 0, bb = 0;
        for (int i = 0; i < seconds.length; i++) {
            double time = seconds[i] - lag, sum = 0;
            int n = 0;
            for (double[] row : gyro) {
                if (Math.abs(row[0] - time) > 1 / 60.0) continue;
                sum += row[axis];
                n++;
            }
            if (n == 0 || time < 0.1 || time > seconds.length / 30.0 - 0.1) continue;
            double expected = sum / n * pixels;
            ab += expected * shift[i];
            aa += expected * expected;
            bb += shift[i] * shift[i];
        }
        assertEquals(1, Math.abs(ab / aa), 0.15, "pixels for a pixel");
        return ab / Math.sqrt(aa * bb);
    }

    /** A video's files depend on seed and number alone; what else lies in the folder stays. */
    @Test
    void aSeedMeansTheSameBytesAndForeignFilesStay() throws Exception {
        Path other = folder.resolve("other");
        Path kept = Files.writeString(Files.createDirectories(other.resolve("imu")).resolve("mine.csv"), "x");
        assertThrows(InputException.class, () -> Ego4dSample.generate(other, SMALL, Progress.NONE));
        Ego4dSample.generate(other, new Ego4dSample.Options(SMALL.seed(), 3, SMALL.minutes(), false, true), Progress.NONE);
        assertTrue(Files.exists(kept));
        assertFalse(Files.exists(other.resolve("splits")));
        for (String uid : Ego4dMetadata.read(other.resolve("ego4d.json")).videos().keySet()) {
            for (String name : List.of("imu/" + uid + ".csv", "full_scale/" + uid + ".mp4")) {
                assertEquals(-1, Files.mismatch(folder.resolve("a").resolve(name), other.resolve(name)), name);
            }
            assertEquals(Json.read(folder.resolve("a/narration.json")).get(uid), Json.read(other.resolve("narration.json")).get(uid));
        }
        assertThrows(InputException.class, () -> new Ego4dSample.Options(1, 2, 1, true, false));
    }
}
