package dev.imu2clip.data.formats;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.imu2clip.data.Importer.Signal;
import dev.imu2clip.data.Importer.Span;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On files written in the published format. */
class UciHarImportTest {
    @TempDir
    Path folder;
    private Path source;
    private final double[][] first = Motion.random(1, 64 * 6, 1);
    private final double[][] second = Motion.random(2, 128, 1);
    private final double[][] third = Motion.random(3, 64 * 5, 1);

    /** In train: subject 1 walks for five windows, then one window of something else. In test: subject 3 stands, then sits. */
    @BeforeEach
    void files() throws IOException {
        source = folder.resolve("UCI HAR Dataset");
        Motion.write(source.resolve("activity_labels.txt"),
                "1 WALKING\n2 WALKING_UPSTAIRS\n3 WALKING_DOWNSTAIRS\n4 SITTING\n5 STANDING\n6 LAYING\n");
        write("train", new double[][][] {first, second}, "1\n1\n1\n1\n1\n1\n", "1\n1\n1\n1\n1\n2\n");
        write("test", new double[][][] {third}, "3\n3\n3\n3\n", "5\n5\n4\n4\n");
    }

    private void write(String part, double[][][] stretches, String subjects, String labels) throws IOException {
        Motion.write(source.resolve(part + "/subject_" + part + ".txt"), subjects);
        Motion.write(source.resolve(part + "/y_" + part + ".txt"), labels);
        for (int c = 0; c < 6; c++) {
            StringBuilder text = new StringBuilder();
            for (double[][] stretch : stretches)
                for (int start = 0; start + 128 <= stretch[c].length; start += 64) {
                    for (int i = 0; i < 128; i++) text.append("  ").append(Motion.number(stretch[c][start + i]));
                    text.append('\n');
                }
            Motion.write(file(part, (c < 3 ? "total_acc_" : "body_gyro_") + "xyz".charAt(c % 3)), text);
        }
    }

    private Path file(String part, String name) {
        return source.resolve(part + "/Inertial Signals/" + name + "_" + part + ".txt");
    }

    @Test
    void windowsAreJoinedWhereTheirHalvesAreEqual() {
        List<Signal> signals = Motion.read(new UciHarImporter(), source);
        assertEquals(List.of("ucihar_train_subject01_0001", "ucihar_train_subject01_0006", "ucihar_test_subject03_0001"),
                signals.stream().map(Signal::uid).toList());
        assertEquals(List.of("subject01", "subject01", "subject03"), signals.stream().map(Signal::subject).toList());
        assertEquals(List.of(384, 128, 320), signals.stream().map(s -> s.channels()[0].length).toList());
        Motion.assertChannels(first, 0, signals.get(0));
        Motion.assertChannels(second, 0, signals.get(1));
        Motion.assertChannels(third, 0, signals.get(2));
        assertEquals(List.of(new Span(0, 7.68, "walking", "walking")), signals.get(0).spans());
        assertEquals(List.of(new Span(0, 2.56, "walking upstairs", "walking upstairs")), signals.get(1).spans());
        // Windows 2 and 3 share the samples 128 to 191; they belong to neither activity.
        assertEquals(List.of(new Span(0, 2.56, "standing", "standing"), new Span(3.84, 6.4, "sitting", "sitting")), signals.get(2).spans());
    }

    @Test
    void fiveSecondsAreCutFromJoinedWindows() {
        var summary = Motion.run(new UciHarImporter(), source, folder.resolve("out"));
        assertEquals(3, summary.recordings());
        // A window around the 2.56 s of standing, sitting or walking upstairs would pass the ends of their recordings.
        assertEquals(List.of("walking"), List.copyOf(summary.windows().keySet()));
        assertEquals(1, summary.count(null));
    }

    @Test
    void saysWhatIsWrong() throws IOException {
        Path gyro = file("test", "body_gyro_y");
        String good = Files.readString(gyro);
        Motion.write(gyro, good.substring(0, good.length() - 20));
        Motion.assertRefused(new UciHarImporter(), source, "body_gyro_y_test.txt", "line 4 has 126 columns, expected 128");
        Motion.write(gyro, good.lines().skip(1).reduce("", (a, b) -> a + b + "\n"));
        Motion.assertRefused(new UciHarImporter(), source, "has 3 windows, y_test.txt 4");
        Files.delete(gyro);
        Motion.assertRefused(new UciHarImporter(), source, "has no body_gyro_y_test.txt", "UCI HAR Dataset");
        Motion.write(gyro, good);
        Motion.write(source.resolve("test/y_test.txt"), "5\n5\n9\n4\n");
        Motion.assertRefused(new UciHarImporter(), source, "y_test.txt", "line 3 has activity 9");
        Motion.assertRefused(new UciHarImporter(), folder.resolve("UCI HAR Dataset/test"), "has no folder 'train'");
    }

    @Test
    void accelerationInOtherUnitsIsFoundOut() throws IOException {
        write("train", new double[][][] {Motion.random(1, 384, 9.8), second}, "1\n1\n1\n1\n1\n1\n", "1\n1\n1\n1\n1\n2\n");
        Motion.assertRefused(new UciHarImporter(), source, "accelerometer cannot be in g", "probably m/s^2");
    }
}
