package dev.imu2clip.data.ego4d;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What a sensor's clock does, in the order of time.
 *
 * @param duplicates samples with the time of the one before
 * @param typicalMs  the median step
 * @param meanMs     the mean step
 * @param gaps       steps of more than five typical ones
 * @param gapsSec    their length together
 * @param firstGaps the first of them: where they begin and how long they last, in seconds
 */
public record ImuClock(int duplicates, @JsonProperty("typical_step_ms") double typicalMs, @JsonProperty("mean_step_ms") double meanMs,
        int gaps, @JsonProperty("gaps_sec") double gapsSec, @JsonProperty("first_gaps_sec") List<double[]> firstGaps) {
    private static final int GAP_STEPS = 5;
    private static final int LISTED = 10;
    private static final int SAMPLED = 10_000; // steps enough for a median

    /** @param times ascending, at least two, not all the same */
    static ImuClock of(double[] times) {
        int n = times.length;
        double typical = typicalStep(times);
        int duplicates = 0, gaps = 0;
        double gapsMs = 0;
        List<double[]> listed = new ArrayList<>();
        for (int i = 1; i < n; i++) {
            double step = times[i] - times[i - 1];
            if (step == 0) duplicates++;
            if (step <= GAP_STEPS * typical || typical == 0) continue;
            gaps++;
            gapsMs += step;
            if (listed.size() < LISTED) listed.add(new double[] {seconds(times[i - 1]), seconds(step)});
        }
        return new ImuClock(duplicates, typical, meanStep(times), gaps, seconds(gapsMs), listed);
    }

    private static double seconds(double ms) {
        return Math.round(ms) / 1000.0;
    }

    private static double typicalStep(double[] times) {
        int steps = times.length - 1, count = Math.min(steps, SAMPLED);
        double[] some = new double[count];
        for (int i = 0; i < count; i++) {
            int at = (int) ((long) i * steps / count);
            some[i] = times[at + 1] - times[at];
        }
        Arrays.sort(some);
        return some[count / 2];
    }

    private static double meanStep(double[] times) {
        double[] steps = new double[times.length - 1];
        for (int i = 0; i < steps.length; i++) steps[i] = times[i + 1] - times[i];
        return pairwiseSum(steps, 0, steps.length) / steps.length;
    }

    /**
     * The sum in NumPy's order. The reference cuts a rate off after the decimal point, so whether a clock of 200 Hz is one of 199 can hang
     * on the last bit of the mean.
     */
    private static double pairwiseSum(double[] x, int from, int n) {
        if (n > 128) {
            int half = n / 2 / 8 * 8;
            return pairwiseSum(x, from, half) + pairwiseSum(x, from + half, n - half);
        }
        double sum = 0;
        int i = 0;
        if (n >= 8) {
            double[] r = Arrays.copyOfRange(x, from, from + 8);
            for (i = 8; i + 8 <= n; i += 8) for (int j = 0; j < 8; j++) r[j] += x[from + i + j];
            sum = r[0] + r[1] + (r[2] + r[3]) + (r[4] + r[5] + (r[6] + r[7]));
        }
        for (; i < n; i++) sum += x[from + i];
        return sum;
    }
}
