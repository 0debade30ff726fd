package dev.imu2clip.data;

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
    private final double[][] kernels; // [phase][tap], without the taps where the window is 0
    private final int[] first; // for each phase the input sample of its first tap, counted from the block's begin

    /** @throws IllegalArgumentException when a rate is not in 1 .. 100000 Hz */
    public Resampler(int fromHz, int toHz) {
        if (fromHz < 1 || toHz < 1 || fromHz > MAX_RATE || toHz > MAX_RATE)
            throw new IllegalArgumentException("rates must lie in 1 .. " + MAX_RATE + " Hz, not " + fromHz + " and " + toHz);
        int divisor = gcd(fromHz, toHz);
        from = fromHz / divisor;
        to = toHz / divisor;
        double cutoff = Math.min(from, to) * ROLL_OFF;
        kernels = new double[from == to ? 0 : to][];
        first = new int[kernels.length];
        for (int phase = 0; phase < kernels.length; phase++) {
            double centre = (double) phase / to * from, half = LOBES * from / cutoff;
            first[phase] = (int) Math.ceil(centre - half);
            kernels[phase] = new double[(int) Math.floor(centre + half) - first[phase] + 1];
            for (int tap = 0; tap < kernels[phase].length; tap++)
                kernels[phase][tap] = cutoff / from
                        * windowedSinc(cutoff * ((double) (first[phase] + tap) / from - (double) phase / to));
        }
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
        for (int out = 0; out < limit; out++) {
            int phase = out % to;
            double[] kernel = kernels[phase];
            int begin = out / to * from + first[phase];
            double sum = 0;
            int last = Math.min(kernel.length, n - begin);
            for (int tap = Math.max(0, -begin); tap < last; tap++) sum += kernel[tap] * signal[at + begin + tap];
            result[resultAt + out] = (float) sum;
        }
    }
}
