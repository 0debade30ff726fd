package dev.imu2clip.data.formats;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.data.Importer.Signal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On files written in the published format. */
class WisdmImportTest {
    private static final long START = 252_207_666_810_782L;
    private static final int STEP = 50_000_000; // ns
    @TempDir
    Path folder;
    private Path source;
    private final double[][] walk = Motion.random(1, 400, 9.8);
    private final double[][] stand = Motion.random(2, 300, 9.8);

    /**
     * 20 s of walking, whose gyroscope measures 20 ms later than the accelerometer; 15 s of standing with one clock and without two
     * seconds; and typing, which only the gyroscope saw.
     */
    @BeforeEach
    void files() throws IOException {
        source = folder.resolve("wisdm-dataset");
        StringBuilder accel = new StringBuilder();
        StringBuilder gyro = new StringBuilder();
        for (int i = 0; i < 400; i++) {
            row(accel, "A", START + (long) i * STEP, walk, 0, i);
            row(gyro, "A", START + 20_000_000 + (long) i * STEP, walk, 3, i);
        }
        for (int i = 0; i < 300; i++) {
            if (i >= 140 && i < 180) continue;
            row(accel, "E", 5_000_000_000L + (long) i * STEP, stand, 0, i);
            row(gyro, "E", 5_000_000_000L + (long) i * STEP, stand, 3, i);
            row(gyro, "F", 90_000_000_000L + (long) i * STEP, stand, 3, i);
        }
        Motion.write(file("accel"), accel);
        Motion.write(file("gyro"), gyro);
    }

    private Path file(String sensor) {
        return source.resolve("raw/phone/" + sensor + "/data_1600_" + sensor + "_phone.txt");
    }

    private static void row(StringBuilder text, String activity, long time, double[][] motion, int first, int i) {
        text.append("1600,").append(activity).append(',').append(time);
        for (int c = 0; c < 3; c++) text.append(',').append(Motion.number(motion[first + c][i]));
        text.append(";\n");
    }

    @Test
    void sensorsAreJoinedByTime() {
        List<Signal> signals = Motion.read(new WisdmImporter("phone"), source);
        assertEquals(List.of("wisdm_1600_phone_A", "wisdm_1600_phone_E_1", "wisdm_1600_phone_E_2"),
                signals.stream().map(Signal::uid).toList());
        Signal walking = signals.getFirst();
        assertEquals(20, walking.rateHz());
        assertEquals(399, walking.channels()[0].length, "before the first sample of the gyroscope nothing is known of it");
        for (int i = 0; i < 399; i++)
            for (int c = 0; c < 3; c++) {
                assertEquals((float) walk[c][i + 1], walking.channels()[c][i]);
                double[] g = walk[3 + c];
                assertEquals(g[i] + 0.6 * (g[i + 1] - g[i]), walking.channels()[3 + c][i], 1e-6, "30 ms after a sample, of 50");
            }
        Motion.assertChannels(stand, 0, signals.get(1));
        Motion.assertChannels(stand, 180, signals.get(2));
        assertEquals(140, signals.get(1).channels()[0].length);
        assertEquals("standing", signals.get(2).spans().getFirst().label());
        assertEquals(6, signals.get(2).spans().getFirst().end(), 1e-9);
        assertTrue(signals.get(1).notes().getFirst().contains("into 2 recordings"), signals.get(1).notes().toString());
        assertEquals(3 + 1 + 1, Motion.run(new WisdmImporter("phone"), source, folder.resolve("out")).count(null));
    }

    @Test
    void saysWhatIsWrong() throws IOException {
        var importer = new WisdmImporter("phone");
        String good = Files.readString(file("gyro"));
        Motion.write(file("gyro"), good.substring(0, good.length() - 8));
        Motion.assertRefused(importer, source, "data_1600_gyro_phone.txt: line 920 is '1600,F", "may be truncated");
        Motion.write(file("gyro"), good.replaceFirst("1600,A", "1600,N"));
        Motion.assertRefused(importer, source, "line 1 is '1600,N", "activity A to S");
        Motion.write(file("gyro"), good.replaceFirst(",2522", ",2522e3"));
        Motion.assertRefused(importer, source, "line 1, column 3", "whole nanoseconds");
        Files.delete(file("gyro"));
        Motion.assertRefused(importer, source, "has no data_1600_gyro_phone.txt");
        Motion.assertRefused(new WisdmImporter("watch"), source, "has no folder watch");
    }

    @Test
    void timesInMillisecondsAreFoundOut() throws IOException {
        for (String sensor : List.of("accel", "gyro"))
            Motion.write(file(sensor), Files.readString(file(sensor)).replaceAll("(1600,.,\\d+)\\d{6},", "$1,"));
        Motion.assertRefused(new WisdmImporter("phone"), source, "activity A: its times give a rate of", "unit of time");
    }
}
