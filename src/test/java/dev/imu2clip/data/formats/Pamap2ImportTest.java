package dev.imu2clip.data.formats;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.data.Importer.Signal;
import dev.imu2clip.data.Importer.Span;
import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On files written in the published format. */
class Pamap2ImportTest {
    private static final int ROWS = 3000;
    @TempDir
    Path folder;
    private Path source;
    private final double[][][] sensors = {Motion.random(1, ROWS, 9.8), Motion.random(2, ROWS, 9.8), Motion.random(3, ROWS, 9.8)};

    /** 30 s: nothing, lying from 2 s, nothing from 14 s, rope jumping from 20 s. Four samples of the chest are lost, later twenty. */
    @BeforeEach
    void files() throws IOException {
        source = folder.resolve("PAMAP2_Dataset");
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < ROWS; i++) {
            int activity = i < 200 ? 0 : i < 1400 ? 1 : i < 2000 ? 0 : 24;
            text.append(String.format(Locale.ROOT, "%.2f %d %s", 8.38 + i / 100.0, activity, i % 11 == 0 ? "104" : "NaN"));
            for (int s = 0; s < 3; s++) {
                boolean lost = s == 1 && (i >= 500 && i < 504 || i >= 1500 && i < 1520);
                text.append(lost ? " NaN" : " 30.1");
                for (int c = 0; c < 3; c++) text.append(' ').append(lost ? "NaN" : Motion.number(sensors[s][c][i]));
                text.append(lost ? " NaN NaN NaN" : " 2.3 4.5 6.7"); // the other accelerometer
                for (int c = 3; c < 6; c++) text.append(' ').append(lost ? "NaN" : Motion.number(sensors[s][c][i]));
                text.append(lost ? " NaN NaN NaN" : " 11.1 -12.2 13.3").append(" 1 0 0 0");
            }
            text.append('\n');
        }
        Motion.write(source.resolve("Protocol/subject101.dat"), text);
    }

    @Test
    void readsTheChestAndBreaksAtLongGaps() {
        List<Signal> signals = Motion.read(new Pamap2Importer("chest"), source);
        assertEquals(List.of("pamap2_subject101_chest_1", "pamap2_subject101_chest_2"), signals.stream().map(Signal::uid).toList());
        assertEquals("subject101", signals.getFirst().subject());
        double[][] filled = sensors[1];
        for (double[] channel : filled) for (int k = 0; k < 4; k++) channel[500 + k] = channel[499] + (k + 1) / 5.0 * (channel[504] - channel[499]);
        assertEquals(1500, signals.get(0).channels()[0].length);
        assertEquals(1480, signals.get(1).channels()[0].length);
        Motion.assertChannels(filled, 0, signals.get(0));
        Motion.assertChannels(filled, 1520, signals.get(1));
        assertTrue(signals.get(0).notes().contains("4 missing samples were interpolated"), signals.get(0).notes().toString());
        assertTrue(signals.get(0).notes().getFirst().contains("into 2 recordings"), signals.get(0).notes().toString());
        assertSpan(2, 14, "lying", signals.get(0).spans());
        assertSpan(4.8, 14.8, "rope jumping", signals.get(1).spans());
    }

    private static void assertSpan(double start, double end, String label, List<Span> spans) {
        assertEquals(1, spans.size(), spans.toString());
        assertEquals(start, spans.getFirst().start(), 1e-9);
        assertEquals(end, spans.getFirst().end(), 1e-9);
        assertEquals(label, spans.getFirst().label());
        assertEquals(label, spans.getFirst().text());
    }

    @Test
    void eachSensorIsARecording() {
        List<Signal> signals = Motion.read(new Pamap2Importer("all"), source.resolve("Protocol/subject101.dat"));
        assertEquals(List.of("hand", "chest_1", "chest_2", "ankle"), signals.stream().map(s -> s.uid().substring(18)).toList());
        Motion.assertChannels(sensors[0], 0, signals.get(0));
        Motion.assertChannels(sensors[2], 0, signals.get(3));
        var summary = Motion.run(new Pamap2Importer("ankle"), source, folder.resolve("out"));
        assertEquals(2 + 1, summary.count(null), "12 s of lying; 10 s of jumping up to the end, whose last window would pass it");
    }

    @Test
    void saysWhatIsWrong() throws IOException {
        Path file = source.resolve("Protocol/subject101.dat");
        String good = Files.readString(file);
        Motion.write(file, good.substring(0, good.length() - 12));
        Motion.assertRefused(new Pamap2Importer("chest"), source, "subject101.dat", "line 3000 has 50 columns, expected 54");
        Motion.write(file, good.replaceFirst("\n8.39 0", "\n8.39 8"));
        Motion.assertRefused(new Pamap2Importer("chest"), source, "row 2, column 2: there is no activity 8");
        Motion.write(file, good.replaceFirst("\n8.39 ", "\n7.39 "));
        Motion.assertRefused(new Pamap2Importer("chest"), source, "row 2, column 1: the time is 7.39 s after 8.38 s");
        Motion.write(file, good.replaceFirst("\n8.39 ", "\n8,39 "));
        Motion.assertRefused(new Pamap2Importer("chest"), source, "line 2, column 1: '8,39' is not a finite number");
        Files.delete(file);
        Motion.assertRefused(new Pamap2Importer("chest"), source, "has no Protocol/subject10X.dat");
        var error = assertThrows(InputException.class, () -> new Pamap2Importer("wrist"));
        assertTrue(error.getMessage().contains("Choose one of hand, chest, ankle, all"), error.getMessage());
    }
}
