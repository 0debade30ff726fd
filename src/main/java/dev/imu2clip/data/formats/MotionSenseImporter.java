package dev.imu2clip.data.formats;

import dev.imu2clip.data.Importer;
import dev.imu2clip.io.InputException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * MotionSense: {@code A_DeviceMotion_data/wlk_7/sub_1.csv}; a phone in the front pocket, 50 Hz, g and rad/s. Acceleration is the
 * user's plus gravity's, with the sign that iOS gives it: at rest with the screen up, z is -1.
 */
final class MotionSenseImporter implements Importer {
    private static final int RATE_HZ = 50;
    private static final String FOLDER = "A_DeviceMotion_data";
    private static final Pattern TRIAL = Pattern.compile("(dws|ups|wlk|jog|std|sit)_(\\d{1,3})");
    private static final Pattern FILE = Pattern.compile("sub_(\\d{1,3})\\.csv(\\.gz)?");
    private static final Map<String, String> ACTIVITIES = Map.of("dws", "walking downstairs", "ups", "walking upstairs", "wlk", "walking",
            "jog", "jogging", "std", "standing", "sit", "sitting");
    private static final List<String> COLUMNS = List.of("gravity.x", "gravity.y", "gravity.z", "userAcceleration.x",
            "userAcceleration.y", "userAcceleration.z", "rotationRate.x", "rotationRate.y", "rotationRate.z");

    @Override
    public String name() {
        return "motionsense";
    }

    @Override
    public Source about() {
        return new Source("MotionSense: Smartphone Sensor Data", "ODbL 1.0, as published on Kaggle; see the data set's own page",
                "Malekzadeh, Clegg, Cavallaro, Haddadi: Mobile Sensor Data Anonymization. IoTDI, 2019");
    }

    @Override
    public List<Raw> recordings(Path source) {
        Path folder = source.endsWith(FOLDER) ? source
                : SourceFiles.folder(source, FOLDER, "Give the folder that holds " + FOLDER).resolve(FOLDER);
        List<Raw> raws = new ArrayList<>();
        for (Path trial : SourceFiles.folders(folder, TRIAL)) {
            Matcher name = TRIAL.matcher(trial.getFileName().toString());
            if (!name.matches()) continue;
            String label = ACTIVITIES.get(name.group(1));
            for (Path file : SourceFiles.matching(trial, FILE)) {
                String subject = SourceFiles.baseName(file);
                raws.add(new Raw(trial.getFileName() + "/" + file.getFileName(),
                        () -> List.of(read(file, "motionsense_" + trial.getFileName() + "_" + subject, subject, label))));
            }
        }
        if (raws.isEmpty()) throw InputException.in(folder, "has no wlk_7/sub_1.csv or the like", "Unpack " + FOLDER + ".zip");
        return raws;
    }

    private static Signal read(Path file, String uid, String subject, String label) {
        Track track = new Track(uid, subject, AccelUnit.G, GyroUnit.RADIANS_PER_SECOND, false);
        try (Table table = new CsvTable(file, ',', 1)) {
            ColumnMap.require(file, table.names(), COLUMNS);
            table.choose(COLUMNS);
            while (table.next()) {
                double[] v = new double[COLUMNS.size()];
                for (int c = 0; c < v.length; c++)
                    v[c] = SourceFiles.number(file, table.place() + ", column " + COLUMNS.get(c), table.value(c).toString());
                track.add(0, "", "", v[0] + v[3], v[1] + v[4], v[2] + v[5], v[6], v[7], v[8]);
            }
        }
        float[][] channels = new float[6][track.size];
        for (int c = 0; c < 6; c++) for (int i = 0; i < track.size; i++) channels[c][i] = (float) track.values[c][i];
        return new Signal(uid, subject, RATE_HZ, track.accelUnit, track.gyroUnit, channels,
                List.of(new Span(0, (double) track.size / RATE_HZ, label, label)));
    }
}
