package dev.imu2clip.data.check;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * What a clock does from sample to sample.
 *
 * @param rateHz by the mean of the steps that are neither gaps nor backwards
 * @param jitterMs half of the range from the 5th to the 95th percentile of the steps
 * @param backwards steps back, {@code repeats} steps of no time, {@code gaps} and {@code jumps} long ones: {@link Bounds}
 * @param places the first of all these: when, and how long
 * @param histogram counts of steps from {@code histogramFromMs} on, in bins of {@code histogramBinMs}
 */
record ClockCheck(int samples, @JsonProperty("first_sec") double firstSec, @JsonProperty("last_sec") double lastSec,
        @JsonProperty("rate_hz") double rateHz, @JsonProperty("median_step_ms") double medianMs,
        @JsonProperty("mean_step_ms") double meanMs, @JsonProperty("least_step_ms") double leastMs,
        @JsonProperty("largest_step_ms") double largestMs, @JsonProperty("jitter_ms") double jitterMs, int backwards, int repeats,
        int gaps, @JsonProperty("gaps_sec") double gapsSec, int jumps, @JsonProperty("not_finite") int notFinite,
        List<Place> places, @JsonIgnore int[] histogram, @JsonIgnore double histogramFromMs, @JsonIgnore double histogramBinMs) {
    private static final int LISTED = 20;
    private static final int BINS = 61;

    /** @param what {@code backwards}, {@code gap} or {@code jump} */
    record Place(String what, @JsonProperty("at_sec") double atSec, @JsonProperty("step_sec") double stepSec) {}

    /** Reads the whole clock; holds its steps for the percentiles. */
    static ClockCheck of(Signals signals) {
        int n = signals.samples;
        double[] steps = new double[n - 1];
        int used = 0, notFinite = Double.isFinite(signals.ms(0)) ? 0 : 1;
        for (int i = 1; i < n; i++) {
            double step = signals.ms(i) - signals.ms(i - 1);
            if (Double.isFinite(step)) steps[used++] = step;
            if (!Double.isFinite(signals.ms(i))) notFinite++;
        }
        if (used == 0) return new ClockCheck(n, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, notFinite, List.of(), new int[0], 0, 1);
        double[] sorted = Arrays.copyOf(steps, used);
        Arrays.sort(sorted);
        double median = sorted[used / 2];
        double jitter = (sorted[(int) (0.95 * (used - 1))] - sorted[(int) (0.05 * (used - 1))]) / 2;
        int backwards = 0, repeats = 0, gaps = 0, jumps = 0, even = 0;
        double evenMs = 0, gapsMs = 0;
        List<Place> places = new ArrayList<>();
        for (int i = 1; i < n; i++) {
            double step = signals.ms(i) - signals.ms(i - 1);
            String what = null;
            if (step < 0) {
                backwards++;
                what = "backwards";
            } else if (step >= 1000 * Bounds.JUMP_SEC) {
                jumps++;
                what = "jump";
            } else if (median > 0 && step > Bounds.GAP_STEPS * median) {
                gaps++;
                gapsMs += step;
                what = "gap";
            } else if (Double.isFinite(step)) {
                if (step == 0) repeats++;
                even++;
                evenMs += step;
            }
            if (what != null && places.size() < LISTED) places.add(new Place(what, round(signals.ms(i - 1) / 1000), round(step / 1000)));
        }
        double mean = even == 0 ? 0 : evenMs / even;
        double bin = Math.max(0.01, median / 20); // three typical steps in all
        int[] histogram = new int[BINS];
        for (int i = 0; i < used; i++) histogram[(int) Math.clamp(Math.floor(sorted[i] / bin + 0.5), 0, BINS - 1)]++;
        return new ClockCheck(n, round(signals.ms(0) / 1000), round(signals.ms(n - 1) / 1000), mean > 0 ? round(1000 / mean) : 0,
                round(median), round(mean), round(sorted[0]), round(sorted[used - 1]), round(jitter), backwards, repeats, gaps,
                round(gapsMs / 1000), jumps,
                notFinite, places, histogram, -bin / 2, bin);
    }

    /** @param declaredHz rate that the data set tells; 200 where it does not */
    void judge(double declaredHz, List<Finding> findings) {
        if (notFinite > 0) findings.add(Finding.bad("clock-nan", notFinite + " of " + samples + " times are NaN or infinite"));
        if (backwards > 0)
            findings.add(Finding.bad("clock-backwards", "The clock runs backwards " + times(backwards) + first("backwards")));
        if (jumps > 0) findings.add(Finding.warning("clock-jump", "The clock jumps " + times(jumps) + first("jump")));
        if (gaps > 0) findings.add(Finding.warning("clock-gap", "Samples are missing " + times(gaps) + ", together "
                + Numbers.of(gapsSec) + " s" + first("gap")));
        if (repeats > 0) findings.add(Finding.warning("clock-repeats", repeats + " samples have the time of the one before"));
        if (medianMs <= 0 || rateHz <= 0) {
            if (notFinite + backwards == 0)
                findings.add(Finding.bad("clock-stands", "The clock stands still: the median step is " + medianMs + " ms"));
            return;
        }
        if (Math.abs(rateHz / declaredHz - 1) > Bounds.RATE_ERROR)
            findings.add(Finding.warning("rate", String.format(Locale.ROOT,
                    "%.2f Hz by the clock, %.4g Hz by the data set; timestamps are milliseconds",
                    rateHz, declaredHz)));
        if (jitterMs > Bounds.JITTER * meanMs)
            findings.add(Finding.warning("clock-jitter", String.format(Locale.ROOT, "Steps vary by %.3g ms around %.3g ms", jitterMs,
                    meanMs)));
    }

    private static String times(int count) {
        return count == 1 ? "once" : count + " times";
    }

    private String first(String what) {
        return places.stream().filter(place -> place.what.equals(what)).findFirst()
                .map(place -> ": first by " + Numbers.of(place.stepSec) + " s at " + Numbers.of(place.atSec) + " s").orElse("");
    }

    private static double round(double value) {
        return Numbers.round(value);
    }
}
