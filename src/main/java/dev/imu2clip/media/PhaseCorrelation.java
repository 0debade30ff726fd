package dev.imu2clip.media;

/**
 * The whole-pixel shift between two grey pictures of one size by phase correlation (Kuglin and Hines, 1975): the peak of the inverse
 * transform of their cross spectrum, whose amplitudes are made equal. Pictures lie in arrays of powers of two and fade to their edges.
 */
final class PhaseCorrelation {
    private final int width;
    private final int height;
    private final int w;
    private final int h;
    private final double[] fade;

    PhaseCorrelation(int width, int height) {
        this.width = width;
        this.height = height;
        w = powerOfTwo(width);
        h = powerOfTwo(height);
        fade = new double[width * height];
        for (int y = 0, i = 0; y < height; y++) for (int x = 0; x < width; x++) fade[i++] = hann(x, width) * hann(y, height);
    }

    private static int powerOfTwo(int n) {
        return Integer.highestOneBit(Math.max(1, n - 1)) * 2;
    }

    private static double hann(int i, int n) {
        return 0.5 - 0.5 * Math.cos(2 * Math.PI * (i + 0.5) / n);
    }

    /** The spectrum of a picture, real and imaginary parts. */
    double[][] spectrum(float[] grey) {
        double mean = 0;
        for (float v : grey) mean += v;
        mean /= grey.length;
        double[][] z = new double[2][w * h];
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) z[0][y * w + x] = (grey[y * width + x] - mean) * fade[y * width + x];
        }
        transform(z, 1);
        return z;
    }

    /** How far what is in {@code before} has moved in {@code after}: {x, y}. */
    int[] shift(double[][] before, double[][] after) {
        double[][] z = new double[2][w * h];
        for (int i = 0; i < w * h; i++) {
            double re = before[0][i] * after[0][i] + before[1][i] * after[1][i];
            double im = before[0][i] * after[1][i] - before[1][i] * after[0][i];
            double length = Math.sqrt(re * re + im * im) + 1e-9;
            z[0][i] = re / length;
            z[1][i] = im / length;
        }
        transform(z, -1);
        int peak = 0;
        for (int i = 1; i < w * h; i++) if (z[0][i] > z[0][peak]) peak = i;
        int x = peak % w;
        int y = peak / w;
        return new int[] {x <= w / 2 ? x : x - w, y <= h / 2 ? y : y - h};
    }

    private void transform(double[][] z, int sign) {
        for (int y = 0; y < h; y++) fft(z, y * w, 1, w, sign);
        for (int x = 0; x < w; x++) fft(z, x, w, h, sign);
    }

    /** In place, radix 2, not scaled (Cooley and Tukey, 1965). */
    private static void fft(double[][] z, int from, int step, int n, int sign) {
        double[] re = z[0];
        double[] im = z[1];
        for (int i = 1, j = 0; i < n; i++) {
            int bit = n >> 1;
            for (; (j & bit) != 0; bit >>= 1) j ^= bit;
            j ^= bit;
            if (i < j) {
                swap(re, from + i * step, from + j * step);
                swap(im, from + i * step, from + j * step);
            }
        }
        for (int length = 2; length <= n; length *= 2) {
            for (int k = 0; k < length / 2; k++) {
                double angle = -sign * 2 * Math.PI * k / length;
                double c = Math.cos(angle);
                double s = Math.sin(angle);
                for (int i = k; i < n; i += length) {
                    int a = from + i * step;
                    int b = a + length / 2 * step;
                    double tr = re[b] * c - im[b] * s;
                    double ti = re[b] * s + im[b] * c;
                    re[b] = re[a] - tr;
                    im[b] = im[a] - ti;
                    re[a] += tr;
                    im[a] += ti;
                }
            }
        }
    }

    private static void swap(double[] v, int i, int j) {
        double t = v[i];
        v[i] = v[j];
        v[j] = t;
    }
}
