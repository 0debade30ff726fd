package dev.imu2clip.data.check;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Whether the two sensors tell of the same turning: in a sensor's own axes gravity a changes by da/dt = a x w. All 48 orders and signs of
 * the gyroscope's axes are tried; what nobody turned about, the motion does not tell.
 *
 * @param correlation of gravity's change with what the gyroscope, as it is, says of it
 * @param factor how many times too fast the gyroscope turns: 1 in rad/s, 57 in deg/s
 * @param bestAxes order and signs with the highest correlation, and how high it is; the given ones where several are as good
 */
record Turning(double correlation, double factor, @JsonProperty("best_axes") String bestAxes,
        @JsonProperty("best_correlation") double bestCorrelation) {
    private static final int ENOUGH = 100; // fifths of a second: the best of 48 fits a few by chance
    private static final double AS_GOOD = 0.02;
    private static final int[][] ORDERS = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    /**
     * Null when there is too little to compare.
     *
     * @param gravity the accelerometer's length at rest; where its length is another, it feels more than gravity
     */
    static Turning of(Blocks blocks, double gravity) {
        List<double[]> rows = new ArrayList<>(); // a, da/dt, w
        for (int b = 1; b + 1 < blocks.means().length; b++) {
            boolean alone = true;
            for (int near = b - 1; near <= b + 1; near++) alone &= Math.abs(blocks.length(near, 0) / gravity - 1) < Bounds.GRAVITY_ALONE;
            if (!alone) continue;
            double[] row = new double[9];
            double sum = 0;
            for (int c = 0; c < 3; c++) {
                row[c] = blocks.means()[b][c];
                row[3 + c] = (blocks.means()[b + 1][c] - blocks.means()[b - 1][c]) / (2 * blocks.seconds());
                row[6 + c] = blocks.means()[b][3 + c];
            }
            for (double v : row) sum += v;
            if (Double.isFinite(sum)) rows.add(row);
        }
        if (rows.size() < ENOUGH) return null;
        double[] given = fit(rows, ORDERS[0], 0);
        double best = given[0];
        String axes = "x y z";
        for (int[] order : ORDERS) {
            for (int signs = 0; signs < 8; signs++) {
                double correlation = fit(rows, order, signs)[0];
                if (correlation <= best + AS_GOOD) continue;
                best = correlation;
                axes = name(order, signs);
            }
        }
        return new Turning(Numbers.round(given[0]), Numbers.round(given[1]), axes, Numbers.round(best));
    }

    private static String name(int[] order, int signs) {
        StringBuilder text = new StringBuilder();
        for (int c = 0; c < 3; c++) text.append(c == 0 ? "" : " ").append((signs >> c & 1) == 1 ? "-" : "").append("xyz".charAt(order[c]));
        return text.toString();
    }

    /** {correlation, factor} */
    private static double[] fit(List<double[]> rows, int[] order, int signs) {
        double both = 0, seen = 0, told = 0;
        double[] w = new double[3];
        for (double[] row : rows) {
            for (int c = 0; c < 3; c++) w[c] = (signs >> c & 1) == 1 ? -row[6 + order[c]] : row[6 + order[c]];
            double x = row[1] * w[2] - row[2] * w[1];
            double y = row[2] * w[0] - row[0] * w[2];
            double z = row[0] * w[1] - row[1] * w[0];
            both += row[3] * x + row[4] * y + row[5] * z;
            seen += row[3] * row[3] + row[4] * row[4] + row[5] * row[5];
            told += x * x + y * y + z * z;
        }
        double norm = Math.sqrt(seen * told);
        return norm > 0 ? new double[] {both / norm, told / both} : new double[] {0, 1};
    }

    /**
     * Whether the unit can be rad/s. @param turning null where it is not known; @param fastest rad/s exceeded for a hundredth of the time
     */
    static void judgeUnit(Turning turning, double fastest, List<Finding> findings) {
        boolean sure = turning != null && turning.correlation >= Bounds.SURE_TURN;
        if (sure && turning.factor > Bounds.TURN_FACTOR) {
            findings.add(Finding.bad("gyro-unit", String.format(Locale.ROOT, "The gyroscope turns %.3g times as fast as gravity does: "
                    + "the unit is probably deg/s, expected rad/s", turning.factor)));
        } else if (sure && turning.factor < 1 / Bounds.TURN_FACTOR) {
            findings.add(Finding.bad("gyro-unit", String.format(Locale.ROOT,
                    "Gravity turns %.3g times as fast as the gyroscope says; expected rad/s", 1 / turning.factor)));
        } else if (fastest > Bounds.FAST_TURN) {
            findings.add(Finding.warning("gyro-fast", "It turns at more than " + Numbers.of(fastest)
                    + " rad/s for a hundredth of the time: is the unit deg/s?"));
        }
    }

    void judgeAxes(List<Finding> findings) {
        if (bestCorrelation < Bounds.SURE_AXES || correlation >= Bounds.AXES_SHARE * bestCorrelation) return;
        findings.add(Finding.warning("axes", String.format(Locale.ROOT,
                "Gravity turns otherwise than the gyroscope says (correlation %.2f); "
                + "it would agree if the gyroscope's axes were (%s) (%.2f)", correlation, bestAxes, bestCorrelation)));
    }
}
