package dev.imu2clip.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SampleDataSetTest {
    @TempDir
    Path folder;

    private static Map<String, String> hashes(Path folder) throws Exception {
        Map<String, String> hashes = new TreeMap<>();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.filter(Files::isRegularFile).toList())
                hashes.put(folder.relativize(file).toString(),
                        HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file))));
        }
        return hashes;
    }

    private Path generate(String name, long seed) {
        Path out = folder.resolve(name);
        SampleDataSet.generate(out, new SampleDataSet.Options(seed, 5, 1.5, false));
        return out;
    }

    @Test
    void sameSeedSameBytes() throws Exception {
        var first = hashes(generate("a", 1));
        assertEquals(2 * 5 + 6, first.size());
        assertEquals(first, hashes(generate("b", 1)));
        assertNotEquals(first.get("processed_imu/sample_0000.npy"), hashes(generate("c", 2)).get("processed_imu/sample_0000.npy"));
    }

    @Test
    void everyWindowIsUsableAndEveryLabelIsInEverySplit() {
        try (DataSet data = DataSet.open(generate("a", 1))) {
            int windows = 0;
            for (Split split : Split.values()) {
                Selection selection = data.select(split);
                assertEquals(0, selection.rejections().count(), () -> selection.rejections().summary().toString());
                assertEquals(7, new HashSet<>(selection.windows().labels().texts()).size());
                windows += selection.windows().size();
            }
            assertEquals(5 * 18, windows);
            assertTrue(new WindowTable(data.windows()).texts().texts().size() > 20, "narrations vary");
        }
    }

    @Test
    void feelsLikeAPerson() {
        try (DataSet data = DataSet.open(generate("a", 1))) {
            Map<String, double[]> sums = new HashMap<>(); // label to: windows, mean |a|, spread of |a|, mean |w|
            for (Window window : data.windows()) {
                float[] x = new float[6000];
                data.read(window, x, 0);
                double mean = 0;
                double square = 0;
                double turning = 0;
                for (int i = 0; i < 1000; i++) {
                    double a = Math.sqrt(x[i] * x[i] + x[1000 + i] * x[1000 + i] + x[2000 + i] * x[2000 + i]);
                    mean += a / 1000;
                    square += a * a / 1000;
                    turning += Math.sqrt(x[3000 + i] * x[3000 + i] + x[4000 + i] * x[4000 + i] + x[5000 + i] * x[5000 + i]) / 1000;
                }
                double[] sum = sums.computeIfAbsent(window.label(), l -> new double[4]);
                sum[0]++;
                sum[1] += mean;
                sum[2] += Math.sqrt(square - mean * mean);
                sum[3] += turning;
            }
            sums.values().forEach(s -> { for (int k = 1; k < 4; k++) s[k] /= s[0]; });
            assertEquals(9.80665, sums.get("standing still")[1], 0.15, "gravity");
            assertTrue(sums.get("standing still")[2] < 0.1, "rest");
            assertTrue(sums.get("walking")[2] > 0.8 && sums.get("walking")[2] < 3, "walking " + sums.get("walking")[2]);
            assertTrue(sums.get("running")[2] > 2 * sums.get("walking")[2]);
            assertTrue(sums.get("head movement")[3] > 5 * sums.get("standing still")[3]);
        }
    }

    @Test
    void refusesSenselessSizesAndFullFolders() throws IOException {
        assertThrows(InputException.class, () -> new SampleDataSet.Options(0, 2, 1, false));
        assertThrows(InputException.class, () -> new SampleDataSet.Options(0, 5, 0, false));
        Files.writeString(folder.resolve("x"), "");
        assertThrows(InputException.class, () -> SampleDataSet.generate(folder, new SampleDataSet.Options(0, 3, 1, false)));
    }

    @Test
    void anInterruptedJobLeavesNoDataSet() {
        Path out = folder.resolve("half");
        var options = new SampleDataSet.Options(0, 4, 0.5, false);
        assertThrows(IllegalStateException.class, () -> SampleDataSet.generate(out, options, (done, total, what) -> {
            if (done == 2) throw new IllegalStateException("stopped");
        }));
        assertTrue(assertThrows(InputException.class, () -> DataSet.open(out)).getMessage().contains("no dataset.json"));
        SampleDataSet.generate(out, new SampleDataSet.Options(0, 3, 0.5, true));
        try (DataSet data = DataSet.open(out)) {
            assertEquals(List.of("sample_0000", "sample_0001", "sample_0002"), data.recordings().keySet().stream().toList());
        }
    }
}
