package dev.imu2clip.data.check;

import java.util.Arrays;

/** Least and largest values of each channel in even stretches of time, for a plot: [channel][stretch], NaN where there is no sample. */
record Envelope(double fromSec, double toSec, float[][] least, float[][] largest) {
    static final int COLUMNS = 240;

    static Envelope of(Signals signals) {
        double from = Double.POSITIVE_INFINITY, to = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < signals.samples; i++) {
            double ms = signals.ms(i);
            if (!Double.isFinite(ms)) continue;
            from = Math.min(from, ms);
            to = Math.max(to, ms);
        }
        float[][] least = new float[Signals.CHANNELS][COLUMNS], largest = new float[Signals.CHANNELS][COLUMNS];
        for (int c = 0; c < Signals.CHANNELS; c++) {
            Arrays.fill(least[c], Float.NaN);
            Arrays.fill(largest[c], Float.NaN);
            for (int i = 0; i < signals.samples && to > from; i++) {
                float v = (float) signals.at(c, i);
                double place = (signals.ms(i) - from) / (to - from) * COLUMNS;
                if (!Float.isFinite(v) || Double.isNaN(place)) continue;
                int at = (int) Math.clamp(place, 0, COLUMNS - 1);
                least[c][at] = Float.isNaN(least[c][at]) ? v : Math.min(least[c][at], v);
                largest[c][at] = Float.isNaN(largest[c][at]) ? v : Math.max(largest[c][at], v);
            }
        }
        return new Envelope(from / 1000, to / 1000, least, largest);
    }
}
