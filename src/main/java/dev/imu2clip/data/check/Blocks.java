package dev.imu2clip.data.check;

import java.util.stream.IntStream;

/**
 * A signal in stretches of a fifth of a second: means of the six channels, and how much the accelerometer's vary within. Steps are
 * averaged out in it, turns of the body are not. Blocks with a value that is not finite are NaN.
 */
record Blocks(double seconds, double[][] means, double[] spread) {
    private static final double SECONDS = 0.2;
    private static final double CALM_SHARE = 0.1;
    private static final int CALM_LEAST = 10;

    static Blocks of(Signals signals, double rateHz) {
        int size = (int) Math.max(3, Math.round(rateHz * SECONDS));
        int count = signals.samples / size;
        double[][] means = new double[count][Signals.CHANNELS];
        double[] spread = new double[count];
        for (int b = 0; b < count; b++) {
            for (int c = 0; c < Signals.CHANNELS; c++) {
                double sum = 0, squares = 0, origin = signals.at(c, b * size);
                for (int i = 0; i < size; i++) {
                    double v = signals.at(c, b * size + i) - origin;
                    sum += v;
                    squares += v * v;
                }
                means[b][c] = origin + sum / size;
                if (c < 3) spread[b] += Math.max(0, squares / size - sum / size * (sum / size));
            }
            spread[b] = Math.sqrt(spread[b]);
        }
        return new Blocks(size / rateHz, means, spread);
    }

    /** The calmest tenth, ten at least where there are so many. */
    int[] calm() {
        int[] order = IntStream.range(0, means.length).filter(b -> Double.isFinite(spread[b])).boxed()
                .sorted((a, b) -> Double.compare(spread[a], spread[b])).mapToInt(b -> b).toArray();
        int wanted = Math.min(order.length, Math.max(CALM_LEAST, (int) (CALM_SHARE * order.length)));
        return IntStream.of(order).limit(wanted).toArray();
    }

    /** Length of the accelerometer's (channel 0) or the gyroscope's (3) vector. */
    double length(int block, int channel) {
        double[] m = means[block];
        return Math.sqrt(m[channel] * m[channel] + m[channel + 1] * m[channel + 1] + m[channel + 2] * m[channel + 2]);
    }
}
