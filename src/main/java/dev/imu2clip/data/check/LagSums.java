package dev.imu2clip.data.check;

/**
 * What a fit of the picture's two movements (right, down) to the gyroscope's three rates and a constant needs to know of its rows. Sums of
 * stretches add up, so that a bootstrap need not see the rows again.
 */
final class LagSums {
    private static final int STEPS = 8;

    private double rows;
    private final double[] x = new double[3];
    private final double[] y = new double[2];
    private final double[][] xx = new double[3][3];
    private final double[][] yx = new double[2][3];
    private final double[] yy = new double[2];

    /**
     * How a camera that is fixed to the sensor sees its turning: {@code weights[0]} pixels to the right for a radian about each of the
     * sensor's axes,
     * {@code weights[1]} down. The two are at right angles and have one length, the focal length.
     *
     * @param r2 of both movements together, {@code rightR2} and {@code downR2} of each
     */
    record Fit(double[][] weights, double focal, double r2, double rightR2, double downR2) {}

    void add(double[] rates, double right, double down) {
        rows++;
        for (int i = 0; i < 3; i++) {
            x[i] += rates[i];
            for (int j = 0; j < 3; j++) xx[i][j] += rates[i] * rates[j];
            yx[0][i] += right * rates[i];
            yx[1][i] += down * rates[i];
        }
        y[0] += right;
        y[1] += down;
        yy[0] += right * right;
        yy[1] += down * down;
    }

    void add(LagSums other) {
        rows += other.rows;
        for (int i = 0; i < 3; i++) {
            x[i] += other.x[i];
            for (int j = 0; j < 3; j++) xx[i][j] += other.xx[i][j];
            for (int k = 0; k < 2; k++) yx[k][i] += other.yx[k][i];
        }
        for (int k = 0; k < 2; k++) {
            y[k] += other.y[k];
            yy[k] += other.yy[k];
        }
    }

    double rows() {
        return rows;
    }

    /**
     * The fit with the least squares. From the best of any weights, made rigid, by steps of Levenberg and Marquardt over the camera's
     * rotation and focal length.
     *
     * @param least and {@code most} focal length in pixels
     */
    Fit fit(double least, double most) {
        double[][] s = new double[3][3], c = new double[2][3];
        double[] all = new double[2];
        for (int i = 0; i < 3; i++) {
            for (int j = 0; j < 3; j++) s[i][j] = xx[i][j] - x[i] * x[j] / rows;
            for (int k = 0; k < 2; k++) c[k][i] = yx[k][i] - y[k] * x[i] / rows;
        }
        for (int k = 0; k < 2; k++) all[k] = Math.max(0, yy[k] - y[k] * y[k] / rows);
        double[][] w = rigid(solve(s, c[0]), solve(s, c[1]), least, most);
        double damping = 1e-3;
        for (int step = 0; step < STEPS; step++) {
            double[][] next = step(w, s, c, damping, least, most);
            double more = gain(next, s, c) - gain(w, s, c);
            damping = more > 0 ? damping / 5 : damping * 20;
            if (more > 0) w = next;
            if (Math.abs(more) < 1e-7 * (all[0] + all[1])) break;
        }
        double right = gain(w[0], s, c[0]), down = gain(w[1], s, c[1]);
        return new Fit(w, length(w[0]), all[0] + all[1] > 0 ? (right + down) / (all[0] + all[1]) : 0, all[0] > 0 ? right / all[0] : 0,
                all[1] > 0 ? down / all[1] : 0);
    }

    /** By how much these weights lower the squares. */
    private static double gain(double[][] w, double[][] s, double[][] c) {
        return gain(w[0], s, c[0]) + gain(w[1], s, c[1]);
    }

    private static double gain(double[] w, double[][] s, double[] c) {
        return 2 * dot(w, c) - dot(w, times(s, w));
    }

    /** One step over the logarithm of the focal length and three small angles. */
    private static double[][] step(double[][] w, double[][] s, double[][] c, double damping, double least, double most) {
        double[][] h = new double[4][4];
        double[] g = new double[4];
        double[][][] direction = new double[4][2][]; // how the weights change with each parameter
        for (int k = 0; k < 2; k++) {
            double[] left = times(s, w[k]);
            for (int i = 0; i < 3; i++) left[i] = c[k][i] - left[i];
            for (int p = 0; p < 4; p++) direction[p][k] = p == 3 ? w[k] : cross(p, w[k]);
            for (int p = 0; p < 4; p++) {
                g[p] += dot(direction[p][k], left);
                double[] turned = times(s, direction[p][k]);
                for (int q = 0; q < 4; q++) h[p][q] += dot(direction[q][k], turned);
            }
        }
        double trace = h[0][0] + h[1][1] + h[2][2] + h[3][3];
        for (int p = 0; p < 4; p++) h[p][p] += damping * h[p][p] + 1e-9 * trace + 1e-12;
        double[] change = solve(h, g);
        double[][] next = {w[0].clone(), w[1].clone()};
        for (int k = 0; k < 2; k++) for (int p = 0; p < 4; p++) for (int i = 0; i < 3; i++) next[k][i] += Math.clamp(change[p], -0.7,
                0.7) * direction[p][k][i];
        return rigid(next[0], next[1], least, most);
    }

    /** The nearest two of one length at right angles. */
    private static double[][] rigid(double[] a, double[] b, double least, double most) {
        double aa = dot(a, a), ab = dot(a, b), bb = dot(b, b), root = Math.sqrt(Math.max(0, aa * bb - ab * ab)), sum = Math.sqrt(aa + bb
                + 2 * root);
        if (!(root > 1e-9 * (aa + bb)) || !(sum > 0)) return new double[][] {{0, 0, least}, {0, -least, 0}}; // nothing to begin with
        // Polar decomposition: the inverse of the root of the 2 x 2 matrix of products.
        double[][] w = new double[2][3];
        double focal = Math.clamp(sum / 2, least, most) / (root * sum);
        for (int i = 0; i < 3; i++) {
            w[0][i] = focal * ((bb + root) * a[i] - ab * b[i]);
            w[1][i] = focal * ((aa + root) * b[i] - ab * a[i]);
        }
        return w;
    }

    /** Gauss; the matrix is symmetric and not negative, so that no pivots are needed. */
    private static double[] solve(double[][] matrix, double[] right) {
        int n = right.length;
        double[][] a = new double[n][];
        double trace = 0;
        for (int i = 0; i < n; i++) trace += matrix[i][i];
        double[] v = right.clone();
        for (int i = 0; i < n; i++) {
            a[i] = matrix[i].clone();
            a[i][i] += 1e-9 * trace + 1e-12; // an axis that nobody turns about is no reason to fail
        }
        for (int k = 0; k < n; k++) {
            for (int i = k + 1; i < n; i++) {
                double f = a[i][k] / a[k][k];
                for (int j = k; j < n; j++) a[i][j] -= f * a[k][j];
                v[i] -= f * v[k];
            }
        }
        for (int k = n - 1; k >= 0; k--) {
            for (int j = k + 1; j < n; j++) v[k] -= a[k][j] * v[j];
            v[k] /= a[k][k];
        }
        return v;
    }

    private static double[] times(double[][] m, double[] v) {
        return new double[] {dot(m[0], v), dot(m[1], v), dot(m[2], v)};
    }

    /** The unit vector of an axis x v. */
    private static double[] cross(int axis, double[] v) {
        double[] c = new double[3];
        c[(axis + 1) % 3] = -v[(axis + 2) % 3];
        c[(axis + 2) % 3] = v[(axis + 1) % 3];
        return c;
    }

    private static double length(double[] v) {
        return Math.sqrt(dot(v, v));
    }

    private static double dot(double[] a, double[] b) {
        return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    }
}
