package dev.imu2clip.data.ego4d;

import java.math.BigInteger;

/**
 * Doubles from decimal numbers, correctly rounded: m * 10^q for an m of up to 19 digits. Exact operations where m and the power of ten are
 * both doubles (Clinger 1990), else the product with a 128-bit power (Lemire, Number parsing at a gigabyte per second, 2021).
 */
final class Decimal {
    static final int MIN_EXPONENT = -60;
    /** Below the range of float: what is decided here is a finite float too. */
    static final int MAX_EXPONENT = 18;

    private static final long EXACT = 1L << 53;
    private static final double[] POWERS = new double[23];
    /** 10^q without its power of two: the upper and the lower 64 bits of a number in [2^127, 2^128). */
    private static final long[] HIGH = new long[MAX_EXPONENT - MIN_EXPONENT + 1];
    private static final long[] LOW = new long[HIGH.length];

    static {
        POWERS[0] = 1;
        for (int i = 1; i < POWERS.length; i++) POWERS[i] = POWERS[i - 1] * 10; // exact up to 10^22
        for (int q = MIN_EXPONENT; q <= MAX_EXPONENT; q++) {
            BigInteger power = BigInteger.valueOf(5).pow(Math.abs(q));
            // A reciprocal is rounded up, as the proof of the method asks; these positive powers fit into 128 bits.
            BigInteger bits = q >= 0 ? power.shiftLeft(128 - power.bitLength())
                    : BigInteger.ONE.shiftLeft(power.bitLength() + 127).divide(power).add(BigInteger.ONE);
            HIGH[q - MIN_EXPONENT] = bits.shiftRight(64).longValue();
            LOW[q - MIN_EXPONENT] = bits.longValue();
        }
    }

    private Decimal() {}

    /** m * 10^q for an unsigned m, or NaN where {@link Double#parseDouble} has to decide. */
    static double of(long m, int q) {
        if (m >= 0 && m <= EXACT && q >= -22 && q <= 22) return q < 0 ? m / POWERS[-q] : m * POWERS[q];
        if (m == 0) return 0;
        return q < MIN_EXPONENT || q > MAX_EXPONENT ? Double.NaN : product(m, q);
    }

    private static double product(long m, int q) {
        int shift = Long.numberOfLeadingZeros(m);
        long w = m << shift;
        long power = HIGH[q - MIN_EXPONENT];
        long low = w * power;
        long high = Math.unsignedMultiplyHigh(w, power);
        if ((high & 0x1FF) == 0x1FF) { // the rest of the power could carry into the 55 bits that count
            long rest = Math.unsignedMultiplyHigh(w, LOW[q - MIN_EXPONENT]);
            low += rest;
            if (Long.compareUnsigned(low, rest) < 0) high++;
        }
        if (low == -1 && q < -27) return Double.NaN; // what was cut off could carry
        int upper = (int) (high >>> 63);
        long mantissa = high >>> upper + 9;
        int exponent = (217706 * q >> 16) + 63 + upper - shift + 1023; // 217706 / 2^16 is log2(10)
        // Half way between two doubles, which takes a 5^q that fits: to the even one.
        if (Long.compareUnsigned(low, 1) <= 0 && q >= -4 && (mantissa & 3) == 1 && mantissa << upper + 9 == high) mantissa &= ~1L;
        mantissa = mantissa + (mantissa & 1) >>> 1;
        if (mantissa == EXACT) {
            mantissa >>>= 1;
            exponent++;
        }
        return Double.longBitsToDouble((long) exponent << 52 | mantissa & (1L << 52) - 1); // q keeps the exponent in its range
    }
}
