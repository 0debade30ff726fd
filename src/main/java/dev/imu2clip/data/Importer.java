package dev.imu2clip.data;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * Knows one published format of recordings, and nothing of ours: it says where a signal is, what its rate and units are and who
 * did what when. Checks, conversion, windows, splits and writing are {@link ImportJob}'s. The importers themselves are in
 * {@code data.formats}, which knows this package and is not known to it. How to write one: docs/importers.md.
 */
public interface Importer {
    /** As the command line calls it. */
    String name();

    /** What the recordings are and on what terms they may be used. */
    Source about();

    /** What was chosen beside the format; {@code dataset.json} records it. */
    default Map<String, Object> settings() {
        return Map.of();
    }

    /**
     * Finds the recordings in {@code source}, a folder or a file; signals are read later, one file at a time.
     *
     * @throws dev.imu2clip.io.InputException when {@code source} does not hold this format
     */
    List<Raw> recordings(Path source);

    record Source(String title, String licence, String citation) {}

    /**
     * A file, or files that are read together.
     *
     * @param source file name, for people
     * @param read the recordings in it: several where a file holds several people or sensors, or where samples are missing for long
     */
    record Raw(String source, Supplier<List<Signal>> read) {}

    /**
     * An unbroken recording.
     *
     * @param uid name in the data set, unique
     * @param subject who wore the sensor
     * @param rateHz constant sampling rate, with at most two decimals
     * @param channels accelerometer x y z, gyroscope x y z, equally long, in their own units
     * @param spans what happens when; only what lies in a span becomes windows
     * @param notes what people should know of it, such as how many samples were missing
     * @param video a film that begins with the signal
     */
    record Signal(String uid, String subject, double rateHz, AccelUnit accelUnit, GyroUnit gyroUnit, float[][] channels,
            List<Span> spans, List<String> notes, Optional<Path> video) {
        public Signal(String uid, String subject, double rateHz, AccelUnit accelUnit, GyroUnit gyroUnit, float[][] channels,
                List<Span> spans) {
            this(uid, subject, rateHz, accelUnit, gyroUnit, channels, spans, List.of(), Optional.empty());
        }
    }

    /** From {@code start} to {@code end}, in seconds of the recording, {@code text} describes it and {@code label} names its class. */
    record Span(double start, double end, String text, String label) {
        /** All of {@code samples} at {@code rateHz}, with neither text nor label. */
        public static Span unlabelled(int samples, double rateHz) {
            return new Span(0, (samples - 1) / rateHz, "", "");
        }
    }

    /** Units of acceleration, gravity included. */
    enum AccelUnit {
        METRES_PER_SECOND_SQUARED("m/s^2", 1), G("g", 9.80665), MILLI_G("mg", 9.80665e-3);

        public final String symbol;
        final double factor;

        AccelUnit(String symbol, double factor) {
            this.symbol = symbol;
            this.factor = factor;
        }
    }

    /** Units of angular velocity. */
    enum GyroUnit {
        RADIANS_PER_SECOND("rad/s", 1), DEGREES_PER_SECOND("deg/s", Math.PI / 180);

        public final String symbol;
        final double factor;

        GyroUnit(String symbol, double factor) {
            this.symbol = symbol;
            this.factor = factor;
        }
    }
}
