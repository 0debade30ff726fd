package dev.imu2clip.data.ego4d;

/** Puts samples into the order of their times; those of one time stay in theirs. */
final class TimeOrder {
    private TimeOrder() {}

    /** Samples that are earlier than the one before. */
    static int disordered(double[] times) {
        int count = 0;
        for (int i = 1; i < times.length; i++) if (times[i] < times[i - 1]) count++;
        return count;
    }

    /** The samples' numbers in the order of their times: merge sort, from runs of one sample upwards. */
    static int[] of(double[] times) {
        int n = times.length;
        int[] order = new int[n], next = new int[n];
        for (int i = 0; i < n; i++) order[i] = i;
        for (long run = 1; run < n; run *= 2) {
            for (long from = 0; from < n; from += 2 * run) {
                int middle = (int) Math.min(n, from + run), to = (int) Math.min(n, from + 2 * run);
                merge(times, order, next, (int) from, middle, to);
            }
            int[] swap = order;
            order = next;
            next = swap;
        }
        return order;
    }

    private static void merge(double[] times, int[] order, int[] next, int from, int middle, int to) {
        if (middle == to || times[order[middle - 1]] <= times[order[middle]]) { // the usual case: nearly all is in order
            System.arraycopy(order, from, next, from, to - from);
            return;
        }
        for (int a = from, b = middle, at = from; at < to; at++)
            next[at] = b == to || a < middle && times[order[a]] <= times[order[b]] ? order[a++] : order[b++];
    }

    static double[] apply(int[] order, double[] values) {
        double[] result = new double[order.length];
        for (int i = 0; i < order.length; i++) result[i] = values[order[i]];
        return result;
    }

    static float[] apply(int[] order, float[] values) {
        float[] result = new float[order.length];
        for (int i = 0; i < order.length; i++) result[i] = values[order[i]];
        return result;
    }
}
