package dev.imu2clip.data;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;

/**
 * Knows one published format of recordings, and nothing of ours: it says where a signal is, what its rate and units are and who
 * did what when. Conversion, windows, splits and writing are {@link ImportJob}'s. How to write one: docs/data.md.
 */
public interface Importer {
    /** As the command line calls it. */
    String name();

    /** What the recordings are and on what terms they may be used. */
    Source about();

    /**
     * Finds the recordings below {@code folder}; signals are read later, one at a time.
     *
     * @throws dev.imu2clip.io.InputException when the folder does not hold this format
     */
    List<Raw> recordings(Path folder);

    /** The importers that {@code imu2clip import} offers. */
    static List<Importer> all() {
        return List.of(new HaptImporter());
    }

    record Source(String title, String licence, String citation) {}

    /**
     * @param uid name in the data set, unique
     * @param subject who wore the sensor
     * @param source file name, for people
     * @param signal reads it
     */
    record Raw(String uid, String subject, String source, Supplier<Signal> signal) {}

    /**
     * @param rateHz constant sampling rate
     * @param channels accelerometer x y z, gyroscope x y z, equally long, in their own units
     * @param spans what happens when
     */
    record Signal(int rateHz, AccelUnit accelUnit, GyroUnit gyroUnit, float[][] channels, List<Span> spans) {}

    /** From {@code start} to {@code end}, in seconds of the recording, {@code text} describes it and {@code label} names its class. */
    record Span(double start, double end, String text, String label) {}

    /** Units of acceleration, gravity included. */
    enum AccelUnit {
        METRES_PER_SECOND_SQUARED(1), G(9.80665), MILLI_G(9.80665e-3);

        final double factor;

        AccelUnit(double factor) {
            this.factor = factor;
        }
    }

    /** Units of angular velocity. */
    enum GyroUnit {
        RADIANS_PER_SECOND(1), DEGREES_PER_SECOND(Math.PI / 180);

        final double factor;

        GyroUnit(double factor) {
            this.factor = factor;
        }
    }
}
