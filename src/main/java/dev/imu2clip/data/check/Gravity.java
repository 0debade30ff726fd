package dev.imu2clip.data.check;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * What the sensors feel at rest, or in the calmest part of a recording that has none: an accelerometer in m/s² has the length 9.8.
 *
 * @param rest whether there is real rest: the accelerometer varies by less than a twentieth of its length
 * @param length median length of the accelerometer's vector, {@code mean} its mean, {@code axis} the one that has most of it
 * @param gyroLength median length of the gyroscope's vector
 */
record Gravity(boolean rest, double length, @JsonProperty("mean_vector") double[] mean, String axis,
        @JsonProperty("gyro_length") double gyroLength) {
    private static final double REST = 0.05;

    /** Null when there is nothing to look at. */
    static Gravity of(Blocks blocks) {
        int[] calm = blocks.calm();
        if (calm.length == 0) return null;
        double[] mean = new double[3];
        for (int b : calm) for (int c = 0; c < 3; c++) mean[c] += blocks.means()[b][c] / calm.length;
        double length = median(Arrays.stream(calm).mapToDouble(b -> blocks.length(b, 0)).toArray());
        double spread = median(Arrays.stream(calm).mapToDouble(b -> blocks.spread()[b]).toArray());
        double gyro = median(Arrays.stream(calm).mapToDouble(b -> blocks.length(b, 3)).toArray());
        int most = 0;
        for (int c = 1; c < 3; c++) if (Math.abs(mean[c]) > Math.abs(mean[most])) most = c;
        return new Gravity(spread < REST * length, Numbers.round(length), Numbers.rounded(mean), (mean[most] < 0 ? "-" : "+")
                + "xyz".charAt(most),
                Numbers.round(gyro));
    }

    private static double median(double[] values) {
        Arrays.sort(values);
        return values[values.length / 2];
    }

    /** Whether the gyroscope's channels hold what an accelerometer feels, and the accelerometer's do not. */
    boolean swapped() {
        return isGravity(gyroLength) && length < Bounds.LEAST_ACCEL / 2 || isG(gyroLength) && length < Bounds.LEAST_G / 2;
    }

    private static boolean isGravity(double length) {
        return length >= Bounds.LEAST_ACCEL && length <= Bounds.MOST_ACCEL;
    }

    private static boolean isG(double length) {
        return length >= Bounds.LEAST_G && length <= Bounds.MOST_G;
    }

    void judge(List<Finding> findings) {
        String felt = String.format(Locale.ROOT, "%s the accelerometer's length is %.3g", rest ? "At rest" : "Where it is calmest", length);
        if (swapped()) {
            findings.add(Finding.bad("sensors-swapped", felt + " and the gyroscope's " + Numbers.of(gyroLength)
                    + ": the two are probably exchanged. Order: accelerometer x y z, gyroscope x y z"));
        } else if (isG(length)) {
            findings.add(Finding.bad("accel-unit", felt + ", expected 9.8 m/s²: the unit is probably g"));
        } else if (length < Bounds.NO_GRAVITY) {
            findings.add(Finding.bad("no-gravity", felt + " m/s², expected 9.8: gravity was probably removed, and it is needed"));
        } else if (!isGravity(length)) {
            findings.add(Finding.bad("accel-unit", felt + ", expected 9.8 m/s²: the unit is probably "
                    + (length > 700 ? "mg" : "another, or a channel is missing")));
        } else if (rest && (length < Bounds.LEAST_GRAVITY || length > Bounds.MOST_GRAVITY)) {
            findings.add(Finding.warning("gravity", felt + " m/s², expected 9.8: its scale is off"));
        }
    }
}
