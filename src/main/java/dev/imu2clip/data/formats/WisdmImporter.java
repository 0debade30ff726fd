package dev.imu2clip.data.formats;

import dev.imu2clip.data.Importer;
import dev.imu2clip.data.formats.SensorJoin.Sensor;
import dev.imu2clip.io.InputException;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * WISDM Smartphone and Smartwatch Activity and Biometrics (2019): {@code raw/phone/accel/data_1600_accel_phone.txt} and the same for
 * watch and gyro, rows {@code 1600,A,252207666810782,-0.36,8.79,1.05;}; nominally 20 Hz, nanoseconds, m/s² and rad/s. The two
 * sensors have clocks of their own and are joined by time, activity by activity.
 */
final class WisdmImporter implements Importer {
    private static final double MAX_GAP_SEC = 0.2;
    private static final int FEWEST = 20;
    private static final Pattern FILE = Pattern.compile("data_(\\d{4})_accel_(phone|watch)\\.txt(\\.gz)?");
    private static final Map<String, String> ACTIVITIES = Map.ofEntries(Map.entry("A", "walking"), Map.entry("B", "jogging"),
            Map.entry("C", "stairs"), Map.entry("D", "sitting"), Map.entry("E", "standing"), Map.entry("F", "typing"),
            Map.entry("G", "brushing teeth"), Map.entry("H", "eating soup"), Map.entry("I", "eating chips"),
            Map.entry("J", "eating pasta"), Map.entry("K", "drinking from cup"), Map.entry("L", "eating sandwich"),
            Map.entry("M", "kicking soccer ball"), Map.entry("O", "playing catch with tennis ball"),
            Map.entry("P", "dribbling basketball"), Map.entry("Q", "writing"), Map.entry("R", "clapping"),
            Map.entry("S", "folding clothes"));

    private final List<String> devices;

    /** @param sensor phone, watch or all */
    WisdmImporter(String sensor) {
        devices = Formats.sensors("wisdm", sensor, List.of("phone", "watch"));
    }

    @Override
    public String name() {
        return "wisdm";
    }

    @Override
    public Source about() {
        return new Source("WISDM Smartphone and Smartwatch Activity and Biometrics Dataset", "CC BY 4.0 (UCI Machine Learning Repository)",
                "Weiss, Yoneda, Hayajneh: Smartphone and Smartwatch-Based Biometrics Using Activities of Daily Living. IEEE Access, 2019");
    }

    @Override
    public Map<String, Object> settings() {
        return Map.of("sensors", devices);
    }

    @Override
    public List<Raw> recordings(Path source) {
        String remedy = "Give the folder wisdm-dataset, which holds raw";
        Path raw = SourceFiles.folder(source, "raw", remedy).resolve("raw");
        List<Raw> raws = new ArrayList<>();
        for (String device : devices) {
            if (!Files.isDirectory(raw.resolve(device))) throw InputException.in(raw, "has no folder " + device, remedy);
            for (Path accel : SourceFiles.matching(raw.resolve(device).resolve("accel"), FILE)) {
                String subject = accel.getFileName().toString().substring(5, 9);
                Path gyro = SourceFiles.existing(raw.resolve(device).resolve("gyro"), "data_" + subject + "_gyro_" + device + ".txt", "");
                raws.add(new Raw(accel.getFileName().toString(), () -> read(accel, gyro, subject, device)));
            }
        }
        if (raws.isEmpty()) throw InputException.in(raw, "has no " + devices.getFirst() + "/accel/data_1600_accel_phone.txt", remedy);
        return raws;
    }

    private static List<Signal> read(Path accelFile, Path gyroFile, String subject, String device) {
        Map<String, List<Sample>> accels = samples(accelFile, subject);
        Map<String, List<Sample>> gyros = samples(gyroFile, subject);
        List<Signal> signals = new ArrayList<>();
        accels.forEach((code, accel) -> {
            List<Sample> gyro = gyros.getOrDefault(code, List.of());
            if (accel.size() < FEWEST || gyro.size() < FEWEST) return;
            String label = ACTIVITIES.get(code);
            Track track = new Track("wisdm_" + subject + "_" + device + "_" + code, subject, AccelUnit.METRES_PER_SECOND_SQUARED,
                    GyroUnit.RADIANS_PER_SECOND, true);
            long origin = accel.getFirst().nanos;
            SensorJoin.add(track, label, label, sensor(accel, origin), sensor(gyro, origin), MAX_GAP_SEC);
            signals.addAll(new EvenClock(0, MAX_GAP_SEC).signals(track, accelFile + ", activity " + code));
        });
        return signals;
    }

    private static Sensor sensor(List<Sample> samples, long origin) {
        double[] seconds = new double[samples.size()];
        double[][] xyz = new double[3][samples.size()];
        for (int i = 0; i < seconds.length; i++) {
            Sample sample = samples.get(i);
            seconds[i] = (sample.nanos - origin) / 1e9;
            xyz[0][i] = sample.x;
            xyz[1][i] = sample.y;
            xyz[2][i] = sample.z;
        }
        return new Sensor(seconds, xyz);
    }

    private record Sample(long nanos, double x, double y, double z) {}

    /** By activity, in order of time. */
    private static Map<String, List<Sample>> samples(Path file, String subject) {
        Map<String, List<Sample>> samples = new TreeMap<>();
        long line = 0;
        try (BufferedReader reader = SourceFiles.open(file)) {
            for (String text = reader.readLine(); text != null; text = reader.readLine()) {
                line++;
                if (text.isBlank()) continue;
                String row = text.strip();
                String[] fields = row.endsWith(";") ? row.substring(0, row.length() - 1).split(",", -1) : new String[0];
                if (fields.length != 6 || !fields[0].equals(subject) || !ACTIVITIES.containsKey(fields[1]))
                    throw InputException.in(file, "line " + line + " is '" + row + "', expected " + subject
                            + ",activity A to S,time in ns,x,y,z;", "The file may be truncated");
                samples.computeIfAbsent(fields[1], code -> new ArrayList<>()).add(sample(file, "line " + line, fields));
            }
        } catch (IOException e) {
            throw SourceFiles.failed(file, line, e);
        }
        for (var list : samples.values()) list.sort(Comparator.comparingLong(Sample::nanos));
        return samples;
    }

    private static Sample sample(Path file, String place, String[] fields) {
        if (!fields[2].matches("\\d{1,18}"))
            throw InputException.in(file, place + ", column 3: '" + fields[2] + "' is no time in whole nanoseconds", "");
        double[] xyz = new double[3];
        for (int c = 0; c < 3; c++) xyz[c] = SourceFiles.number(file, place + ", column " + (4 + c), fields[3 + c].strip());
        return new Sample(Long.parseLong(fields[2]), xyz[0], xyz[1], xyz[2]);
    }
}
