package dev.imu2clip.media;

import java.util.Arrays;

/**
 * Pillow's antialiased bicubic resize (Keys, a = -0.5), of which only a window of the result is computed. Each axis has for every result a
 * span of the source and 22-bit fixed-point weights; rows come first, are rounded to 8 bits, then columns: equal to Pillow to the bit.
 */
final class Bicubic {
    private static final int PRECISION = 22;
    private static final int HALF = 1 << PRECISION - 1;
    private static final double A = -0.5;
    private static final double SUPPORT = 2;

    private Bicubic() {}

    /** The {@code size} x {@code size} window at (left, top) of {@code image} resized to {@code width} x {@code height}. */
    static Image window(Image image, long width, long height, long left, long top, int size) {
        Axis across = Axis.of(image.width(), width, left, size);
        Axis down = Axis.of(image.height(), height, top, size);
        int firstRow = down.first[0];
        int rows = down.first[size - 1] + down.count[size - 1] - firstRow;
        int[] narrow = new int[rows * size * 3];
        for (int y = 0; y < rows; y++) row(image, firstRow + y, across, narrow, y * size * 3);
        byte[] out = new byte[size * size * 3];
        int[] sum = new int[size * 3];
        for (int y = 0; y < size; y++) column(narrow, down, y, firstRow, sum, out);
        return new Image(size, size, out);
    }

    private static void row(Image image, int y, Axis axis, int[] out, int to) {
        byte[] in = image.rgb();
        int start = y * image.width() * 3;
        for (int x = 0; x < axis.first.length; x++, to += 3) {
            int r = HALF;
            int g = HALF;
            int b = HALF;
            int at = start + axis.first[x] * 3;
            for (int k = x * axis.taps, end = k + axis.count[x]; k < end; k++, at += 3) {
                int weight = axis.weights[k];
                r += weight * (in[at] & 0xff);
                g += weight * (in[at + 1] & 0xff);
                b += weight * (in[at + 2] & 0xff);
            }
            out[to] = clip(r);
            out[to + 1] = clip(g);
            out[to + 2] = clip(b);
        }
    }

    private static void column(int[] in, Axis axis, int y, int firstRow, int[] sum, byte[] out) {
        int n = sum.length;
        Arrays.fill(sum, HALF);
        for (int k = 0; k < axis.count[y]; k++) add(sum, in, (axis.first[y] - firstRow + k) * n, axis.weights[y * axis.taps + k]);
        for (int i = 0; i < n; i++) out[y * n + i] = (byte) clip(sum[i]);
    }

    private static void add(int[] sum, int[] in, int from, int weight) {
        for (int i = 0; i < sum.length; i++) sum[i] += in[from + i] * weight;
    }

    private static int clip(int sum) {
        return Math.clamp(sum >> PRECISION, 0, 255);
    }

    /** Of each of some neighbouring results: the first source index, the count of sources and their weights ({@code taps} apart). */
    private record Axis(int taps, int[] first, int[] count, int[] weights) {
        static Axis of(int in, long out, long from, int results) {
            double scale = (double) in / out;
            double stretch = Math.max(scale, 1);
            double support = SUPPORT * stretch;
            int taps = (int) Math.ceil(support) * 2 + 1;
            Axis axis = new Axis(taps, new int[results], new int[results], new int[Math.multiplyExact(results, taps)]);
            double[] w = new double[taps];
            for (int i = 0; i < results; i++) {
                if (in == out) {
                    axis.first[i] = (int) from + i;
                    axis.count[i] = 1;
                    axis.weights[i * taps] = 1 << PRECISION;
                    continue;
                }
                double centre = (from + i + 0.5) * scale;
                int first = Math.max(0, (int) (centre - support + 0.5));
                int count = Math.min(in, (int) (centre + support + 0.5)) - first;
                double total = 0;
                for (int k = 0; k < count; k++) {
                    w[k] = keys((k + first - centre + 0.5) * (1 / stretch));
                    total += w[k];
                }
                axis.first[i] = first;
                axis.count[i] = count;
                for (int k = 0; k < count; k++) axis.weights[i * taps + k] = fixed(total == 0 ? w[k] : w[k] / total);
            }
            return axis;
        }

        private static int fixed(double weight) {
            return (int) (weight * (1 << PRECISION) + (weight < 0 ? -0.5 : 0.5));
        }

        private static double keys(double x) {
            x = Math.abs(x);
            if (x < 1) return ((A + 2) * x - (A + 3)) * x * x + 1;
            return x < 2 ? (((x - 5) * x + 8) * x - 4) * A : 0;
        }
    }
}
