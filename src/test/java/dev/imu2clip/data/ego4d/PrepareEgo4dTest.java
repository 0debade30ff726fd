package dev.imu2clip.data.ego4d;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.data.DataSet;
import dev.imu2clip.data.DataSetInfo;
import dev.imu2clip.data.Layout;
import dev.imu2clip.data.Modality;
import dev.imu2clip.data.Split;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Npy;
import dev.imu2clip.io.Progress;
import dev.imu2clip.media.VideoFrames;
import dev.imu2clip.tensor.Shape;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PrepareEgo4dTest {
    private static final PrepareEgo4d.Options DEFAULT = new PrepareEgo4d.Options(true, true, false, false, 0, 2, false),
            STRICT = new PrepareEgo4d.Options(true, true, false, false, 0, 2, true);

    @TempDir
    Path folder;
    private RawSet raw;
    private Path out;
    private Layout layout;

    @BeforeEach
    void rawSet() throws IOException {
        raw = new RawSet(folder.resolve("raw"));
        out = folder.resolve("out");
        layout = new Layout(out);
    }

    private PreparationReport prepare() throws IOException {
        return PrepareEgo4d.run(raw.write().find(), out, DEFAULT, Progress.NONE);
    }

    private String failure(PrepareEgo4d.Options options) throws IOException {
        raw.write();
        return assertThrows(InputException.class, () -> PrepareEgo4d.run(raw.find(), out, options, Progress.NONE)).getMessage();
    }

    private static List<String> brief(PreparationReport report) {
        return report.skipped().stream().map(skip -> skip.what() + " " + skip.uid() + ": " + skip.reason()).toList();
    }

    /** All files but those of the preparation itself, with their content. */
    static Map<String, String> content(Path out) throws IOException {
        Map<String, String> content = new TreeMap<>();
        try (Stream<Path> files = Files.walk(out)) {
            for (Path file : files.filter(Files::isRegularFile).toList())
                if (!file.getFileName().toString().startsWith(".preparation."))
                    content.put(out.relativize(file).toString(), new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1));
        }
        return content;
    }

    @Test
    void fromRawFilesToWindows() throws IOException {
        for (int i = 0; i < 10; i++) raw.add("v" + i, 20);
        RawSet.film(raw.video("v3"), 20, true);
        raw.entry("v3 3", "{\"video_uid\": \"v3\", \"has_imu\": true, \"video_metadata\": {\"video_duration_sec\": 20.0, \"audio_start_sec\": 0.0}}");
        Files.writeString(raw.folder.resolve("bad_imu_windows_2.5.json"), "[[\"v0\", 4, 9]]");
        Files.writeString(raw.folder.resolve("dataset_motion_narr_2.5_test_0.csv"),
                "window_start,window_end,video_uid,text,label\n1,6,v0,sits,sits down\n");
        var report = prepare();
        assertEquals(Map.of("imu", 10, "video", 1, "audio", 1), report.prepared());
        assertEquals(Map.of("training", 6, "validation", 1, "test", 3), report.splits());
        assertEquals(9, report.skipped().size());
        assertTrue(brief(report).contains("video v0: ego4d.json says there is one, but there is no file"), report.skipped().toString());
        try (DataSet data = DataSet.open(out, 200, new Ego4dWindows(2.5, EnumSet.of(Modality.IMU, Modality.TEXT),
                Ego4dWindows.Sampling.ALL))) {
            assertEquals("ego4d", data.info().name());
            assertEquals(10, data.recordings().size());
            assertEquals(19.996, data.recordings().get("v0").seconds(), 0.01);
            assertEquals(6, data.split(Split.TRAINING).size());
            var training = data.select(Split.TRAINING);
            assertTrue(training.windows().size() >= 20, training.windows().size() + " windows");
        }
        try (VideoFrames video = VideoFrames.open(layout.video("v3"))) {
            assertEquals(224, video.width());
            assertEquals(10, video.frameRate(), 1e-6);
            assertEquals(20, video.duration(), 0.1);
        }
        assertEquals(20 * 32_000 + 44, Files.size(layout.audio("v3")), 3200);
        for (String copied : List.of("ego4d.json", "narration.json", "bad_imu_windows_2.5.json", "dataset_motion_narr_2.5_test_0.csv"))
            assertEquals(Files.readString(raw.folder.resolve(copied)), Files.readString(out.resolve(copied)));
        assertEquals(Files.readString(layout.split(Split.TEST, 0)), Files.readString(layout.split(Split.TEST)));
        assertTrue(report.summary().contains("skipped: 9\n  9 x video: ego4d.json says there is one, but there is no file\n"),
                report.summary());
        assertTrue(report.summary().contains("  10 x rows without a time were left out\n"), report.summary());
    }

    /** Against another computation from the same file: rows with a time, in order, as they are. */
    @Test
    void theSignalIsThatOfTheFile() throws IOException {
        raw.add("v", 15);
        prepare();
        List<String[]> rows = new ArrayList<>();
        for (String line : Files.readAllLines(raw.imu("v"))) if (!line.startsWith("comp") && !line.split(",", -1)[2].isEmpty())
                rows.add(line.split(","));
        rows.sort((a, b) -> Double.compare(Double.parseDouble(a[2]), Double.parseDouble(b[2])));
        float[] signal = Npy.floats(layout.signal("v"));
        assertEquals("(6, " + rows.size() + ")", Npy.header(layout.signal("v")).shape().toString());
        for (int i = 0; i < rows.size(); i++)
            for (int c = 0; c < 6; c++) assertEquals(Float.parseFloat(rows.get(i)[c < 3 ? 6 + c : c]), signal[c * rows.size() + i]);
        float[] times = Npy.floats(layout.timestamps("v"));
        for (int i = 0; i < rows.size(); i++) assertEquals(Float.parseFloat(rows.get(i)[2]), times[i]);
    }

    /** A folder that holds (N, 6), as some versions of the reference wrote it, gives the same windows. */
    @Test
    void bothOrientationsAreRead() throws IOException {
        for (int i = 0; i < 4; i++) raw.add("v" + i, 15);
        prepare();
        float[] before = first(DataSet.open(out, 200, new Ego4dWindows(2.5, EnumSet.of(Modality.IMU, Modality.TEXT),
                Ego4dWindows.Sampling.ALL)));
        for (int v = 0; v < 4; v++) {
            float[] signal = Npy.floats(layout.signal("v" + v));
            int n = signal.length / 6;
            float[] turned = new float[signal.length];
            for (int i = 0; i < n; i++) for (int c = 0; c < 6; c++) turned[i * 6 + c] = signal[c * n + i];
            Npy.write(layout.signal("v" + v), Shape.of(n, 6), turned);
        }
        assertArrayEquals(before, first(DataSet.open(out, 200,
                new Ego4dWindows(2.5, EnumSet.of(Modality.IMU, Modality.TEXT), Ego4dWindows.Sampling.ALL))));
    }

    private static float[] first(DataSet data) {
        try (data) {
            float[] block = new float[6 * 1000];
            data.read(data.select(Split.TEST).windows().get(0), block, 0);
            assertNotEquals(0, block[5100]);
            return block;
        }
    }

    @Test
    void whatIsBrokenIsSkippedAndCounted() throws IOException {
        raw.add("good", 12).add("cut", 12).add("utf16", 12).add("empty", 12).add("columns", 12).add("binary", 12).add("film", 12)
                .add("nofilm", 12);
        String text = Files.readString(raw.imu("cut"));
        Files.writeString(raw.imu("cut"), text.substring(0, text.length() / 2 / 60 * 60 + 11));
        Files.write(raw.imu("utf16"), Files.readString(raw.imu("utf16")).getBytes(StandardCharsets.UTF_16));
        Files.write(raw.imu("empty"), new byte[0]);
        Files.writeString(raw.imu("columns"), Files.readString(raw.imu("columns")).replace("accl_x", "acc_x"));
        Files.write(raw.imu("binary"), new byte[5000]);
        for (String uid : List.of("good", "film", "cut", "utf16", "empty", "columns", "binary")) RawSet.film(raw.video(uid), 12, false);
        byte[] film = Files.readAllBytes(raw.video("film"));
        Files.write(raw.video("film"), Arrays.copyOf(film, film.length / 2));
        Files.write(raw.video("empty"), new byte[0]);
        Files.writeString(raw.imu("stranger"), text);
        Files.copy(raw.video("good"), raw.video("odd"));
        raw.entry("gone", true, 12, "null");
        raw.entry("none", false, 12, "null");
        Files.writeString(raw.imu("none"), text);
        raw.entry("twice", true, 12, "null").entry("twice", true, 13, "null").entry("same", true, 12, "null")
                .entry("same", true, 12, "null");
        Files.writeString(raw.imu("twice"), text);
        Files.writeString(raw.imu("same"), RawSet.motion("same", 12));
        Files.copy(raw.video("good"), raw.video("same"));
        raw.entry("half", "{\"video_uid\": \"half\", \"has_imu\": true}");
        raw.entry("path", "{\"video_uid\": \"../path\", \"has_imu\": true, \"video_metadata\": {\"video_duration_sec\": 3}}");
        raw.entry("sound", false, 12, "0.0");
        RawSet.film(raw.video("sound"), 12, false);
        raw.narrate("nobody", 12);
        raw.narrate("same", "{\"narration_pass_1\": {\"narrations\": [{\"timestamp_sec\": 3.0}, {\"timestamp_sec\": 6.0, \"narration_text\": \"#C C sits\"}]}}");
        var report = prepare();
        assertEquals(List.of("audio sound: ego4d.json says there is sound, but the video has none", "imu stranger: not in ego4d.json",
                "imu twice: not in ego4d.json", "imu gone: ego4d.json says there is one, but there is no file",
                "imu none: there is a file, but ego4d.json says that there is none", "imu binary: file damaged or not as expected",
                "imu columns: file damaged or not as expected", "imu cut: file damaged or not as expected",
                "imu empty: file damaged or not as expected", "imu utf16: file damaged or not as expected",
                "metadata ../path: entry incomplete", "metadata half: entry incomplete", "metadata same: named twice",
                        "metadata twice: named twice",
                "narration same: entry incomplete", "narration nobody: not in ego4d.json", "video odd: not in ego4d.json",
                "video nofilm: ego4d.json says there is one, but there is no file", "video empty: file damaged or not as expected",
                "video film: file damaged or not as expected"), brief(report));
        assertEquals(Map.of("imu", 4, "video", 7, "audio", 0), report.prepared()); // good, film, nofilm, same
        try (DataSet data = DataSet.open(out, 200, new Ego4dWindows(2.5, EnumSet.of(Modality.IMU, Modality.TEXT),
                Ego4dWindows.Sampling.ALL))) {
            assertTrue(data.windows().stream().noneMatch(window -> window.uid().equals("twice")));
            assertEquals(4, data.recordings().size());
        }
        for (String uid : List.of("cut", "utf16", "empty", "columns", "binary", "stranger", "none", "twice"))
                assertFalse(Files.exists(layout.signal(uid)), uid);
        String before = Files.readString(out.resolve("preparation.json"));
        prepare();
        assertEquals(before, Files.readString(out.resolve("preparation.json")), "the second run has nothing to do and tells the same");
    }

    @Test
    void strictlyItIsAnError() throws IOException {
        raw.add("a", 12).add("b", 12);
        Files.writeString(raw.imu("stranger"), "");
        assertTrue(failure(STRICT).contains("1 sources cannot be used. The first: imu stranger: not in ego4d.json"));
        assertFalse(Files.exists(layout.signals()), "nothing was begun");
        Files.delete(raw.imu("stranger"));
        Files.writeString(raw.imu("b"), "broken\n");
        String message = failure(STRICT);
        assertTrue(message.contains("1 sources cannot be used. The first: imu b")
                && message.contains("has no column 'canonical_timestamp_ms'"), message);
        assertTrue(assertThrows(InputException.class, () -> DataSet.open(out)).getMessage().contains("is not a prepared data set"));
        Files.writeString(raw.imu("b"), RawSet.motion("b", 12));
        assertEquals(2, PrepareEgo4d.run(raw.find(), out, STRICT, Progress.NONE).prepared().get("imu"));
    }

    @Test
    void onlyWhatChangedIsMadeAgain() throws IOException {
        raw.add("a", 12).add("b", 12).add("c", 12);
        prepare();
        Map<String, FileTime> before = times();
        prepare();
        assertEquals(before, times());
        Files.writeString(raw.imu("b"), RawSet.motion("other", 13));
        Files.delete(layout.timestamps("c"));
        prepare();
        Map<String, FileTime> after = times();
        assertEquals(before.get("a.npy"), after.get("a.npy"));
        assertNotEquals(before.get("b.npy"), after.get("b.npy"));
        assertNotEquals(before.get("c.npy"), after.get("c.npy"));
        assertNotEquals(before.get("b_timestamps.npy"), after.get("b_timestamps.npy"));
        Files.writeString(raw.imu("b"), "broken\n"); // what the old file gave must not stand for it
        assertEquals(List.of("imu b: file damaged or not as expected"), brief(prepare()));
        assertFalse(Files.exists(layout.signal("b")));
        Files.delete(raw.imu("a")); // raw files may be removed once they are prepared
        assertEquals(2, prepare().prepared().get("imu"));
        PrepareEgo4d.run(raw.find(), out, new PrepareEgo4d.Options(true, true, true, false, 0, 2, false), Progress.NONE);
        assertNotEquals(after.get("c.npy"), times().get("c.npy"), "other settings");
    }

    private Map<String, FileTime> times() throws IOException {
        Map<String, FileTime> times = new TreeMap<>();
        try (Stream<Path> files = Files.list(layout.signals())) {
            for (Path file : files.toList()) times.put(file.getFileName().toString(), Files.getLastModifiedTime(file));
        }
        return times;
    }

    @Test
    void aDamagedLogCostsWorkOnly() throws IOException {
        raw.add("a", 12).add("b", 12);
        prepare();
        Map<String, String> before = content(out);
        Path log = out.resolve(PrepareEgo4d.LOG);
        byte[] whole = Files.readAllBytes(log);
        for (byte[] damaged : new byte[][] {Arrays.copyOf(whole, whole.length - 20), new byte[0],
                "null\n[]\n{}\n\u00e9\n".getBytes(StandardCharsets.ISO_8859_1)}) {
            Files.write(log, damaged);
            prepare();
            assertEquals(before, content(out));
        }
    }

    @Test
    void theJobsDoNotChangeTheResult() throws IOException {
        for (int i = 0; i < 6; i++) raw.add("v" + i, 12);
        Files.writeString(raw.imu("v2"), "broken\n");
        prepare();
        Map<String, String> two = content(out);
        out = folder.resolve("one");
        PrepareEgo4d.run(raw.find(), out, new PrepareEgo4d.Options(true, true, false, false, 0, 1, false), Progress.NONE);
        assertEquals(two, content(out));
    }

    @Test
    void splitsThatAreGiven() throws IOException {
        raw.add("a", 12).add("b", 12).add("c", 12);
        Path splits = Files.createDirectories(raw.folder.resolve("splits"));
        Files.writeString(splits.resolve("training_0.json"), "[\"a\", \"" + Ego4dWindows.EXCLUDED + "\"]");
        Files.writeString(splits.resolve("validation_0.json"), "[\"b\"]");
        assertTrue(failure(DEFAULT).contains("has neither test.json nor test_0.json"));
        Files.writeString(splits.resolve("test_0.json"), "[\"c\"]");
        Files.writeString(splits.resolve("test_7.json"), "[\"b\", \"c\"]");
        assertEquals(Map.of("training", 1, "validation", 1, "test", 1), prepare().splits());
        assertEquals("[\"b\", \"c\"]", Files.readString(layout.split(Split.TEST, 7)));
        assertTrue(Files.readString(layout.split(Split.TRAINING, 0)).contains(Ego4dWindows.EXCLUDED), "the given file is copied as it is");
    }

    @Test
    void splitsByTheReferencesRule() {
        List<String> uids = new ArrayList<>();
        for (int i = 0; i < 2293; i++) uids.add("v" + i);
        for (int shuffle = 0; shuffle < Ego4dSplits.SHUFFLES; shuffle++) {
            var splits = Ego4dSplits.divide(uids, 5, shuffle);
            // int(2293 * .7) = 1605, int(1605 * .9) = 1444: the numbers of the published files
            assertEquals(List.of(1444, 161, 688), splits.values().stream().map(List::size).toList());
            List<String> all = new ArrayList<>();
            splits.values().forEach(all::addAll);
            assertNotEquals(uids, all);
            all.sort(null);
            assertEquals(uids.stream().sorted().toList(), all);
            assertEquals(splits, Ego4dSplits.divide(uids, 5, shuffle));
            assertNotEquals(splits, Ego4dSplits.divide(uids, 6, shuffle));
            assertNotEquals(splits, Ego4dSplits.divide(uids, 5, shuffle + 1));
        }
    }

    @Test
    void theExcludedVideoIsInNoSplit() throws IOException {
        for (String uid : List.of("a", "b", "c", "d", Ego4dWindows.EXCLUDED)) raw.add(uid, 12);
        assertEquals(4, prepare().splits().values().stream().mapToInt(n -> n).sum());
    }

    @Test
    void sourcesThatAreNone() throws IOException {
        assertTrue(failure(DEFAULT).contains("nothing in it could be prepared"));
        Files.writeString(raw.folder.resolve("ego4d.json"), "{\"videos\": [}");
        assertTrue(message().contains("line 1: is no valid JSON"), message());
        Files.writeString(raw.folder.resolve("ego4d.json"), "[]");
        assertTrue(message().contains("has no list 'videos'"), message());
        raw.write();
        Files.writeString(raw.folder.resolve("narration.json"), "[]");
        assertTrue(message().contains("must be a JSON object of videos"), message());
        Files.writeString(raw.folder.resolve("narration.json"), "{\"a\": {\"narration_pass_1\"");
        assertTrue(message().contains("is no valid JSON"), message());
        Files.write(raw.folder.resolve("narration.json"), "{\"a\": \"\u00e9\"}".getBytes(StandardCharsets.ISO_8859_1));
        assertTrue(message().startsWith(raw.folder.resolve("narration.json") + ": "), message());
        Files.delete(raw.folder.resolve("narration.json"));
        assertTrue(message().contains("has no narration.json. Give it with --narrations"), message());
        assertTrue(assertThrows(InputException.class, () -> RawEgo4d.find(folder.resolve("none"), RawEgo4d.Places.BY_NAME)).getMessage()
                .contains("is not a folder"));
    }

    private String message() {
        return assertThrows(InputException.class, () -> PrepareEgo4d.run(raw.find(), out, DEFAULT, Progress.NONE)).getMessage();
    }

    @Test
    void foldersThatAreInUse() throws IOException {
        raw.add("a", 12).write();
        Path full = Files.createDirectories(folder.resolve("full"));
        Files.writeString(full.resolve("thesis.txt"), "");
        for (Path target : List.of(full, raw.folder, full.resolve("thesis.txt"))) {
            out = target;
            assertTrue(message().matches(".*(is not empty and holds no preparation|holds the raw files|is a file).*"), message());
        }
    }

    /** As Ego4D's own program lays the files out; and two places given by hand. */
    @Test
    void filesAreFoundWhereTheyLie() throws IOException {
        raw.add("a", 12).write();
        Path v2 = Files.createDirectories(raw.folder.resolve("v2"));
        Files.move(raw.folder.resolve("imu"), v2.resolve("imu"));
        Files.createDirectories(v2.resolve("annotations"));
        Files.move(raw.folder.resolve("narration.json"), v2.resolve("annotations/narration.json"));
        assertEquals(v2.resolve("imu/a.csv"), raw.find().imu().get("a"));
        assertEquals(v2.resolve("annotations/narration.json"), raw.find().narrations());
        Files.move(v2.resolve("imu"), folder.resolve("elsewhere"));
        var found = RawEgo4d.find(raw.folder, new RawEgo4d.Places(null, null, folder.resolve("elsewhere"), null, null));
        assertEquals(1, PrepareEgo4d.run(found, out, DEFAULT, Progress.NONE).prepared().get("imu"));
        assertEquals(DataSetInfo.RATE_HZ, DataSet.open(out, 200, new Ego4dWindows(5, EnumSet.of(Modality.IMU), Ego4dWindows.Sampling.ALL))
                .rateHz());
    }
}
