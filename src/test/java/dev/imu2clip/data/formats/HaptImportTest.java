package dev.imu2clip.data.formats;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.TestData;
import dev.imu2clip.data.DataSet;
import dev.imu2clip.data.ImportJob;
import dev.imu2clip.data.PreparedSummary;
import dev.imu2clip.data.Selection;
import dev.imu2clip.data.Split;
import dev.imu2clip.data.Window;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HaptImportTest {
    @TempDir
    Path folder;
    private int refusals;

    private static PreparedSummary run(Path source, Path target, double minSpanSec) {
        return ImportJob.run(new HaptImporter(), source, target, new ImportJob.Options(5, minSpanSec, 0, false), Progress.NONE);
    }

    @Test
    void importsTheRealRecordings() {
        Path source = TestData.shared("hapt");
        Path out = folder.resolve("out");
        PreparedSummary summary = run(source, out, 2);
        assertEquals(21, summary.recordings());
        assertEquals(401_985 / 50.0 / 60, summary.minutes(), 1e-6);
        assertEquals(955 + 105, summary.count(null), "whole windows, and one for each short span");
        try (DataSet data = DataSet.open(out)) {
            Set<String> subjects = new HashSet<>();
            int windows = 0;
            for (Split split : Split.values()) {
                Selection selection = data.select(split);
                assertEquals(0, selection.rejections().count(), () -> selection.rejections().summary().toString());
                assertEquals(12, selection.windows().labels().texts().size(), split + " has every activity");
                windows += selection.windows().size();
                Set<String> here = new TreeSet<>();
                for (String uid : data.split(split)) here.add(data.recordings().get(uid).subject());
                for (String subject : here) assertTrue(subjects.add(subject), subject + " is in two splits");
            }
            assertEquals(21, subjects.size());
            assertEquals(summary.count(null), windows);
            assertEquals(4, data.split(Split.TEST).size());
            assertEquals(2, data.split(Split.VALIDATION).size());
            assertTrue(data.windows().stream().map(Window::text).toList().containsAll(List.of("walking upstairs", "stand to sit",
                    "laying")));
            checkSignal(data, source);
        }
    }

    /** Labelled "standing" from sample 250 on: the block against the raw file, and gravity. */
    private static void checkSignal(DataSet data, Path source) {
        Window window = data.windows().getFirst();
        assertEquals(new Window("hapt_exp01_user01", 4.98, 9.98, "standing", "standing"), window);
        double[][] raw = NumberTable.read(source.resolve("RawData/acc_exp01_user01.txt.gz"), 3);
        float[] block = new float[6000];
        data.read(window, block, 0);
        // Every fourth sample falls on one of the raw file's; there the filter changes a slow signal little.
        double difference = 0;
        double gravity = 0;
        for (int i = 0; i < 249; i++) difference += Math.abs(block[4 * i + 3] - raw[0][250 + i] * 9.80665) / 249;
        for (int i = 0; i < 1000; i++)
            gravity += Math.sqrt(block[i] * block[i] + block[1000 + i] * block[1000 + i] + block[2000 + i] * block[2000 + i]) / 1000;
        assertTrue(difference < 0.03, "mean difference " + difference);
        assertEquals(1.023 * 9.80665, gravity, 0.2);
    }

    @Test
    void findsThe955WholeWindows() {
        Path source = TestData.shared("hapt");
        Path out = folder.resolve("out");
        assertEquals(955, run(source, out, 5).count(null));
        try (DataSet data = DataSet.open(out)) {
            int usable = 0;
            for (Split split : Split.values()) usable += data.select(split).windows().size();
            assertEquals(955, usable);
        }
    }

    /** Two subjects, 20 s each, plain text files. */
    private Path small() throws IOException {
        Path raw = Files.createDirectories(folder.resolve("small/RawData"));
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < 1000; i++) lines.append(String.format(Locale.ROOT, "%.4f 0.1 %s%n", 0.5 + i * 1e-4, "-1e-1"));
        for (String id : List.of("exp01_user01", "exp02_user02")) {
            Files.writeString(raw.resolve("acc_" + id + ".txt"), lines);
            Files.writeString(raw.resolve("gyro_" + id + ".txt"), lines);
        }
        Files.writeString(raw.resolve("labels.txt"), "1 1 1 1 500\n1 1 7 501 620\n1 1 8 621 640\n1 1 12 900 1000\n2 2 5 1 999\n");
        return raw.getParent();
    }

    @Test
    void cutsShortSpansFromTheirSurroundings() throws IOException {
        Path out = folder.resolve("out");
        assertEquals(6, run(small(), out, 2).count(null));
        try (DataSet data = DataSet.open(out)) {
            assertEquals(List.of(new Window("hapt_exp01_user01", 0, 5, "walking", "walking"),
                    new Window("hapt_exp01_user01", 5, 10, "walking", "walking"),
                    new Window("hapt_exp01_user01", 8.7, 13.7, "stand to sit", "stand to sit")), data.windows().subList(0, 3));
            assertEquals(3, data.windows().stream().filter(w -> w.label().equals("standing")).count());
            assertEquals(5, data.windows().stream().filter(w -> !w.label().equals("stand to sit")).count());
        }
    }

    private void assertRefused(Path source, String... parts) {
        Path out = folder.resolve("refused" + ++refusals);
        var error = assertThrows(InputException.class, () -> run(source, out, 2));
        for (String part : parts) assertTrue(error.getMessage().contains(part), error.getMessage());
        assertTrue(Files.notExists(out.resolve("dataset.json")));
    }

    @Test
    void saysWhatIsWrongWithTheSource() throws IOException {
        assertRefused(folder, "has no labels.txt", "HAPT");
        Path source = small();
        Path raw = source.resolve("RawData");
        String good = Files.readString(raw.resolve("gyro_exp01_user01.txt"));
        Files.writeString(raw.resolve("gyro_exp01_user01.txt"), good.replaceFirst("0\\.1", ""));
        assertRefused(source, "gyro_exp01_user01.txt", "line 1 has 2 columns, expected 3");
        Files.writeString(raw.resolve("gyro_exp01_user01.txt"), good.replaceFirst("0\\.1", "NaN"));
        assertRefused(source, "line 1, column 2: 'NaN' is not a finite number");
        Files.writeString(raw.resolve("gyro_exp01_user01.txt"), good.substring(0, good.length() / 2));
        assertRefused(source, "gyro_exp01_user01.txt");
        Files.delete(raw.resolve("gyro_exp01_user01.txt"));
        assertRefused(source, "has no gyro_exp01_user01.txt");
        Files.write(raw.resolve("gyro_exp01_user01.txt.gz"), truncatedGzip(good));
        assertRefused(source, "gyro_exp01_user01.txt.gz: ends in the middle");
        Files.delete(raw.resolve("gyro_exp01_user01.txt.gz"));
        Files.writeString(raw.resolve("gyro_exp01_user01.txt"), good);
        Files.writeString(raw.resolve("labels.txt"), "1 1 13 1 500\n");
        assertRefused(source, "labels.txt", "row 1 has activity 13");
        Files.writeString(raw.resolve("labels.txt"), "1 1 1 1 50\n");
        assertRefused(source, "no recording has a span as long as a window");
    }

    private static byte[] truncatedGzip(String text) throws IOException {
        var bytes = new java.io.ByteArrayOutputStream();
        try (var gzip = new java.util.zip.GZIPOutputStream(bytes)) {
            gzip.write(text.getBytes(StandardCharsets.UTF_8));
        }
        return java.util.Arrays.copyOf(bytes.toByteArray(), bytes.size() / 2);
    }
}
