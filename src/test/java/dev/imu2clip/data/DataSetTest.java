package dev.imu2clip.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.data.Rejections.Reason;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Npy;
import dev.imu2clip.tensor.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A data set with two recordings of 12 s at 200 Hz, "good" and "bad"; channel c of sample i has the value 10000 c + i. */
class DataSetTest {
    private static final int SAMPLES = 2400;

    @TempDir
    Path folder;
    private Layout layout;

    @BeforeEach
    void write() {
        layout = new Layout(folder.resolve("set"));
        DataSetWriter writer = new DataSetWriter(layout.folder(), false);
        for (String uid : List.of("good", "bad")) writer.add(uid, uid, "test", ramp());
        List<Window> windows = List.of(new Window("good", 1, 6, "walks, then \"runs\"", "walking"),
                new Window("bad", 1, 6, "walks", "walking"),
                new Window("bad", 6, 11, "sits down", "sitting"));
        writer.finish(new DataSetInfo("test", "", "", "", 5, Map.of()), windows, Map.of(Split.TRAINING, List.of("good", "bad")));
    }

    private static float[][] ramp() {
        float[][] channels = new float[6][SAMPLES];
        for (int c = 0; c < 6; c++) for (int i = 0; i < SAMPLES; i++) channels[c][i] = 10_000 * c + i;
        return channels;
    }

    private static float[] flat(float[][] channels) {
        float[] flat = new float[6 * SAMPLES];
        for (int c = 0; c < 6; c++) System.arraycopy(channels[c], 0, flat, c * SAMPLES, SAMPLES);
        return flat;
    }

    private Rejections rejections() {
        try (DataSet data = DataSet.open(layout.folder())) {
            Selection selection = data.select(Split.TRAINING);
            assertEquals("good", selection.windows().get(0).uid());
            return selection.rejections();
        }
    }

    private void assertBadRejected(int count, Reason reason, String detail) {
        Rejections rejections = rejections();
        assertEquals(count, rejections.count(reason), rejections.summary().toString());
        assertEquals(count, rejections.count());
        assertTrue(rejections.summary().getFirst().contains(detail), rejections.summary().toString());
    }

    private float[] block(Window window) {
        try (DataSet data = DataSet.open(layout.folder())) {
            float[] block = new float[6 * window.samples(200)];
            data.read(window, block, 0);
            return block;
        }
    }

    @Test
    void readsWhatWasWritten() {
        assertEquals(0, rejections().count());
        float[] block = block(new Window("good", 1, 6, "", ""));
        assertEquals(6 * 1000, block.length);
        // Samples with a time in [1 s, 6 s): 200 to 1199.
        for (int c = 0; c < 6; c++) for (int i = 0; i < 1000; i++) assertEquals(10_000 * c + 200 + i, block[c * 1000 + i]);
        try (DataSet data = DataSet.open(layout.folder())) {
            assertEquals("walks, then \"runs\"", data.windows().getFirst().text());
            assertEquals(12, data.recordings().get("good").seconds());
            assertEquals(200, data.recordings().get("good").rateHz());
            assertEquals(5, data.info().windowSec());
        }
    }

    @ParameterizedTest
    @CsvSource({"F4, true", "F8, true", "F8, false", "F4, false"})
    void readsBothOrientationsAndBothPrecisions(Npy.Type type, boolean channelsFirst) {
        float[] expected = block(new Window("bad", 1, 6, "", ""));
        float[][] ramp = ramp();
        Npy.write(layout.signal("bad"), type, channelsFirst ? Shape.of(6, SAMPLES) : Shape.of(SAMPLES, 6), sink -> {
            for (int k = 0; k < 6 * SAMPLES; k++) sink.put((double) (channelsFirst ? ramp[k / SAMPLES][k % SAMPLES] : ramp[k % 6][k / 6]));
        });
        assertArrayEquals(expected, block(new Window("bad", 1, 6, "", "")));
    }

    @Test
    void resamplesARecordingOfAnotherRate() throws IOException {
        Files.delete(layout.recordings()); // the rate is then measured from the clock
        int n = 600; // 50 Hz
        float[] wave = new float[6 * n];
        double[] clock = new double[n];
        for (int i = 0; i < n; i++) {
            clock[i] = 20.0 * i;
            for (int c = 0; c < 6; c++) wave[c * n + i] = (float) Math.sin(2 * Math.PI * i / 50 + c);
        }
        Npy.write(layout.signal("bad"), Shape.of(6, n), wave);
        Npy.write(layout.timestamps("bad"), Shape.of(n), clock);
        float[] block = block(new Window("bad", 1, 6, "", ""));
        for (int c = 0; c < 6; c++)
            for (int i = 40; i < 960; i++) assertEquals(Math.sin(2 * Math.PI * (50 * 4 + i) / 200 + c), block[c * 1000 + i], 5e-3);
    }

    @Test
    void padsAGapWithZeros() {
        double[] clock = new double[SAMPLES];
        for (int i = 0; i < SAMPLES; i++) clock[i] = i * 5.0 + (i > 600 ? 2000 : 0); // nothing for 2 s
        Npy.write(layout.timestamps("bad"), Shape.of(SAMPLES), clock);
        float[] block = block(new Window("bad", 1, 6, "", ""));
        assertEquals(200, block[0]);
        assertEquals(600, block[400]);
        assertEquals(799, block[599]);
        for (int i = 600; i < 1000; i++) assertEquals(0, block[i]);
    }

    @Test
    void countsATruncatedSignal() throws IOException {
        byte[] bytes = Files.readAllBytes(layout.signal("bad"));
        Files.write(layout.signal("bad"), java.util.Arrays.copyOf(bytes, bytes.length - 4));
        assertBadRejected(2, Reason.UNREADABLE_FILE, "is truncated");
    }

    @Test
    void countsAMissingSignalAndAMissingClock() throws IOException {
        Files.delete(layout.timestamps("bad"));
        assertBadRejected(2, Reason.MISSING_FILE, "bad_timestamps.npy: does not exist");
        Files.delete(layout.signal("bad"));
        assertBadRejected(2, Reason.MISSING_FILE, "bad.npy: does not exist");
    }

    @ParameterizedTest
    @CsvSource({"NaN", "Infinity", "-Infinity"})
    void countsSamplesThatAreNotFinite(float value) {
        float[][] ramp = ramp();
        ramp[4][1300] = value;
        Npy.write(layout.signal("bad"), Shape.of(6, SAMPLES), flat(ramp));
        assertBadRejected(1, Reason.NOT_FINITE, "gyro_y sample 100 is " + value);
    }

    @ParameterizedTest
    @CsvSource({"1000, 0", "1000, NaN", "0, NaN", "2399, Infinity"})
    void countsAClockThatRunsBackwards(int at, double time) {
        double[] clock = new double[SAMPLES];
        for (int i = 0; i < SAMPLES; i++) clock[i] = i == at ? time : i * 5.0;
        Npy.write(layout.timestamps("bad"), Shape.of(SAMPLES), clock);
        assertBadRejected(2, Reason.CLOCK, "sample " + at + " has time " + time);
    }

    @Test
    void countsAClockThatStandsStill() {
        Npy.write(layout.timestamps("bad"), Shape.of(SAMPLES), new double[SAMPLES]);
        assertBadRejected(2, Reason.CLOCK, "all samples have the time 0.0 ms");
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {"(5, 2400); 5 2400", "(6, 6); 6 6", "(14400,); 14400", "(1, 6, 2400); 1 6 2400"})
    void countsAWrongChannelCount(String name, String sizes) {
        Shape shape = Shape.of(java.util.Arrays.stream(sizes.split(" ")).mapToLong(Long::parseLong).toArray());
        Npy.write(layout.signal("bad"), shape, new float[(int) shape.count()]);
        assertBadRejected(2, Reason.WRONG_CHANNELS, "shape " + name);
    }

    @Test
    void countsAClockOfAnotherLength() {
        Npy.write(layout.timestamps("bad"), Shape.of(10), new double[10]);
        assertBadRejected(2, Reason.UNREADABLE_FILE, "expected (2400,)");
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "bad,8,13,x,;BEYOND_END;ends at 11.995 s", "bad,-9,3,x,;NO_SAMPLE_NEAR;nearest samples", "bad,3,3.04,x,;TOO_FEW_SAMPLES;has 8",
        "bad,6,1,x,;BAD_TIMES;bad 6-1 s", "bad,-1e12,1e12,x,;BAD_TIMES;bad", "bad,1,6,' ',;EMPTY_TEXT;bad 1-6 s",
                "none,1,6,x,;MISSING_FILE;none.npy"})
    void countsAWindowThatCannotBeUsed(String row, Reason reason, String detail) throws IOException {
        Files.writeString(layout.windows(), "video_uid,window_start,window_end,text,label\ngood,1,6,x,\n" + row.replace("'", "") + "\n");
        Files.writeString(layout.split(Split.TRAINING), "[\"good\", \"bad\", \"none\"]");
        assertBadRejected(1, reason, detail);
    }

    @Test
    void readsTheColumnsOfTheReferencesFiles() throws IOException {
        Files.writeString(layout.windows(), "window_start,window_end,video_uid,narration_uid,text,Score-TFIDF,label,OG_label\n"
                + "1,6,good,abc,moves his head,1.0,head movement,looks up\n");
        try (DataSet data = DataSet.open(layout.folder())) {
            assertEquals(List.of(new Window("good", 1, 6, "moves his head", "head movement")), data.windows());
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "splits/training.json;[];it names no recording", "splits/training.json;[\"other\"];has no window of its 1 recordings",
        "splits/training.json;[\"bad\", \"bad\"];named twice", "splits/test.json;[\"bad\"];also in the training split",
        "splits/training.json;{\"a\": 1};must be a JSON list", "splits/training.json;[\"../x\"];cannot be the uid",
        "splits/training.json;[\"bad\";line 1", "splits/training.json;'';is empty",
        "dataset.json;{\"format\": \"x\"};format is 'x'",
                "dataset.json;{\"format\": \"imu2clip prepared data set\", \"version\": 2};version is 2",
        "recordings.json;{};must be a JSON list", "windows.csv;uid,text;no usable window",
        "windows.csv;video_uid,window_start,window_end,text|good,one,6,x;line 2: window_start is 'one'",
        "windows.csv;video_uid,window_start,text|good,1,x;column 'window_end' is missing",
        "windows.csv;video_uid,window_start,window_end,text|good,1;is missing",
        "windows.csv;video_uid,video_uid|good,1;video_uid"})
    void saysWhatIsWrongWithTheFolder(String file, String content, String message) throws IOException {
        Path path = layout.folder().resolve(file);
        Files.writeString(path, content.replace('|', '\n'));
        var error = assertThrows(InputException.class, this::rejections);
        assertTrue(error.getMessage().contains(message) && error.getMessage().contains(file.equals("windows.csv") ? "" : path.toString()),
                error.getMessage());
    }

    @Test
    void anEmptySplitIsAnError() {
        try (DataSet data = DataSet.open(layout.folder())) {
            assertTrue(assertThrows(InputException.class,
                    () -> data.select(Split.TEST)).getMessage().contains("test.json: no usable window"));
        }
    }

    @Test
    void refusesAFolderThatIsNoDataSet() {
        assertTrue(assertThrows(InputException.class, () -> DataSet.open(folder)).getMessage().contains("it has no dataset.json"));
        assertTrue(assertThrows(InputException.class, () -> DataSet.open(folder.resolve("none"))).getMessage().contains("is not a folder"));
    }

    @Test
    void overwritesOnlyWhatItWroteAndOnlyWhenAsked() throws IOException {
        Path mine = Files.writeString(layout.folder().resolve("notes.txt"), "keep me");
        assertTrue(assertThrows(InputException.class, () -> new DataSetWriter(layout.folder(),
                false)).getMessage().contains("already holds a data set"));
        new DataSetWriter(layout.folder(), true);
        assertTrue(Files.exists(mine));
        assertFalse(Files.exists(layout.signal("good")));
        assertThrows(InputException.class, () -> DataSet.open(layout.folder()), "a half-written set is none");
        assertThrows(InputException.class, () -> new DataSetWriter(mine, false));
        assertThrows(InputException.class, () -> new DataSetWriter(mine.resolve("below"), false));
    }

    @Test
    void aFileThatShrinksUnderUsIsAnError() throws IOException {
        try (DataSet data = DataSet.open(layout.folder())) {
            Window window = data.select(Split.TRAINING).windows().get(0);
            try (var channel = java.nio.channels.FileChannel.open(layout.signal("good"), java.nio.file.StandardOpenOption.WRITE)) {
                channel.truncate(100);
            }
            var error = assertThrows(InputException.class, () -> data.read(window, new float[6000], 0));
            assertTrue(error.getMessage().contains("changed while it was read"), error.getMessage());
        }
    }
}
