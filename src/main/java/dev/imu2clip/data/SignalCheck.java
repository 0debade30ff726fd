package dev.imu2clip.data;

import dev.imu2clip.io.InputException;
import java.util.Arrays;
import java.util.Locale;

/**
 * Whether a signal can be in the units it is said to be in. What the two sensors feel tells: at rest the accelerometer's length is
 * 9.8 m/s², no wearable gyroscope measures more than 4000 deg/s, and while gravity a turns in the sensor's frame, da/dt = -w x a.
 */
final class SignalCheck {
    private static final double LEAST_GRAVITY = 5;
    private static final double MOST_GRAVITY = 20;
    private static final double FASTEST = Math.toRadians(4000);
    private static final double SMOOTHING_SEC = 0.2;
    private static final double SURE = 0.5;
    private static final int ENOUGH = 20;

    private SignalCheck() {}

    /**
     * @param source file, for the message
     * @param si channels in m/s² and rad/s
     * @throws InputException that proposes the likely unit
     */
    static void check(String source, Importer.Signal signal, float[][] si) {
        int n = si[0].length;
        for (float[] channel : si) if (channel.length != n) throw new IllegalArgumentException(source + ": channels of different lengths");
        checkAcceleration(source, signal.accelUnit(), si);
        double fastest = 0;
        for (int i = 0; i < n; i++) fastest = Math.max(fastest, length(si, 3, i));
        double turning = turning(si, signal.rateHz());
        boolean degrees = signal.gyroUnit() == Importer.GyroUnit.DEGREES_PER_SECOND;
        if (fastest > FASTEST || !degrees && turning < 0.1)
            throw wrong(source, "the gyroscope", signal.gyroUnit().symbol, String.format(Locale.ROOT, fastest > FASTEST
                    ? "it would turn at %.0f rad/s, faster than any sensor measures" : "the turns it tells of (up to %.1f rad/s) are many "
                    + "times those that gravity shows", fastest), degrees ? "" : "deg/s");
        if (degrees && turning > 10)
            throw wrong(source, "the gyroscope", "deg/s", "gravity turns many times as fast as it says", "rad/s");
    }

    private static void checkAcceleration(String source, Importer.AccelUnit unit, float[][] si) {
        double[] lengths = new double[si[0].length];
        for (int i = 0; i < lengths.length; i++) lengths[i] = length(si, 0, i);
        Arrays.sort(lengths);
        double median = lengths.length == 0 ? Double.NaN : lengths[lengths.length / 2];
        if (median >= LEAST_GRAVITY && median <= MOST_GRAVITY) return;
        String proposal = "";
        for (var other : Importer.AccelUnit.values()) {
            double converted = median / unit.factor * other.factor;
            if (converted >= LEAST_GRAVITY && converted <= MOST_GRAVITY) proposal = other.symbol;
        }
        String missing = proposal.isEmpty() && median < LEAST_GRAVITY ? "; gravity may have been removed, and it is needed" : "";
        throw wrong(source, "the accelerometer", unit.symbol,
                String.format(Locale.ROOT, "its median length would be %.3g m/s^2, expected about 9.8%s", median, missing), proposal);
    }

    private static InputException wrong(String source, String sensor, String unit, String why, String proposal) {
        return new InputException(source + ": " + sensor + " cannot be in " + unit + ": " + why + ". "
                + (proposal.isEmpty() ? "Check the columns and the unit" : "The unit is probably " + proposal));
    }

    private static double length(float[][] signal, int first, int i) {
        double x = signal[first][i];
        double y = signal[first + 1][i];
        double z = signal[first + 2][i];
        return Math.sqrt(x * x + y * y + z * z);
    }

    /** How many times the gyroscope's turns gravity's are, by least squares; 1 where the motion does not tell. */
    private static double turning(float[][] si, double rateHz) {
        int step = Math.max(3, (int) Math.round(rateHz * SMOOTHING_SEC));
        int blocks = si[0].length / step;
        double[][] mean = new double[blocks][6];
        for (int b = 0; b < blocks; b++)
            for (int c = 0; c < 6; c++) for (int i = 0; i < step; i++) mean[b][c] += si[c][b * step + i] / step;
        double both = 0;
        double seen = 0;
        double expected = 0;
        for (int b = 1; b + 1 < blocks; b++) {
            double[] m = mean[b];
            double[] turn = {m[5] * m[1] - m[4] * m[2], m[3] * m[2] - m[5] * m[0], m[4] * m[0] - m[3] * m[1]}; // a x w
            for (int c = 0; c < 3; c++) {
                double change = (mean[b + 1][c] - mean[b - 1][c]) * rateHz / (2 * step);
                both += change * turn[c];
                seen += change * change;
                expected += turn[c] * turn[c];
            }
        }
        return blocks < ENOUGH || !(both > SURE * Math.sqrt(seen * expected)) ? 1 : both / expected;
    }
}
