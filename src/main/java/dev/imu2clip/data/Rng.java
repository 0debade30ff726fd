package dev.imu2clip.data;

/**
 * SplitMix64 (Steele, Lea and Flood, 2014): a small generator whose stream is written down here, so that a seed means the same
 * data and the same order on every machine and every JDK.
 */
public final class Rng {
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;
    private long state;

    /** Streams with different keys are independent: {@code new Rng(seed, epoch)}. */
    public Rng(long... keys) {
        for (long key : keys) state = mix(state + GOLDEN + mix(key + GOLDEN));
    }

    static long mix(long z) {
        z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        return z ^ z >>> 31;
    }

    public long nextLong() {
        return mix(state += GOLDEN);
    }

    /** Uniform in [0, 1). */
    public double uniform() {
        return (nextLong() >>> 11) * 0x1.0p-53;
    }

    public double uniform(double low, double high) {
        return low + (high - low) * uniform();
    }

    /** Uniform in 0 .. bound-1 (multiply-shift; its bias is below 2^-32 for every bound used here). */
    public int below(int bound) {
        return (int) Math.multiplyHigh(nextLong() >>> 1, (long) bound << 1);
    }

    /** Standard normal: the sum of twelve uniforms, 0 mean and variance 1, cut off at 6; no transcendental, so the same bits everywhere. */
    public double normal() {
        double sum = -6;
        for (int i = 0; i < 12; i++) sum += uniform();
        return sum;
    }

    /** Fisher-Yates over {@code values}. */
    public void shuffle(int[] values) {
        for (int i = values.length - 1; i > 0; i--) {
            int j = below(i + 1);
            int swap = values[i];
            values[i] = values[j];
            values[j] = swap;
        }
    }

    /** A permutation of 0 .. n-1. */
    public int[] permutation(int n) {
        int[] order = new int[n];
        for (int i = 0; i < n; i++) order[i] = i;
        shuffle(order);
        return order;
    }
}
