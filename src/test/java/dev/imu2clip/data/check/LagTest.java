package dev.imu2clip.data.check;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.imu2clip.TestData;
import dev.imu2clip.data.ImportJob;
import dev.imu2clip.data.Importer;
import dev.imu2clip.data.Json;
import dev.imu2clip.data.ego4d.Ego4dSample;
import dev.imu2clip.data.ego4d.PrepareEgo4d;
import dev.imu2clip.data.ego4d.RawEgo4d;
import dev.imu2clip.data.formats.Formats;
import dev.imu2clip.io.Progress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LagTest {
    private static final DataCheck.Options OPTIONS = new DataCheck.Options(true, 2);
    private static final double CAMERA_FRAME_SEC = 1 / 30.0;

    @TempDir
    private Path folder;

    /**
     * Films whose lag is known, from raw files on. Of a camera's thirty frames a second the preparation's filter shows, at each tenth of a
     * second, the last that rounds to it, which is one frame later: what is prepared lags by a frame less than what was filmed.
     */
    @Test
    @Tag("heavy")
    void findsTheLagsOfPreparedFilms() {
        Path raw = folder.resolve("raw"), out = folder.resolve("out");
        Ego4dSample.generate(raw, new Ego4dSample.Options(3, 3, 0.7, true, false), Progress.NONE);
        PrepareEgo4d.run(RawEgo4d.find(raw, new RawEgo4d.Places(null, null, null, null, null)), out, PrepareEgo4d.Options.DEFAULT,
                Progress.NONE);
        CheckReport report = DataCheck.run(out, OPTIONS, Progress.NONE);
        Map<String, Double> truth = new HashMap<>();
        for (JsonNode video : Json.read(raw.resolve("truth.json")).path("videos"))
            truth.put(video.path("video_uid").asText(), video.path("video_lag_sec").asDouble() - CAMERA_FRAME_SEC);
        assertEquals(3, report.recordings().size());
        for (RecordingReport recording : report.recordings()) {
            Lag lag = recording.lag();
            double expected = truth.get(recording.uid());
            assertTrue(lag.determinable(), lag.text());
            assertTrue(lag.interval()[0] <= expected && expected <= lag.interval()[1], expected + " s, found " + lag.text());
            assertEquals(expected, lag.lagSec(), 0.02, "a fifth of a prepared frame");
            assertEquals(224, lag.focal(), 0.15 * 224, "0.75 widths of a film whose height is 3/4 of it make the square's width");
            assertEquals("+gyro_z", lag.right().axis());
            assertEquals("-gyro_y", lag.down().axis());
            assertTrue(lag.r2() > 0.9 && lag.plausible(), lag.toString());
            assertEquals(Math.abs(expected) > 0.3 ? 1 : 0, recording.findings().stream().filter(f -> f.code().equals("video-lag")).count());
            assertTrue(recording.rejected().stream().anyMatch(lost -> lost.rule().equals("narrated 2.5")));
        }
        assertTrue(report.rejected().get("narrated 2.5").containsKey("listed in bad_imu_windows_2.5.json"), report.rejected().toString());
    }

    private static Importer goPro() {
        return Formats.importer("gopro", new Formats.Settings(Optional.empty(), Optional.empty(), Map.of()));
    }

    /** Ten seconds of a stabilised film of one walk: there is a number, and it is said not to be one to rely on. */
    @Test
    @Tag("heavy")
    void aShortStabilisedFilmIsNotDeterminable() {
        Path film = TestData.shared("gopro").resolve("max-heromode.mp4");
        ImportJob.run(goPro(), film, folder.resolve("gopro"), new ImportJob.Options(5, 2, 0, false), Progress.NONE);
        RecordingReport recording = DataCheck.run(folder.resolve("gopro"), OPTIONS, Progress.NONE).recordings().getFirst();
        assertEquals(Status.OK, recording.status(), recording.findings().toString());
        Lag lag = recording.lag();
        assertFalse(lag.determinable());
        assertTrue(lag.reason().endsWith("the film is probably stabilised"), lag.reason());
        assertNotNull(lag.lagSec());
        assertTrue(lag.interval()[0] < 0 && lag.interval()[1] > 0 && lag.interval()[1] - lag.interval()[0] > Bounds.LAG_WIDTH, lag.text());
        assertEquals(Bounds.WIDEST_VIEW, lag.viewDegrees(), 0.1);
        assertFalse(lag.plausible());
        assertEquals("+z", recording.gravity().axis());
    }

    @Test
    void aDamagedFilmIsFound() throws Exception {
        Path film = TestData.shared("gopro").resolve("max-heromode.mp4");
        Path out = folder.resolve("damaged");
        ImportJob.run(goPro(), film, out, new ImportJob.Options(5, 2, 0, false), Progress.NONE);
        Files.writeString(out.resolve("processed_videos/gopro_max-heromode.mp4"), "no film");
        RecordingReport recording = DataCheck.run(out, OPTIONS, Progress.NONE).recordings().getFirst();
        assertEquals("film-damaged", recording.findings().getFirst().code());
        assertFalse(recording.findings().getFirst().text().contains(folder.toString()));
    }

    /** A camera askew on the sensor: weights and focal length come back from rows with noise. */
    @Test
    void theFitIsRigid() {
        double[] right = {0.6, 0, 0.8}, down = {0, 1, 0};
        Random random = new Random(1);
        LagSums sums = new LagSums();
        for (int i = 0; i < 500; i++) {
            double[] w = {0.3 * random.nextGaussian() + 0.1, random.nextGaussian(), 0.6 * random.nextGaussian()};
            sums.add(w, 200 * (right[0] * w[0] + right[2] * w[2]) + 5 + 10 * random.nextGaussian(), 200 * w[1] - 7
                    + 10 * random.nextGaussian());
        }
        LagSums.Fit fit = sums.fit(50, 400);
        assertEquals(200, fit.focal(), 3);
        for (int i = 0; i < 3; i++) {
            assertEquals(200 * right[i], fit.weights()[0][i], 6);
            assertEquals(200 * down[i], fit.weights()[1][i], 6);
        }
        assertTrue(fit.r2() > 0.99);
        assertEquals(100, sums.fit(50, 100).focal(), 1e-9, "no longer than the bound");
        assertEquals(0, new LagSums().fit(50, 400).r2());
    }
}
