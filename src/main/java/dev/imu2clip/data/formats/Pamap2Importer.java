package dev.imu2clip.data.formats;

import dev.imu2clip.data.Importer;
import dev.imu2clip.io.InputException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * PAMAP2 Physical Activity Monitoring: {@code Protocol/subject10X.dat}, 54 columns at 100 Hz, three sensors; the accelerometer of
 * 16 g in m/s², rad/s. Samples lost on the radio are NaN. Activity 0 is what lies between activities and gives no windows.
 */
final class Pamap2Importer implements Importer {
    private static final int COLUMNS = 54;
    private static final String REMEDY = "Give the folder PAMAP2_Dataset";
    private static final Pattern FILE = Pattern.compile("subject\\d{1,4}\\.dat(\\.gz)?");
    /** Where a sensor's 17 columns begin: temperature, acceleration (16 g), acceleration (6 g), gyroscope, magnetometer, orientation. */
    private static final Map<String, Integer> SENSORS = new LinkedHashMap<>();
    private static final Map<Integer, String> ACTIVITIES = Map.ofEntries(Map.entry(1, "lying"), Map.entry(2, "sitting"),
            Map.entry(3, "standing"), Map.entry(4, "walking"), Map.entry(5, "running"), Map.entry(6, "cycling"),
            Map.entry(7, "Nordic walking"), Map.entry(9, "watching TV"), Map.entry(10, "computer work"), Map.entry(11, "car driving"),
            Map.entry(12, "ascending stairs"), Map.entry(13, "descending stairs"), Map.entry(16, "vacuum cleaning"),
            Map.entry(17, "ironing"), Map.entry(18, "folding laundry"), Map.entry(19, "house cleaning"),
            Map.entry(20, "playing soccer"), Map.entry(24, "rope jumping"));

    static {
        SENSORS.put("hand", 3);
        SENSORS.put("chest", 20);
        SENSORS.put("ankle", 37);
    }

    private final List<String> sensors;

    /** @param sensor hand, chest, ankle or all */
    Pamap2Importer(String sensor) {
        sensors = Formats.sensors("pamap2", sensor, List.copyOf(SENSORS.keySet()));
    }

    @Override
    public String name() {
        return "pamap2";
    }

    @Override
    public Source about() {
        return new Source("PAMAP2 Physical Activity Monitoring", "CC BY 4.0 (UCI Machine Learning Repository)",
                "Reiss, Stricker: Introducing a New Benchmarked Dataset for Activity Monitoring. ISWC, 2012");
    }

    @Override
    public Map<String, Object> settings() {
        return Map.of("sensors", sensors);
    }

    @Override
    public List<Raw> recordings(Path source) {
        List<Path> files = SourceFiles.matching(source, FILE);
        if (files.isEmpty()) files = SourceFiles.matching(SourceFiles.folder(source, "Protocol", REMEDY).resolve("Protocol"), FILE);
        if (files.isEmpty()) throw InputException.in(source, "has no Protocol/subject10X.dat", REMEDY);
        return files.stream().map(file -> new Raw(file.getFileName().toString(), () -> read(file))).toList();
    }

    private List<Signal> read(Path file) {
        int[] wanted = new int[2 + 6 * sensors.size()];
        wanted[1] = 1; // after the time, column 0
        for (int s = 0; s < sensors.size(); s++)
            for (int c = 0; c < 6; c++) wanted[2 + 6 * s + c] = SENSORS.get(sensors.get(s)) + (c < 3 ? 1 + c : 4 + c);
        double[][] table = NumberTable.read(file, COLUMNS, true, wanted);
        checkTimes(file, table[0]);
        String subject = SourceFiles.baseName(file);
        List<Signal> signals = new ArrayList<>();
        for (int s = 0; s < sensors.size(); s++) {
            Track track = new Track("pamap2_" + subject + "_" + sensors.get(s), subject, AccelUnit.METRES_PER_SECOND_SQUARED,
                    GyroUnit.RADIANS_PER_SECOND, true);
            for (int i = 0; i < table[0].length; i++) {
                String label = table[1][i] == 0 ? "" : activity(file, i, table[1][i]);
                double[] six = new double[6];
                for (int c = 0; c < 6; c++) six[c] = table[2 + 6 * s + c][i];
                track.add(table[0][i], label, label, six);
            }
            signals.addAll(new EvenClock(100, 0).signals(track, file.toString()));
        }
        return signals;
    }

    private static void checkTimes(Path file, double[] times) {
        for (int i = 0; i < times.length; i++)
            if (!(times[i] >= (i == 0 ? 0 : times[i - 1])))
                throw InputException.in(file, "row " + (i + 1) + ", column 1: the time is " + times[i] + " s"
                        + (i == 0 ? "" : " after " + times[i - 1] + " s"), "The file is not as published");
    }

    private static String activity(Path file, int row, double id) {
        String name = ACTIVITIES.get((int) id);
        if (name == null || id != (int) id)
            throw InputException.in(file, "row " + (row + 1) + ", column 2: there is no activity " + id, "The file is not as published");
        return name;
    }
}
