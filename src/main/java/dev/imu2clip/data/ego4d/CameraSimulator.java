package dev.imu2clip.data.ego4d;

import dev.imu2clip.data.DataSetInfo;
import dev.imu2clip.data.Rng;

/**
 * A camera that turns as a gyroscope says, in the middle of a painted sphere: turning left moves the picture right, pitching moves it up
 * and down, rolling turns it. The sphere is a cube of clouds in three colours, seamless since they are made of noise in space.
 */
final class CameraSimulator {
    private static final int SIDE = 320;
    /** From a face's middle to its edge, a little less than there is, so that each place has a right and a lower neighbour. */
    private static final double HALF = (SIDE - 1.01) / 2;
    /** The focal length in picture widths: 67 degrees across, and so many widths for a radian in the middle. */
    static final double FOCAL = 0.75;
    private static final int[] CELLS = {3, 7, 17, 41};
    private static final double[] SIZES = {55, 45, 35, 25};

    private final int width;
    private final int height;
    private final double focal;
    /** Of each of six faces {@code SIDE * SIDE} colours 0xRRGGBB: x = 1, x = -1, y = 1, y = -1, z = 1, z = -1. */
    private final int[][] faces = new int[6][SIDE * SIDE];
    private final double[][] orientation;

    /** @param turning true turning about x ahead, y left, z up in rad/s at {@link DataSetInfo#RATE_HZ} */
    CameraSimulator(Rng rng, int width, int height, double[][] turning) {
        this.width = width;
        this.height = height;
        focal = FOCAL * width;
        paint(rng.nextLong());
        orientation = integrate(turning);
    }

    private void paint(long seed) {
        for (int face = 0; face < 6; face++) {
            for (int v = 0, i = 0; v < SIDE; v++) {
                for (int u = 0; u < SIDE; u++, i++) {
                    double a = 2.0 * u / (SIDE - 1) - 1; // the outer colours lie on the cube's edges, where two faces meet
                    double b = 2.0 * v / (SIDE - 1) - 1;
                    double one = face % 2 == 0 ? 1 : -1;
                    double length = Math.sqrt(a * a + b * b + 1);
                    double x = (face < 2 ? one : a) / length;
                    double y = (face < 2 ? a : face < 4 ? one : b) / length;
                    double z = (face < 4 ? b : one) / length;
                    double light = 0;
                    for (int k = 0; k < CELLS.length; k++) light += SIZES[k] * clouds(seed + k, x * CELLS[k], y * CELLS[k], z * CELLS[k]);
                    double warm = 50 * clouds(seed + 9, x * 2, y * 2, z * 2);
                    faces[face][i] = level(125 + light + warm) << 16 | level(125 + light) << 8 | level(125 + light - warm);
                }
            }
        }
    }

    private static int level(double v) {
        return (int) Math.clamp(v, 0, 255);
    }

    /** Smoothly interpolated random values in -1 .. 1 on the whole numbers. */
    private static double clouds(long seed, double x, double y, double z) {
        long x0 = (long) Math.floor(x), y0 = (long) Math.floor(y), z0 = (long) Math.floor(z);
        double fx = smooth(x - x0), fy = smooth(y - y0), fz = smooth(z - z0);
        double sum = 0;
        for (int corner = 0; corner < 8; corner++) {
            int dx = corner & 1, dy = corner >> 1 & 1, dz = corner >> 2;
            long hash = (seed + (x0 + dx) * 0x9E3779B97F4A7C15L ^ (y0 + dy) * 0xBF58476D1CE4E5B9L ^ (z0 + dz) * 0x94D049BB133111EBL)
                    * 0xD6E8FEB86659FD93L;
            hash = (hash ^ hash >>> 32) * 0xD6E8FEB86659FD93L;
            sum += (dx == 0 ? 1 - fx : fx) * (dy == 0 ? 1 - fy : fy) * (dz == 0 ? 1 - fz : fz) * ((hash >> 11) * 0x1p-52);
        }
        return sum;
    }

    private static double smooth(double t) {
        return t * t * (3 - 2 * t);
    }

    /** Orientations (camera's axes to the world's, row by row) at every sample: each step turns about the mean of two readings. */
    private static double[][] integrate(double[][] turning) {
        int n = turning[0].length;
        double[][] all = new double[n][];
        all[0] = new double[] {1, 0, 0, 0, 1, 0, 0, 0, 1};
        for (int i = 1; i < n; i++) {
            double[] r = new double[3];
            for (int c = 0; c < 3; c++) r[c] = (turning[c][i - 1] + turning[c][i]) / 2 / DataSetInfo.RATE_HZ;
            all[i] = times(all[i - 1], rotation(r));
        }
        return all;
    }

    /** Rodrigues' formula. */
    private static double[] rotation(double[] r) {
        double angle = Math.sqrt(r[0] * r[0] + r[1] * r[1] + r[2] * r[2]);
        double s = angle < 1e-12 ? 1 : StrictMath.sin(angle) / angle;
        double c = angle < 1e-12 ? 0.5 : (1 - StrictMath.cos(angle)) / (angle * angle);
        double[] k = {0, -r[2], r[1], r[2], 0, -r[0], -r[1], r[0], 0};
        double[] kk = times(k, k);
        double[] m = new double[9];
        for (int i = 0; i < 9; i++) m[i] = (i % 4 == 0 ? 1 : 0) + s * k[i] + c * kk[i];
        return m;
    }

    private static double[] times(double[] a, double[] b) {
        double[] m = new double[9];
        for (int i = 0; i < 9; i++) {
            for (int k = 0; k < 3; k++) m[i] += a[i / 3 * 3 + k] * b[k * 3 + i % 3];
        }
        return m;
    }

    /** What is seen at a time on the gyroscope's clock; before its start and after its end the camera rests. */
    void render(double seconds, byte[] rgb) {
        int at = Math.clamp(Math.round(seconds * DataSetInfo.RATE_HZ), 0, orientation.length - 1);
        double[] m = orientation[at];
        for (int row = 0, to = 0; row < height; row++) {
            double up = (height - 1) / 2.0 - row;
            // The direction of a pixel: ahead by the focal length, left and up by its place.
            double left = (width - 1) / 2.0;
            double x = m[0] * focal + m[1] * left + m[2] * up;
            double y = m[3] * focal + m[4] * left + m[5] * up;
            double z = m[6] * focal + m[7] * left + m[8] * up;
            for (int column = 0; column < width; column++, to += 3, x -= m[1], y -= m[4], z -= m[7]) look(x, y, z, rgb, to);
        }
    }

    /** The colour in a direction, between the four nearest on the face that it meets. */
    private void look(double x, double y, double z, byte[] rgb, int to) {
        double ax = Math.abs(x), ay = Math.abs(y), az = Math.abs(z);
        int face;
        double a, b, main;
        if (ax >= ay && ax >= az) {
            face = x > 0 ? 0 : 1;
            main = ax;
            a = y;
            b = z;
        } else if (ay >= az) {
            face = y > 0 ? 2 : 3;
            main = ay;
            a = x;
            b = z;
        } else {
            face = z > 0 ? 4 : 5;
            main = az;
            a = x;
            b = y;
        }
        double scale = 256 * HALF / main; // 24.8 fixed point
        int u = (int) (a * scale + 256 * HALF);
        int v = (int) (b * scale + 256 * HALF);
        int fu = u & 255, fv = v & 255;
        int[] texels = faces[face];
        int i = (v >> 8) * SIDE + (u >> 8);
        int c00 = texels[i], c01 = texels[i + 1], c10 = texels[i + SIDE], c11 = texels[i + SIDE + 1];
        int w11 = fu * fv >> 8, w01 = fu - w11, w10 = fv - w11, w00 = 256 - fu - fv + w11;
        // Red and blue are weighted together, in two halves of one number.
        int rb = (c00 & 0xff00ff) * w00 + (c01 & 0xff00ff) * w01 + (c10 & 0xff00ff) * w10 + (c11 & 0xff00ff) * w11;
        int g = (c00 >> 8 & 0xff) * w00 + (c01 >> 8 & 0xff) * w01 + (c10 >> 8 & 0xff) * w10 + (c11 >> 8 & 0xff) * w11;
        rgb[to] = (byte) (rb >>> 24);
        rgb[to + 1] = (byte) (g >> 8);
        rgb[to + 2] = (byte) (rb >> 8);
    }
}
