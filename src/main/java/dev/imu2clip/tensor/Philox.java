package dev.imu2clip.tensor;

/**
 * Philox4x32-10, a random generator without state: ten rounds of multiplying mix a counter with a key into four 32-bit words
 * (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011). Any number of a sequence can be computed alone, so every
 * backend and every number of threads draw the same.
 *
 * <p>A sequence is named by its seed: number {@code i} is word {@code i % 4} of the block at counter {@code i / 4} under the seed as key.
 */
public final class Philox {
    private static final long MULTIPLIER_0 = 0xD2511F53L, MULTIPLIER_1 = 0xCD9E8D57L;
    private static final int WEYL_0 = 0x9E3779B9, WEYL_1 = 0xBB67AE85;
    private static final int ROUNDS = 10;

    private Philox() {}

    /** The four words for a counter of four words and a key of two. */
    public static int[] block(int c0, int c1, int c2, int c3, int k0, int k1) {
        for (int round = 0; round < ROUNDS; round++) {
            long p0 = MULTIPLIER_0 * Integer.toUnsignedLong(c0), p1 = MULTIPLIER_1 * Integer.toUnsignedLong(c2);
            c0 = (int) (p1 >>> 32) ^ c1 ^ k0;
            c2 = (int) (p0 >>> 32) ^ c3 ^ k1;
            c1 = (int) p1;
            c3 = (int) p0;
            k0 += WEYL_0;
            k1 += WEYL_1;
        }
        return new int[] {c0, c1, c2, c3};
    }

    /** The block at a 64-bit counter of a seed's sequence. */
    public static int[] block(long seed, long counter) {
        return block((int) counter, (int) (counter >>> 32), 0, 0, (int) seed, (int) (seed >>> 32));
    }

    /** 32 random bits: number {@code index} of a seed's sequence. */
    public static int bits(long seed, long index) {
        return block(seed, index >>> 2)[(int) (index & 3)];
    }

    /** Uniform in [0, 1), a multiple of 2^-24: exact in float32 too. */
    public static double uniform(long seed, long index) {
        return (bits(seed, index) >>> 8) * 0x1p-24;
    }

    /**
     * Normally distributed with mean 0 and variance 1 (Box and Muller 1958): numbers 2k and 2k + 1 come from words 2k and 2k + 1.
     * The same on every machine.
     */
    public static double normal(long seed, long index) {
        int[] words = block(seed, index >>> 2);
        int pair = (int) (index & 2);
        // (0, 1], so that the logarithm is finite.
        double radius = Math.sqrt(-2 * StrictMath.log((Integer.toUnsignedLong(words[pair]) + 1) * 0x1p-32));
        double angle = 2 * Math.PI * (Integer.toUnsignedLong(words[pair + 1]) * 0x1p-32);
        return radius * ((index & 1) == 0 ? StrictMath.cos(angle) : StrictMath.sin(angle));
    }
}
