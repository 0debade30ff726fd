package dev.imu2clip.data.check;

import java.math.BigDecimal;
import java.math.MathContext;

/** Numbers for people: six digits at most, and never a 1.0E-5 where 0.00001 will do. */
final class Numbers {
    private static final MathContext DIGITS = new MathContext(6);

    private Numbers() {}

    static double round(double value) {
        if (Math.abs(value) < 1e-9) return 0; // the rounding of what should be nothing
        return Double.isFinite(value) ? new BigDecimal(value).round(value >= 1e5 ? new MathContext(9) : DIGITS).doubleValue() : value;
    }

    static String of(double value) {
        if (!Double.isFinite(value)) return String.valueOf(value);
        BigDecimal rounded = new BigDecimal(value).round(new MathContext(4));
        return rounded.signum() == 0 ? "0" : rounded.stripTrailingZeros().toPlainString();
    }

    static double[] rounded(double[] values) {
        double[] result = new double[values.length];
        for (int i = 0; i < values.length; i++) result[i] = round(values[i]);
        return result;
    }
}
