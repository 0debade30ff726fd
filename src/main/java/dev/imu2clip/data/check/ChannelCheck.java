package dev.imu2clip.data.check;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.ArrayList;
import java.util.List;

/**
 * One channel's values.
 *
 * @param notFinite samples that are NaN or infinite; the others are left to the rest
 * @param clipped samples exactly at the least or the largest value, in runs
 */
record ChannelCheck(String name, double mean, double deviation, double least, double largest, @JsonProperty("not_finite") int notFinite,
        int clipped) {
    static List<ChannelCheck> of(Signals signals) {
        List<ChannelCheck> channels = new ArrayList<>();
        for (int c = 0; c < Signals.CHANNELS; c++) channels.add(of(signals, c));
        return channels;
    }

    private static ChannelCheck of(Signals signals, int channel) {
        int n = signals.samples, finite = 0, clipped = 0;
        double mean = 0, squares = 0, least = Double.POSITIVE_INFINITY, largest = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < n; i++) {
            double v = signals.at(channel, i);
            if (!Double.isFinite(v)) continue;
            finite++;
            double off = v - mean; // Welford
            mean += off / finite;
            squares += off * (v - mean);
            least = Math.min(least, v);
            largest = Math.max(largest, v);
        }
        for (int i = 0, run = 0; i <= n; i++) {
            double v = i < n ? signals.at(channel, i) : Double.NaN;
            if (v == least || v == largest) {
                run++;
            } else {
                if (run >= Bounds.CLIP_RUN) clipped += run;
                run = 0;
            }
        }
        if (finite == 0) return new ChannelCheck(Signals.NAMES[channel], 0, 0, 0, 0, n, 0);
        return new ChannelCheck(Signals.NAMES[channel], Numbers.round(mean), Numbers.round(Math.sqrt(squares / finite)),
                Numbers.round(least),
                Numbers.round(largest), n - finite, largest > least ? clipped : 0);
    }

    boolean isConstant() {
        return least == largest;
    }

    static void judge(List<ChannelCheck> channels, int samples, List<Finding> findings) {
        for (int sensor = 0; sensor < Signals.CHANNELS; sensor += 3) {
            List<ChannelCheck> three = channels.subList(sensor, sensor + 3);
            if (three.stream().allMatch(ChannelCheck::isConstant)) {
                findings.add(Finding.bad("constant", "The " + (sensor == 0 ? "accelerometer" : "gyroscope") + " never changes"));
                continue;
            }
            for (ChannelCheck channel : three)
                if (channel.isConstant()) findings.add(Finding.warning("constant", channel.name + " is " + Numbers.of(channel.least)
                        + " throughout"));
        }
        for (ChannelCheck channel : channels)
            if (channel.clipped >= Bounds.CLIP_SAMPLES)
                findings.add(Finding.warning("saturated", channel.name + " stays at its extremes (" + Numbers.of(channel.least) + " or "
                        + Numbers.of(channel.largest) + ") for " + channel.clipped + " samples"));
        int most = channels.stream().mapToInt(ChannelCheck::notFinite).max().orElse(0);
        String text = "NaN or infinite samples: " + most + " of " + samples + " in the worst channel";
        if (most > samples / 2) findings.add(Finding.bad("nan", text));
        else if (most > 0) findings.add(Finding.warning("nan", text));
    }

    /** The longest stretch in which no channel changes: {samples, where it begins}. */
    static int[] stuck(Signals signals) {
        int longest = 0, at = 0;
        double[] before = new double[Signals.CHANNELS];
        for (int i = 0, since = 0; i < signals.samples; i++) {
            for (int c = 0; c < Signals.CHANNELS; c++) {
                double v = signals.at(c, i);
                if (i == 0 || v != before[c]) since = i; // NaN is never equal
                before[c] = v;
            }
            if (i - since + 1 > longest) {
                longest = i - since + 1;
                at = since;
            }
        }
        return new int[] {longest, at};
    }
}
