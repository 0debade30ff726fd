package dev.imu2clip.data;

import java.util.Arrays;

/**
 * Changes the sampling rate by a windowed sinc (Hann window, width 6, roll-off 0.99): the formula that
 * {@code torchaudio.functional.resample} documents with {@code sinc_interp_hann}, kernels and sums in double.
 *
 * <p>With o and n the rates divided by their greatest common divisor and f = 0.99 min(o, n), output sample i*n + p is the sum
 * over the input of x[j] k_p(j - i*o), where k_p(m) = f/o * sinc(t) * cos^2(pi t / 12), t = clamp(f (m/o - p/n), -6, 6).
 * Outside its ends the signal is 0.
 */
public final class Resampler {
    private static final int LOBES = 6;
    private static final double ROLL_OFF = 0.99;
    private static final int MAX_RATE = 100_000;

    private final int from;
    private final int to;
    private final double[][] taps; // [tap][phase]; no more taps than the window is wide
    private final int[] first; // [phase]: where tap 0 stands, in samples from the beginning of the block
    private final int[] runEnd; // [phase]: the phase behind the run that this one is in

    /** @throws IllegalArgumentException when a rate is not in 1 .. 100000 Hz */
    public Resampler(int fromHz, int toHz) {
        if (fromHz < 1 || toHz < 1 || fromHz > MAX_RATE || toHz > MAX_RATE)
            throw new IllegalArgumentException("rates must lie in 1 .. " + MAX_RATE + " Hz, not " + fromHz + " and " + toHz);
        int divisor = gcd(fromHz, toHz);
        from = fromHz / divisor;
        to = toHz / divisor;
        double cutoff = Math.min(from, to) * ROLL_OFF;
        double reach = LOBES * from / cutoff;
        int phases = from == to ? 0 : to;
        taps = new double[phases == 0 ? 0 : (int) Math.floor(2 * reach) + 1][phases];
        first = new int[phases];
        runEnd = new int[phases];
        for (int phase = 0; phase < phases; phase++) {
            double centre = (double) from * phase / to;
            first[phase] = (int) Math.ceil(centre - reach);
            int last = (int) Math.floor(centre + reach);
            for (int tap = 0; tap <= last - first[phase]; tap++)
                taps[tap][phase] = cutoff / from * windowedSinc(cutoff * ((double) (tap + first[phase]) / from - (double) phase / to));
        }
        for (int phase = phases - 1; phase >= 0; phase--)
            runEnd[phase] = phase + 1 < phases && first[phase + 1] == first[phase] + 1 ? runEnd[phase + 1] : phase + 1;
    }

    /** For rates with up to two decimals, such as 204.8 Hz. @throws IllegalArgumentException for other rates */
    public static Resampler of(double fromHz, int toHz) {
        for (int k : new int[] {1, 5, 10, 100}) {
            double whole = fromHz * k;
            if (Math.abs(whole - Math.rint(whole)) < 1e-6) return new Resampler((int) Math.rint(whole), k * toHz);
        }
        throw new IllegalArgumentException("a rate of " + fromHz + " Hz has more than two decimals");
    }

    private static double windowedSinc(double t) {
        double clamped = Math.clamp(t, -LOBES, LOBES);
        double cos = StrictMath.cos(clamped * Math.PI / LOBES / 2);
        double x = clamped * Math.PI;
        return cos * cos * (x == 0 ? 1 : StrictMath.sin(x) / x);
    }

    private static int gcd(int a, int b) {
        return b == 0 ? a : gcd(b, a % b);
    }

    /** Number of samples that {@code n} samples become: ceil(n * to / from). */
    public int length(int n) {
        return Math.toIntExact(((long) n * to + from - 1) / from);
    }

    /** A new array of {@link #length} samples. */
    public float[] apply(float[] signal) {
        float[] result = new float[length(signal.length)];
        apply(signal, 0, signal.length, result, 0, result.length);
        return result;
    }

    /** Writes the first {@code limit} (at most {@link #length}) resampled values of {@code n} samples at {@code signal[at]}. */
    public void apply(float[] signal, int at, int n, float[] result, int resultAt, int limit) {
        if (from == to) {
            System.arraycopy(signal, at, result, resultAt, Math.min(limit, n));
            return;
        }
        double[] wide = new double[n];
        for (int i = 0; i < n; i++) wide[i] = signal[at + i];
        double[] sums = new double[to];
        for (int block = 0, out = 0; out < limit; block += from, out += to) {
            int phases = Math.min(to, limit - out);
            Arrays.fill(sums, 0);
            for (int phase = 0; phase < phases; phase = runEnd[phase])
                run(wide, block, phase, Math.min(runEnd[phase], phases), sums);
            for (int phase = 0; phase < phases; phase++) result[resultAt + out + phase] = (float) sums[phase];
        }
    }

    /**
     * Phases whose first tap moves on with them, one sample a phase, so that all take their tap number t from a row of samples side by side:
     * for rates near each other nearly a whole block, and the loop is one for vectors.
     */
    private void run(double[] signal, int block, int phase, int end, double[] sums) {
        int start = block + first[phase];
        for (int tap = 0; tap < taps.length; tap++) {
            double[] kernel = taps[tap];
            int from = Math.max(phase, phase - start - tap), to = Math.min(end, phase + signal.length - start - tap);
            for (int p = from, x = start + tap + from - phase; p < to; p++, x++) sums[p] += kernel[p] * signal[x];
        }
    }
}
