package dev.imu2clip.data.ego4d;

import dev.imu2clip.data.DataSetInfo;

/**
 * The rate that a signal is taken to have: a fraction of small numbers, as the resampler needs it.
 *
 * <p>The reference takes the whole Hz below the measured rate. A clock of 199.99 Hz then counts as 199 Hz, is stretched by half a
 * percent, and at the end of an hour its samples stand 18 s away from the video. Here, a rate within half a percent of 200 Hz is 200 Hz
 * and the samples keep their own times; any other is the simplest fraction within half a percent of it, and the resampled signal keeps
 * its length.
 */
record ImuRate(int numerator, int denominator) {
    private static final double TOLERANCE = 0.005;
    private static final int LARGEST = 100;

    /** @param hz at least 1 */
    static ImuRate near(double hz) {
        if (Math.abs(hz - DataSetInfo.RATE_HZ) <= TOLERANCE * DataSetInfo.RATE_HZ) return new ImuRate(DataSetInfo.RATE_HZ, 1);
        for (int q = 1; q < LARGEST; q++) {
            long p = Math.round(hz * q);
            if (Math.abs((double) p / q - hz) <= TOLERANCE * hz) return new ImuRate((int) p, q);
        }
        return new ImuRate((int) Math.round(hz * LARGEST), LARGEST);
    }

    /** As the reference computes it. */
    static ImuRate reference(double meanStepMs) {
        return new ImuRate((int) (1000 * (1 / meanStepMs)), 1);
    }

    double hz() {
        return (double) numerator / denominator;
    }

    boolean isPrepared() {
        return numerator == DataSetInfo.RATE_HZ && denominator == 1;
    }
}
