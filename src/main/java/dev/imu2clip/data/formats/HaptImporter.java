package dev.imu2clip.data.formats;

import dev.imu2clip.data.Importer;
import dev.imu2clip.io.InputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * HAPT, "Smartphone-Based Recognition of Human Activities and Postural Transitions" v2.1: {@code RawData/acc_expXX_userYY.txt},
 * {@code gyro_...} and {@code labels.txt}, plain or gzipped; a phone on the waist, 50 Hz, g and rad/s.
 */
public final class HaptImporter implements Importer {
    private static final int RATE_HZ = 50;
    private static final Pattern ACCEL_FILE = Pattern.compile("acc_exp(\\d{1,6})_user(\\d{1,6})\\.txt(\\.gz)?");
    private static final List<String> ACTIVITIES = List.of("walking", "walking upstairs", "walking downstairs", "sitting", "standing",
            "laying", "stand to sit", "sit to stand", "sit to lie", "lie to sit", "stand to lie", "lie to stand");

    @Override
    public String name() {
        return "hapt";
    }

    @Override
    public Source about() {
        return new Source("Smartphone-Based Recognition of Human Activities and Postural Transitions (HAPT), v2.1",
                "as the data set's README states: as is, citation required, no commercial use",
                "Reyes-Ortiz, Oneto, Sama, Parra, Anguita: Transition-Aware Human Activity Recognition Using Smartphones. "
                        + "Neurocomputing, 2015");
    }

    @Override
    public List<Raw> recordings(Path folder) {
        Path raw = Files.isDirectory(folder.resolve("RawData")) ? folder.resolve("RawData") : folder;
        double[][] labels = NumberTable.read(existing(raw, "labels.txt"), 5);
        List<Raw> recordings = new ArrayList<>();
        for (Path accel : SourceFiles.matching(raw, ACCEL_FILE)) {
            Matcher name = ACCEL_FILE.matcher(accel.getFileName().toString());
            if (!name.matches()) continue;
            String id = "exp" + name.group(1) + "_user" + name.group(2);
            int experiment = Integer.parseInt(name.group(1));
            recordings.add(new Raw(accel.getFileName().toString(), () -> List.of(signal("hapt_" + id, "user" + name.group(2), accel,
                    existing(raw, "gyro_" + id + ".txt"), labels, experiment))));
        }
        if (recordings.isEmpty())
            throw InputException.in(raw, "has no acc_expXX_userYY.txt or .txt.gz", "Give the folder that holds RawData");
        return recordings;
    }

    private static Path existing(Path folder, String name) {
        return SourceFiles.existing(folder, name, "Give the folder of the HAPT data set, which holds RawData");
    }

    private static Signal signal(String uid, String subject, Path accel, Path gyro, double[][] labels, int experiment) {
        double[][] a = NumberTable.read(accel, 3);
        double[][] g = NumberTable.read(gyro, 3);
        if (a[0].length != g[0].length)
            throw InputException.in(gyro, "has " + g[0].length + " samples, " + accel.getFileName() + " has " + a[0].length,
                    "The two belong together line by line");
        float[][] channels = new float[6][a[0].length];
        for (int c = 0; c < 6; c++) for (int i = 0; i < a[0].length; i++) channels[c][i] = (float) (c < 3 ? a[c][i] : g[c - 3][i]);
        List<Span> spans = new ArrayList<>();
        for (int row = 0; row < labels[0].length; row++) {
            if (labels[0][row] != experiment) continue;
            int activity = (int) labels[2][row];
            if (activity < 1 || activity > ACTIVITIES.size())
                throw InputException.in(accel.resolveSibling("labels.txt"),
                        "row " + (row + 1) + " has activity " + activity + ", expected 1 to 12", "");
            String label = ACTIVITIES.get(activity - 1);
            // Samples are counted from 1, and the last one belongs to the row.
            spans.add(new Span((labels[3][row] - 1) / RATE_HZ, labels[4][row] / RATE_HZ, label, label));
        }
        return new Signal(uid, subject, RATE_HZ, AccelUnit.G, GyroUnit.RADIANS_PER_SECOND, channels, spans);
    }
}
