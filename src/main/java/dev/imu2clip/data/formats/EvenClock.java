package dev.imu2clip.data.formats;

import dev.imu2clip.data.Importer.Signal;
import dev.imu2clip.data.Importer.Span;
import dev.imu2clip.io.InputException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Makes recordings of a constant rate from a {@link Track}. Samples that lie on an even clock are kept to the bit, and single missing
 * ones are interpolated linearly between their neighbours; where the clock is irregular, all are. A longer gap ends a recording.
 *
 * @param rateHz rate of the clock; 0 to measure it
 * @param maxGapSec longest gap that is interpolated; 0 for 0.1 s or three samples, whichever is longer
 */
record EvenClock(double rateHz, double maxGapSec) {
    static final EvenClock MEASURED = new EvenClock(0, 0);
    private static final double SHORTEST_SEC = 1;
    private static final double LOWEST_HZ = 5;
    private static final double HIGHEST_HZ = 10_000;
    private static final double TOLERANCE = 0.15; // of a step: time stamps are often rounded to milliseconds
    private static final double RATE_TOLERANCE = 0.05;

    /** The unbroken recordings of a track, named after it, and numbered if there are several. @throws InputException naming the source */
    List<Signal> signals(Track track, String source) {
        int[] kept = new int[track.size];
        int n = 0;
        int repeated = 0;
        for (int i = 0; i < track.size; i++) {
            if (i > 0 && track.seconds[i] == track.seconds[i - 1]) repeated++;
            else if (track.complete(i)) kept[n++] = i;
        }
        double measured = measuredRate(track, source);
        double gap = maxGapSec > 0 ? maxGapSec : Math.max(0.1, 3 / measured);
        List<int[]> stretches = new ArrayList<>();
        int tooShort = 0;
        for (int from = 0, to = 1; to <= n; to++) {
            if (to < n && track.seconds[kept[to]] - track.seconds[kept[to - 1]] <= gap + 1e-9) continue;
            if (track.seconds[kept[to - 1]] - track.seconds[kept[from]] >= SHORTEST_SEC) stretches.add(Arrays.copyOfRange(kept, from, to));
            else tooShort++;
            from = to;
        }
        List<String> notes = new ArrayList<>();
        if (repeated > 0) notes.add(repeated + " rows repeat a time and were left out");
        if (stretches.size() + tooShort > 1)
            notes.add(String.format(Locale.ROOT, "broken by gaps longer than %s s into %d recordings%s", plain(gap), stretches.size(),
                    tooShort == 0 ? "" : ", pieces below 1 s left out: " + tooShort));
        List<Signal> signals = new ArrayList<>();
        for (int[] stretch : stretches) {
            String uid = stretches.size() == 1 ? track.uid : track.uid + "_" + (signals.size() + 1);
            signals.add(signal(track, uid, stretch, measured, notes));
            notes.clear(); // said once
        }
        return signals;
    }

    /** Samples a second, long gaps left out. */
    private double measuredRate(Track track, String source) {
        int n = Math.max(0, track.size - 1);
        double[] steps = new double[n];
        for (int i = 0; i < n; i++) steps[i] = track.seconds[i + 1] - track.seconds[i];
        double[] sorted = steps.clone();
        Arrays.sort(sorted);
        double longest = n == 0 ? 0 : Math.max(0.1, 3 * sorted[n / 2]);
        double sum = 0;
        int count = 0;
        for (double step : steps) {
            if (step > longest) continue;
            sum += step;
            count++;
        }
        double rate = sum > 0 ? count / sum : Double.NaN;
        if (!(rate >= LOWEST_HZ && rate <= HIGHEST_HZ))
            throw new InputException(source + ": its times give " + (n == 0 ? "no rate: there are fewer than two samples"
                    : "a rate of " + plain(rate) + " Hz, expected 5 to 10000. Is the unit of time right?"));
        if (rateHz > 0 && Math.abs(rate / rateHz - 1) > RATE_TOLERANCE)
            throw new InputException(source + ": its times give a rate of " + plain(rate) + " Hz, but " + plain(rateHz)
                    + " Hz is expected. Correct the rate or the unit of time");
        return rate;
    }

    private static String plain(double value) {
        return Double.isFinite(value) ? new BigDecimal(value).round(new MathContext(4)).stripTrailingZeros().toPlainString() : "0";
    }

    private Signal signal(Track track, String uid, int[] rows, double measured, List<String> trackNotes) {
        List<String> notes = new ArrayList<>(trackNotes);
        double rate = rateHz > 0 ? rateHz : Math.rint(measured);
        int[] places = places(track, rows, rate);
        double tenths = Math.rint(10 * measured) / 10; // such as 204.8 Hz
        if (places == null && rateHz == 0 && (places = places(track, rows, tenths)) != null) rate = tenths;
        float[][] channels = places == null ? interpolated(track, rows, rate, notes) : placed(track, rows, places, notes);
        List<Span> spans = track.labelled ? spans(track, rows, rate) : List.of(Span.unlabelled(channels[0].length, rate));
        return new Signal(uid, track.subject, rate, track.accelUnit, track.gyroUnit, channels, spans, notes, Optional.empty());
    }

    /** Where each row stands on an even clock; null when they stand on none. */
    private static int[] places(Track track, int[] rows, double rate) {
        int[] places = new int[rows.length];
        for (int i = 0; i < rows.length; i++) {
            double exact = (track.seconds[rows[i]] - track.seconds[rows[0]]) * rate;
            places[i] = (int) Math.rint(exact);
            if (Math.abs(exact - places[i]) > TOLERANCE || i > 0 && places[i] <= places[i - 1]) return null;
        }
        return places;
    }

    private static float[][] placed(Track track, int[] rows, int[] places, List<String> notes) {
        int n = places[places.length - 1] + 1;
        float[][] channels = new float[6][n];
        for (int c = 0; c < 6; c++) {
            double[] values = track.values[c];
            for (int i = 0; i < rows.length; i++) {
                channels[c][places[i]] = (float) values[rows[i]];
                int hole = i == 0 ? 0 : places[i] - places[i - 1];
                for (int k = 1; k < hole; k++)
                    channels[c][places[i - 1] + k] = (float) between(values[rows[i - 1]], values[rows[i]], (double) k / hole);
            }
        }
        if (n > rows.length) notes.add((n - rows.length) + " missing samples were interpolated");
        return channels;
    }

    private static float[][] interpolated(Track track, int[] rows, double rate, List<String> notes) {
        double start = track.seconds[rows[0]];
        double end = track.seconds[rows[rows.length - 1]];
        int n = (int) Math.floor((end - start) * rate + 1e-6) + 1;
        float[][] channels = new float[6][n];
        double shortest = Double.POSITIVE_INFINITY;
        double longest = 0;
        for (int i = 1; i < rows.length; i++) {
            double step = track.seconds[rows[i]] - track.seconds[rows[i - 1]];
            shortest = Math.min(shortest, step);
            longest = Math.max(longest, step);
        }
        for (int k = 0, i = 0; k < n; k++) {
            double time = start + k / rate;
            while (i + 2 < rows.length && track.seconds[rows[i + 1]] <= time) i++;
            double from = track.seconds[rows[i]];
            double share = Math.clamp((time - from) / (track.seconds[rows[i + 1]] - from), 0, 1);
            for (int c = 0; c < 6; c++) channels[c][k] = (float) between(track.values[c][rows[i]], track.values[c][rows[i + 1]], share);
        }
        notes.add(String.format(Locale.ROOT, "irregular clock (steps of %.2f to %.2f ms), interpolated at %s Hz", 1000 * shortest,
                1000 * longest, plain(rate)));
        return channels;
    }

    static double between(double a, double b, double share) {
        return a + share * (b - a);
    }

    /** Runs of rows about which the same is said; the last row's sample belongs to its run. */
    private static List<Span> spans(Track track, int[] rows, double rate) {
        List<Span> spans = new ArrayList<>();
        double start = track.seconds[rows[0]];
        for (int from = 0, to = 1; to <= rows.length; to++) {
            if (to < rows.length && track.sameWords(rows[from], rows[to])) continue;
            if (track.said(rows[from]))
                spans.add(new Span(track.seconds[rows[from]] - start, track.seconds[rows[to - 1]] - start + 1 / rate,
                        track.texts[rows[from]], track.labels[rows[from]]));
            from = to;
        }
        return spans;
    }
}
