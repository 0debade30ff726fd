package dev.imu2clip.data.formats;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.TestData;
import dev.imu2clip.data.DataSet;
import dev.imu2clip.data.Importer.Signal;
import dev.imu2clip.data.Importer.Span;
import dev.imu2clip.data.Modality;
import dev.imu2clip.data.Split;
import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On a real film, and on files with the telemetry of other cameras written in the published formats. */
class GoProImportTest {
    @TempDir
    Path folder;

    @Test
    void readsThePublishedValues() throws IOException {
        Path film = TestData.shared("gopro").resolve("max-heromode.mp4");
        GoProImporter.Motion motion = GoProImporter.Motion.of(film);
        assertTrue(motion.oriented() && motion.video());
        int row = 0;
        try (Table table = new CsvTable(film.resolveSibling("max-heromode_imu.csv.gz"), ',', 1)) {
            table.choose(List.of("component_timestamp_ms", "accl_x", "accl_y", "accl_z", "gyro_x", "gyro_y", "gyro_z"));
            for (; table.next(); row++) {
                double[] expected = new double[7];
                for (int c = 0; c < 7; c++) expected[c] = Double.parseDouble((String) table.value(c));
                // The file has six decimals of milliseconds and nine of the values.
                assertEquals(expected[0], 1000 * motion.accel().seconds()[row], 0.6e-6);
                assertEquals(motion.accel().seconds()[row], motion.gyro().seconds()[row]);
                for (int c = 0; c < 3; c++) {
                    assertEquals(expected[1 + c], motion.accel().xyz()[c][row], 0.6e-9);
                    assertEquals(expected[4 + c], motion.gyro().xyz()[c][row], 0.6e-9);
                }
            }
        }
        assertEquals(2082, row);
        assertEquals(2082, motion.accel().seconds().length);
    }

    @Test
    void aFilmBecomesADataSetWithVideo() throws IOException {
        Path source = TestData.shared("gopro");
        Path out = folder.resolve("out");
        var summary = Motion.run(new GoProImporter(), source, out);
        assertEquals(2, summary.count(null));
        try (DataSet data = DataSet.open(out)) {
            var windows = data.select(Split.TRAINING, EnumSet.of(Modality.IMU, Modality.VIDEO)).windows();
            assertEquals(2, windows.size());
            assertEquals("", windows.get(0).text());
            float[] block = new float[6000];
            data.read(windows.get(0), block, 0);
            double[] mean = new double[6];
            for (int i = 0; i < 6000; i++) mean[i / 1000] += block[i] / 1000;
            assertEquals(9.7, mean[2], 0.3, "gravity along z: " + Arrays.toString(mean));
        }
        assertTrue(Files.size(out.resolve("processed_videos/gopro_max-heromode.mp4")) > 10_000);
    }

    /** As the first cameras write it: no ORIN, and two samples of the gyroscope for each of the accelerometer. */
    @Test
    void sensorsMayDifferInTheirRates() throws IOException {
        double[][] motion = Motion.random(1, 2400, 9.8);
        for (double[] channel : motion) Arrays.setAll(channel, i -> Math.rint(1000 * channel[i]) / 1000);
        double[][] accel = Arrays.copyOfRange(motion, 0, 3);
        double[][] gyro = Arrays.copyOfRange(motion, 3, 6);
        for (boolean wide : new boolean[] {false, true}) {
            Mp4Builder mp4 = new Mp4Builder(wide);
            for (int p = 0; p < 5; p++)
                mp4.add(Mp4Builder.stream("ACCL", "m/s\u00B2", wide ? "yXz" : "", accel, 200 * p, 200 * p + 200),
                        Mp4Builder.stream("GYRO", "rad/s", wide ? "yXz" : "", gyro, 400 * p, 400 * p + 400));
            Path file = Files.write(folder.resolve(wide ? "GX020042.MP4" : "GOPR0042.MP4"), mp4.bytes());
            List<Signal> signals = Motion.read(new GoProImporter(), file);
            assertEquals(1, signals.size());
            Signal signal = signals.getFirst();
            assertEquals(wide ? "recording0042" : "GOPR0042", signal.subject());
            assertEquals(400, signal.rateHz());
            assertEquals(1999, signal.channels()[0].length, "up to the last sample of the slower sensor");
            for (int i = 0; i < 1999; i++)
                for (int c = 0; c < 3; c++) {
                    double between = i % 2 == 0 ? accel[c][i / 2] : (accel[c][i / 2] + accel[c][i / 2 + 1]) / 2;
                    assertEquals(between, signal.channels()[c][i], 1e-5);
                    assertEquals((float) gyro[c][i], signal.channels()[3 + c][i], 1e-9f); // 0 may have a sign
                }
            assertEquals(List.of(Span.unlabelled(1999, 400)), signal.spans());
            assertTrue(signal.video().isEmpty());
            assertEquals(!wide, signal.notes().toString().contains("ORIN"));
        }
    }

    private static byte[] small(String accelUnit, String axes) {
        double[][] motion = Motion.random(1, 400, 9.8);
        Mp4Builder mp4 = new Mp4Builder(false);
        for (int p = 0; p < 2; p++)
            mp4.add(Mp4Builder.stream("ACCL", accelUnit, axes, Arrays.copyOfRange(motion, 0, 3), 200 * p, 200 * p + 200),
                    Mp4Builder.stream("GYRO", "rad/s", axes, Arrays.copyOfRange(motion, 3, 6), 200 * p, 200 * p + 200));
        return mp4.bytes();
    }

    private void assertRefused(byte[] bytes, String... parts) throws IOException {
        Motion.assertRefused(new GoProImporter(), Files.write(folder.resolve("film.mp4"), bytes), parts);
    }

    @Test
    void saysWhatIsWrong() throws IOException {
        assertRefused(small("g", "XYZ"), "ACCL is in 'g', expected m/s");
        assertRefused(small("m/s\u00B2", "XXZ"), "its axes are called 'XXZ'");
        byte[] good = small("m/s\u00B2", "XYZ");
        assertRefused(new byte[0], "has no index (moov)");
        assertRefused("These are words, and no film at all.".getBytes(), "no MP4 file");
        byte[] patched = good.clone();
        int at = new String(good, StandardCharsets.ISO_8859_1).indexOf("gpmd");
        patched[at] = 'x';
        assertRefused(patched, "has no GPMF telemetry track");
        Motion.assertRefused(new GoProImporter(), Files.createDirectories(folder.resolve("empty")), "has no .mp4");
    }

    /** Wherever a file is cut off or a byte of its index is changed, there is an answer and no failure of another kind. */
    @Test
    void damageIsAnInputError() throws IOException {
        byte[] good = small("m/s\u00B2", "XYZ");
        Path file = folder.resolve("film.mp4");
        int refused = 0;
        for (int length = 0; length < good.length; length += 1 + good.length / 150) {
            Files.write(file, Arrays.copyOf(good, length));
            if (refused(file)) refused++;
            else assertTrue(length > good.length - 8, "cut to " + length + " of " + good.length);
        }
        assertTrue(refused > 100);
        int index = new String(good, StandardCharsets.ISO_8859_1).indexOf("moov");
        for (int at = index; at < good.length; at++) {
            byte[] patched = good.clone();
            patched[at] ^= (byte) 0x81;
            Files.write(file, patched);
            refused(file);
        }
    }

    private static boolean refused(Path file) {
        try {
            List<Signal> signals = Motion.read(new GoProImporter(), file);
            assertFalse(signals.isEmpty());
            return false;
        } catch (InputException e) {
            return true;
        }
    }
}
