package dev.imu2clip.data.formats;

import dev.imu2clip.data.Importer;
import dev.imu2clip.data.formats.SensorJoin.Sensor;
import dev.imu2clip.io.InputException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Films of GoPro cameras: accelerometer and gyroscope out of the file's telemetry track, and the film itself. Sample i of the n in a
 * payload was taken at the payload's start + i/n of its duration. Places (GPS) and all other streams are left where they are.
 */
final class GoProImporter implements Importer {
    private static final double MAX_GAP_SEC = 0.1;
    private static final double START_SEC = 0.05; // half a frame of a prepared film
    private static final Pattern FILE = Pattern.compile("(?i).*\\.(mp4|mov|360)");
    /** Long recordings come in chapters, GX010042.MP4, GX020042.MP4, ...: two digits for the chapter and four for the recording. */
    private static final Pattern CHAPTER = Pattern.compile("G[A-Z]\\d\\d(\\d{4})");

    @Override
    public String name() {
        return "gopro";
    }

    @Override
    public Source about() {
        return new Source("Films of GoPro cameras", "as their owners say; places (GPS) are not imported", "");
    }

    @Override
    public List<Raw> recordings(Path source) {
        List<Path> files = SourceFiles.matching(source, FILE);
        if (files.isEmpty()) throw InputException.in(source, "has no .mp4, .mov or .360 file", "Give a GoPro film or a folder of them");
        return files.stream().map(file -> new Raw(file.getFileName().toString(), () -> read(file))).toList();
    }

    private static List<Signal> read(Path file) {
        Motion motion = Motion.of(file);
        String name = SourceFiles.uid(SourceFiles.baseName(file));
        Matcher chapter = CHAPTER.matcher(name);
        // The file does not say who wears the camera: each recording counts as one person, so that no split shares one.
        Track track = new Track("gopro_" + name, chapter.matches() ? "recording" + chapter.group(1) : name,
                AccelUnit.METRES_PER_SECOND_SQUARED, GyroUnit.RADIANS_PER_SECOND, false);
        SensorJoin.add(track, "", "", motion.accel, motion.gyro, MAX_GAP_SEC);
        List<Signal> signals = EvenClock.MEASURED.signals(track, file.toString());
        if (signals.isEmpty()) throw InputException.in(file, "has less than a second of motion", "It cannot be used");
        boolean together = signals.size() == 1 && Math.max(motion.accel.seconds()[0], motion.gyro.seconds()[0]) < START_SEC;
        Optional<Path> video = motion.video && together ? Optional.of(file) : Optional.empty();
        return signals.stream().map(s -> new Signal(s.uid(), s.subject(), s.rateHz(), s.accelUnit(), s.gyroUnit(), s.channels(), s.spans(),
                motion.notes(s.notes(), together), video)).toList();
    }

    /**
     * Both sensors as the file has them, each with its own clock.
     *
     * @param oriented whether the file names the axes
     * @param video whether it has a film
     */
    record Motion(Sensor accel, Sensor gyro, boolean oriented, boolean video) {
        private record Part(double start, double duration, Gpmf stream) {}

        static Motion of(Path file) {
            List<Part> accel = new ArrayList<>();
            List<Part> gyro = new ArrayList<>();
            boolean video = Mp4Telemetry.read(file, payload -> {
                String place = file + ": telemetry payload " + payload.number();
                Gpmf.find(payload.data(), "ACCL", place).ifPresent(s -> accel.add(new Part(payload.start(), payload.duration(), s)));
                Gpmf.find(payload.data(), "GYRO", place).ifPresent(s -> gyro.add(new Part(payload.start(), payload.duration(), s)));
            });
            boolean oriented = Stream.concat(accel.stream(), gyro.stream()).allMatch(part -> part.stream.oriented());
            return new Motion(sensor(file, accel, "ACCL", "m/s\u00B2"), sensor(file, gyro, "GYRO", "rad/s"), oriented, video);
        }

        private static Sensor sensor(Path file, List<Part> parts, String key, String unit) {
            int count = parts.stream().mapToInt(part -> part.stream.samples()[0].length).sum();
            if (count == 0)
                throw InputException.in(file, "has telemetry without " + key, "The camera did not record its motion; it cannot be used");
            double[] seconds = new double[count];
            double[][] xyz = new double[3][count];
            int at = 0;
            for (Part part : parts) {
                if (!part.stream.unit().isEmpty() && !part.stream.unit().equals(unit))
                    throw InputException.in(file, key + " is in '" + part.stream.unit() + "', expected " + unit, "");
                double[][] samples = part.stream.samples();
                int n = samples[0].length;
                for (int i = 0; i < n; i++) seconds[at + i] = part.start + i * part.duration / n;
                for (int c = 0; c < 3; c++) System.arraycopy(samples[c], 0, xyz[c], at, n);
                at += n;
            }
            return new Sensor(seconds, xyz);
        }

        private List<String> notes(List<String> notes, boolean together) {
            List<String> all = new ArrayList<>(notes);
            if (video && !together) all.add("the film was left out: it does not begin with the recording");
            if (!oriented) all.add("the file does not name its axes (ORIN), taken as Z X Y");
            return all;
        }
    }
}
