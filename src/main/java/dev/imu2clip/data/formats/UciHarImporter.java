package dev.imu2clip.data.formats;

import dev.imu2clip.data.Importer;
import dev.imu2clip.io.InputException;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * UCI HAR, "Human Activity Recognition Using Smartphones": windows of 128 samples at 50 Hz that overlap by half; a phone on the
 * waist, total acceleration in g, rad/s. Consecutive windows of a subject are joined where the overlap is the same to the digit.
 */
final class UciHarImporter implements Importer {
    private static final int RATE_HZ = 50;
    private static final int WINDOW = 128;
    private static final int HALF = WINDOW / 2;
    private static final String REMEDY = "Give the folder 'UCI HAR Dataset', which holds train and test";

    @Override
    public String name() {
        return "ucihar";
    }

    @Override
    public Source about() {
        return new Source("Human Activity Recognition Using Smartphones (UCI HAR), v1.0",
                "as the data set's README states: as is, citation required, no commercial use",
                "Anguita, Ghio, Oneto, Parra, Reyes-Ortiz: A Public Domain Dataset for Human Activity Recognition Using Smartphones. "
                        + "ESANN, 2013");
    }

    @Override
    public List<Raw> recordings(Path source) {
        Path folder = SourceFiles.folder(source, "train", REMEDY);
        Map<Integer, String> activities = activities(SourceFiles.existing(folder, "activity_labels.txt", REMEDY));
        List<Raw> parts = new ArrayList<>();
        for (String part : List.of("train", "test"))
            if (Files.isDirectory(folder.resolve(part))) parts.add(new Raw(part, () -> read(folder.resolve(part), part, activities)));
        return parts;
    }

    private static Map<Integer, String> activities(Path file) {
        Map<Integer, String> names = new HashMap<>();
        try (BufferedReader reader = SourceFiles.open(file)) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                String[] parts = line.strip().split("\\s+");
                if (parts.length == 2 && parts[0].matches("\\d{1,4}"))
                    names.put(Integer.parseInt(parts[0]), parts[1].toLowerCase(Locale.ROOT).replace('_', ' '));
                else if (!line.isBlank()) throw InputException.in(file, "'" + line + "' is no activity, expected such as '1 WALKING'", "");
            }
        } catch (IOException e) {
            throw SourceFiles.failed(file, 0, e);
        }
        return names;
    }

    private static List<Signal> read(Path folder, String part, Map<Integer, String> activities) {
        double[] subjects = NumberTable.read(SourceFiles.existing(folder, "subject_" + part + ".txt", REMEDY), 1)[0];
        Path labelFile = SourceFiles.existing(folder, "y_" + part + ".txt", REMEDY);
        double[] labels = NumberTable.read(labelFile, 1)[0];
        for (int i = 0; i < labels.length; i++)
            if (!activities.containsKey((int) labels[i]))
                throw InputException.in(labelFile, "line " + (i + 1) + " has activity " + (int) labels[i] + ", which has no name in "
                        + "activity_labels.txt", "");
        double[][][] signals = new double[6][][]; // [channel][sample of the window][window]
        for (int c = 0; c < 6; c++) {
            String name = (c < 3 ? "total_acc_" : "body_gyro_") + "xyz".charAt(c % 3) + "_" + part + ".txt";
            Path file = SourceFiles.existing(folder.resolve("Inertial Signals"), name, REMEDY);
            signals[c] = NumberTable.read(file, WINDOW);
            if (signals[c][0].length != labels.length || subjects.length != labels.length)
                throw InputException.in(file, "has " + signals[c][0].length + " windows, y_" + part + ".txt " + labels.length
                        + " and subject_" + part + ".txt " + subjects.length, "The files belong together line by line");
        }
        List<Signal> result = new ArrayList<>();
        for (int from = 0, to = 1; from < labels.length; to++) {
            if (to < labels.length && subjects[to] == subjects[to - 1] && overlap(signals, to - 1)) continue;
            String subject = String.format(Locale.ROOT, "subject%02d", (int) subjects[from]);
            String uid = String.format(Locale.ROOT, "ucihar_%s_%s_%04d", part, subject, from + 1);
            result.add(joined(uid, subject, signals, from, to, labels, activities));
            from = to;
        }
        return result;
    }

    private static boolean overlap(double[][][] signals, int window) {
        for (double[][] channel : signals)
            for (int i = 0; i < HALF; i++) if (channel[HALF + i][window] != channel[i][window + 1]) return false;
        return true;
    }

    private static Signal joined(String uid, String subject, double[][][] signals, int from, int to, double[] labels,
            Map<Integer, String> activities) {
        float[][] channels = new float[6][(to - from + 1) * HALF];
        for (int c = 0; c < 6; c++)
            for (int w = from; w < to; w++)
                for (int i = 0; i < WINDOW; i++) channels[c][(w - from) * HALF + i] = (float) signals[c][i][w];
        List<Span> spans = new ArrayList<>();
        for (int first = from, next = from + 1; next <= to; next++) {
            if (next < to && labels[next] == labels[first]) continue;
            String label = activities.get((int) labels[first]);
            // Where the activity changes, the half that two windows share belongs to neither.
            int begin = (first - from + (first > from ? 1 : 0)) * HALF;
            int end = (next - from + (next < to ? 0 : 1)) * HALF;
            if (end > begin) spans.add(new Span((double) begin / RATE_HZ, (double) end / RATE_HZ, label, label));
            first = next;
        }
        return new Signal(uid, subject, RATE_HZ, AccelUnit.G, GyroUnit.RADIANS_PER_SECOND, channels, spans);
    }
}
