package dev.imu2clip.data.check;

import java.util.Arrays;

/**
 * What a least-squares fit of the picture's two movements (right, down) to the gyroscope's three rates and a constant needs to know of its
 * rows. Sums of stretches add up, so that a bootstrap need not see the rows again.
 */
final class LagSums {
    private static final int X = 4;
    /** Sums of x_i x_j, then of x_i y_k, then of y_k y_k. */
    private static final int SIZE = X * X + 2 * X + 2;

    final double[] sums = new double[SIZE];

    void add(double[] rates, double right, double down) {
        for (int i = 0; i < X; i++) {
            double xi = i == 0 ? 1 : rates[i - 1];
            for (int j = 0; j < X; j++) sums[i * X + j] += xi * (j == 0 ? 1 : rates[j - 1]);
            sums[X * X + i] += xi * right;
            sums[X * X + X + i] += xi * down;
        }
        sums[SIZE - 2] += right * right;
        sums[SIZE - 1] += down * down;
    }

    void add(LagSums other) {
        for (int i = 0; i < SIZE; i++) sums[i] += other.sums[i];
    }

    void clear() {
        Arrays.fill(sums, 0);
    }

    double rows() {
        return sums[0];
    }

    /** Standard deviation of a rate. */
    double deviation(int axis) {
        int i = axis + 1;
        double mean = sums[i] / rows();
        return Math.sqrt(Math.max(0, sums[i * X + i] / rows() - mean * mean));
    }

    /** Weights {constant, x, y, z} for one of the two movements, 0 right, 1 down. */
    double[] weights(int movement) {
        double[][] a = new double[X][X + 1];
        for (int i = 0; i < X; i++) {
            System.arraycopy(sums, i * X, a[i], 0, X);
            a[i][X] = sums[X * X + movement * X + i];
            a[i][i] += 1e-9 * (1 + rows()); // a rate that never changes is no reason to fail
        }
        for (int k = 0; k < X; k++) { // symmetric and positive: Gauss needs no pivot
            for (int i = k + 1; i < X; i++) {
                double f = a[i][k] / a[k][k];
                for (int j = k; j <= X; j++) a[i][j] -= f * a[k][j];
            }
        }
        double[] w = new double[X];
        for (int k = X - 1; k >= 0; k--) {
            w[k] = a[k][X];
            for (int j = k + 1; j < X; j++) w[k] -= a[k][j] * w[j];
            w[k] /= a[k][k];
        }
        return w;
    }

    /** {squares that are left, squares there were about the mean} */
    double[] squares(int movement) {
        double[] w = weights(movement);
        double all = sums[SIZE - 2 + movement], left = all;
        for (int i = 0; i < X; i++) left -= w[i] * sums[X * X + movement * X + i];
        double mean = sums[X * X + movement * X];
        return new double[] {Math.max(0, left), Math.max(0, all - mean * mean / Math.max(1, rows()))};
    }

    /** Of both movements together. */
    double r2() {
        double[] right = squares(0), down = squares(1);
        double all = right[1] + down[1];
        return all > 0 ? 1 - (right[0] + down[0]) / all : 0;
    }
}
