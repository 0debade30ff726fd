package dev.imu2clip.data.formats;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.TestData;
import dev.imu2clip.data.DataSet;
import dev.imu2clip.data.Importer;
import dev.imu2clip.data.Importer.Signal;
import dev.imu2clip.data.Importer.Span;
import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On real recordings of three kinds of sensors, and on files with everything that a column map can say. */
class CsvImportTest {
    private static final String MAP = """
            # the sensor is mounted sideways
            time: t
            time_unit: ms
            accel_x: -ay
            accel_y: ax
            accel_z: az
            accel_unit: m/s^2
            gyro_x: -gy
            gyro_y: gx
            gyro_z: gz
            gyro_unit: rad/s
            """;
    @TempDir
    Path folder;
    private final double[][] motion = Motion.random(1, 1500, 9.8);

    private static Importer importer(String map, String... entries) {
        Map<String, String> set = new HashMap<>();
        for (String entry : entries) set.put(entry.substring(0, entry.indexOf('=')), entry.substring(entry.indexOf('=') + 1));
        return Formats.importer("csv", new Formats.Settings(Optional.empty(), Optional.ofNullable(map), set));
    }

    private String map() throws IOException {
        return Motion.write(folder.resolve("map.yaml"), MAP).toString();
    }

    private interface Extra {
        String columns(int row);
    }

    /** A file at 100 Hz whose axes are those that {@link #MAP} undoes. */
    private Path write(String name, String header, Extra extra) throws IOException {
        StringBuilder text = new StringBuilder("t,ax,ay,az,gx,gy,gz" + header + "\n");
        for (int i = 0; i < 1500; i++) {
            text.append(10 * i);
            double[] row = {motion[1][i], -motion[0][i], motion[2][i], motion[4][i], -motion[3][i], motion[5][i]};
            for (double value : row) text.append(',').append(Motion.number(value));
            text.append(extra.columns(i)).append('\n');
        }
        return Motion.write(folder.resolve("rides").resolve(name), text).getParent();
    }

    @Test
    void axesUnitsAndSignsFollowTheMap() throws IOException {
        Path source = write("S07_home.csv", "", i -> "");
        Signal signal = Motion.read(importer(map(), "subject_pattern=S(\\d+)_"), source).getFirst();
        assertEquals("S07_home", signal.uid());
        assertEquals("07", signal.subject());
        assertEquals(100, signal.rateHz());
        Motion.assertChannels(motion, 0, signal);
        assertEquals(List.of(Span.unlabelled(1500, 100)), signal.spans());
        var summary = Motion.run(importer(map()), source, folder.resolve("out"));
        assertEquals(2, summary.count(null), "the third window would end after the last sample");
        try (DataSet data = DataSet.open(folder.resolve("out"))) {
            assertEquals("-ay", ((com.fasterxml.jackson.databind.JsonNode) data.info().creation().get("columns")).path("accel_x").asText());
        }
    }

    @Test
    void rowsMayNameRecordingsSubjectsAndLabels() throws IOException {
        Path source = write("all.csv", ",who,what,words", i -> i < 700 ? ",Ada,sit,\"sits, quietly\"" : i < 800 ? ",Ada,," : i < 900
                ? ",Ada,run," : ",Bob,run,");
        List<Signal> signals = Motion.read(importer(map(), "subject=who", "label=what", "text=words"), source);
        assertEquals(List.of("all_Ada", "all_Bob"), signals.stream().map(Signal::uid).toList());
        assertEquals(List.of("Ada", "Bob"), signals.stream().map(Signal::subject).toList());
        assertEquals(List.of(new Span(0, 7, "sits, quietly", "sit"), new Span(8, 9, "", "run")), signals.get(0).spans());
        Motion.assertChannels(motion, 900, signals.get(1));
        List<Signal> labels = Motion.read(importer(map(), "recording=who", "label=what"), source);
        assertEquals("all", labels.get(1).subject(), "who is only the recording's name");
        assertEquals(List.of(new Span(0, 6, "run", "run")), labels.get(1).spans());
    }

    @Test
    void delimitersHeadersAndGzip() throws IOException {
        Path source = write("a.csv", "", i -> "");
        String text = Files.readString(source.resolve("a.csv")).replace(',', '\t');
        Files.delete(source.resolve("a.csv"));
        try (OutputStream gzip = new GZIPOutputStream(Files.newOutputStream(source.resolve("a.tsv.gz")))) {
            gzip.write(("\uFEFF" + text).getBytes());
        }
        Motion.assertChannels(motion, 0, Motion.read(importer(map(), "delimiter=tab"), source).getFirst());
        Motion.write(source.resolve("a.csv"), text.substring(text.indexOf('\n') + 1));
        Signal numbered = Motion.read(importer(map(), "delimiter=tab", "header_lines=0", "time=1", "accel_x=-3", "accel_y=+2", "accel_z=4",
                "gyro_x=-6", "gyro_y=5", "gyro_z=7"), source.resolve("a.csv")).getFirst();
        Motion.assertChannels(motion, 0, numbered);
        assertEquals(1500, numbered.channels()[0].length);
        byte[] zipped = Files.readAllBytes(source.resolve("a.tsv.gz"));
        Files.write(source.resolve("a.tsv.gz"), java.util.Arrays.copyOf(zipped, zipped.length / 2));
        Files.delete(source.resolve("a.csv"));
        Motion.assertRefused(importer(map(), "delimiter=tab"), source, "a.tsv.gz: ends in the middle of its compressed data, after line");
    }

    @Test
    void timesMayBeDates() throws IOException {
        Instant start = Instant.parse("2024-02-29T23:59:55.123456789Z");
        Path source = write("a.csv", ",date", i -> "," + start.plusMillis(10L * i).toString().replace('T', ' '));
        Signal signal = Motion.read(importer(map(), "time=date", "time_unit=iso"), source).getFirst();
        Motion.assertChannels(motion, 0, signal);
        Path nanos = write("a.csv", ",ns", i -> "," + (1_760_676_790_103_992_534L + 10_000_000L * i));
        Motion.assertChannels(motion, 0, Motion.read(importer(map(), "time=ns", "time_unit=ns"), nanos).getFirst());
    }

    @Test
    void missingValuesAreInterpolated() throws IOException {
        Path source = write("a.csv", "", i -> "");
        String[] lines = Files.readString(source.resolve("a.csv")).split("\n");
        lines[501] = lines[501].replaceFirst(",[^,]*$", ",");
        Motion.write(source.resolve("a.csv"), String.join("\n", lines));
        Signal signal = Motion.read(importer(map()), source).getFirst();
        for (double[] channel : motion) channel[500] = channel[499] + 0.5 * (channel[501] - channel[499]);
        Motion.assertChannels(motion, 0, signal);
        assertEquals(List.of("1 missing samples were interpolated"), signal.notes());
    }

    @Test
    void saysWhatIsWrongWithAFile() throws IOException {
        Path source = write("a.csv", "", i -> "");
        Path file = source.resolve("a.csv");
        String good = Files.readString(file);
        Motion.write(file, good.substring(0, good.length() - 20));
        Motion.assertRefused(importer(map()), source, "a.csv: line 1501 has 5 columns, expected 7");
        Motion.write(file, good.replaceFirst("\n10,[^,]*,", "\n10,1;5,"));
        Motion.assertRefused(importer(map()), source, "a.csv: line 3, column 'ax': '1;5' is not a finite number");
        Motion.write(file, good.replaceFirst("\n20,", "\n5,"));
        Motion.assertRefused(importer(map()), source, "line 4, column 't': the time runs backwards", "recording");
        Motion.write(file, good.replaceFirst("\n20,", "\nsoon,"));
        Motion.assertRefused(importer(map()), source, "line 4, column 't': 'soon' is no time in ms");
        Motion.write(file, good.replaceFirst("\n20,", "\n,"));
        Motion.assertRefused(importer(map()), source, "line 4, column 't': '' is no time");
        Motion.write(file, good.replaceFirst("gz", "gz_dps"));
        Motion.assertRefused(importer(map()), source, "has no column 'gz'", "Its columns are t, ax");
        Motion.write(file, "");
        Motion.assertRefused(importer(map()), source, "a.csv: has no rows");
        Motion.write(file, good.substring(0, good.indexOf("\n500,") + 1));
        Motion.assertRefused(importer(map()), source, "has no second without a gap");
        Motion.write(file, good.substring(0, good.indexOf("\n3000,") + 1));
        Motion.assertRefused(importer(map()), source, "no recording has a span as long as a window");
        Motion.assertRefused(importer(map(), "subject_pattern=P(\\d)"), source, "a.csv: its name does not match subject_pattern");
        Files.delete(file);
        Motion.assertRefused(importer(map()), source, "has no .csv, .tsv or .csv.gz file");
    }

    @Test
    void wrongUnitsAreFoundOut() throws IOException {
        Path source = write("a.csv", "", i -> "");
        Motion.assertRefused(importer(map(), "accel_unit=g"), source, "a.csv: the accelerometer cannot be in g", "probably m/s^2");
        Motion.assertRefused(importer(map(), "time_unit=s"), source, "rate of 0.1 Hz", "unit of time");
        Motion.assertRefused(importer(map(), "time_unit=us"), source, "rate of 100000 Hz", "unit of time");
        Motion.assertRefused(importer(map(), "rate_hz=50"), source, "rate of 100 Hz, but 50 Hz is expected");
        Path neon = TestData.shared("neon");
        Motion.assertRefused(importer("neon", "gyro_unit=rad/s"), copy(neon.resolve("multi_part_ps1_imu.csv.gz")),
                "gyroscope cannot be in rad/s", "probably deg/s");
    }

    private Path copy(Path file) throws IOException {
        return Files.copy(file, Files.createDirectories(folder.resolve("copies")).resolve(file.getFileName()));
    }

    @Test
    void aMapIsChecked() throws IOException {
        String map = map();
        assertMapRefused(null, "Give --map FILE, or one of the maps gaitmap, neon, xio-gait");
        assertMapRefused("nothing.yaml", "nothing.yaml: no such column map");
        assertMapRefused(map, "there is no entry 'acel_unit'; did you mean 'accel_unit'?", "acel_unit=g");
        assertMapRefused(map, "accel_unit cannot be 'G': it is one of m/s^2, g, mg", "accel_unit=G");
        assertMapRefused(map, "'gyro_y' is missing", "gyro_y=");
        assertMapRefused(map, "it needs 'time' and 'time_unit', or 'rate_hz'", "time=");
        assertMapRefused(map, "rate_hz must be a number of 5.0 to 10000.0, not 'fast'", "rate_hz=fast");
        assertMapRefused(map, "rate_hz may have two decimals", "rate_hz=33.333");
        assertMapRefused(map, "delimiter must be one character or 'tab'", "delimiter=;;");
        assertMapRefused(map, "regular expression with a group", "subject_pattern=S.*");
        assertMapRefused(Motion.write(folder.resolve("bad.yaml"), "time: [1\nb").toString(), "bad.yaml: line 2: is not YAML");
        assertMapRefused(Motion.write(folder.resolve("bad.yaml"), "just words").toString(), "expected lines such as 'accel_x: COLUMN'");
        assertMapRefused(Motion.write(folder.resolve("bad.yaml"), "time:\n  a: b\n").toString(), "'time' must be a text");
    }

    private static void assertMapRefused(String map, String message, String... entries) {
        var error = assertThrows(InputException.class, () -> importer(map, entries));
        assertTrue(error.getMessage().contains(message), error.getMessage());
    }

    @Test
    void importsRecordingsOfGlasses() {
        List<Signal> signals = Motion.read(importer("neon"), TestData.shared("neon"));
        assertEquals(List.of("demo_recording_ps1_imu", "multi_part_ps1_imu", "multi_part_ps2_imu", "multi_part_ps3_imu"),
                signals.stream().map(Signal::uid).toList());
        for (Signal signal : signals) assertEquals(104, signal.rateHz());
        // The first sample stands where it stood; the gyroscope comes first in the file.
        assertEquals(-0.0444335863f, signals.getFirst().channels()[0][0]);
        assertEquals(-7.44438171f, signals.getFirst().channels()[3][0]);
        assertEquals(9.349, (signals.getFirst().channels()[0].length - 1) / 104.0, 0.01);
        assertEquals(7, Motion.run(importer("neon"), TestData.shared("neon"), folder.resolve("out")).count(null));
    }

    @Test
    void importsWalksOfTwoFeet() throws IOException {
        Path source = TestData.shared("gaitmap");
        List<Signal> signals = Motion.read(importer("gaitmap"), source);
        assertEquals(6, signals.size());
        Signal left = signals.getFirst();
        assertEquals("imu_sample_left_sensor", left.uid());
        assertEquals("imu_sample", left.subject());
        assertEquals(204.8, left.rateHz());
        assertEquals(7928, left.channels()[0].length);
        assertEquals((float) 0.8808107066241624, left.channels()[0][0]);
        assertEquals((float) -0.3230373811130934, signals.get(1).channels()[3][0]);
        var summary = Motion.run(importer("gaitmap"), source, folder.resolve("out"));
        assertEquals(2 * (7 + 5 + 4), summary.count(null));
        assertEquals(2 * (38.71 + 25.05 + 21.91) / 60, summary.minutes(), 1e-3);
        // Stairs have a time as well; with it, the result is the same.
        Path stairs = source.resolve("imu_sample_healthy_stair_up.csv.gz");
        Map<String, String> columns = new HashMap<>();
        for (String axis : List.of("x", "y", "z")) {
            columns.put("accel_" + axis, "left_sensor.acc_" + axis);
            columns.put("gyro_" + axis, "left_sensor.gyr_" + axis);
        }
        columns.putAll(Map.of("header_lines", "2", "time", "1", "time_unit", "s", "accel_unit", "m/s^2", "gyro_unit", "deg/s"));
        Signal timed = Motion.read(Formats.importer("csv", new Formats.Settings(Optional.empty(), Optional.empty(), columns)), stairs).getFirst();
        assertEquals(204.8, timed.rateHz());
        org.junit.jupiter.api.Assertions.assertArrayEquals(signals.get(4).channels()[5], timed.channels()[5]);
    }

    @Test
    void importsWalksWithAnIrregularClock() {
        List<Signal> signals = Motion.read(importer("xio-gait"), TestData.shared("xio-gait"));
        assertEquals(List.of("long_walk", "short_walk"), signals.stream().map(Signal::uid).toList());
        assertTrue(signals.get(0).notes().getFirst().startsWith("252 rows repeat"), signals.get(0).notes().toString());
        assertTrue(signals.get(1).notes().getFirst().startsWith("205 rows repeat"), signals.get(1).notes().toString());
        assertEquals(70.732, (signals.get(0).channels()[0].length - 1) / signals.get(0).rateHz(), 0.01);
        assertEquals(41.618, (signals.get(1).channels()[0].length - 1) / signals.get(1).rateHz(), 0.01);
        assertEquals(14 + 8, Motion.run(importer("xio-gait"), TestData.shared("xio-gait"), folder.resolve("out")).count(null));
    }
}
