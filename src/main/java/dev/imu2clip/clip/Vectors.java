package dev.imu2clip.clip;

/** Arithmetic of single embeddings, in double. */
final class Vectors {
    /** As PyTorch's {@code normalize}: a shorter vector is divided by this. */
    private static final double EPSILON = 1e-12;

    private Vectors() {}

    static double dot(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) sum += (double) a[i] * b[i];
        return sum;
    }

    /** A copy of length 1. */
    static float[] unit(float[] vector) {
        double scale = 1 / Math.max(Math.sqrt(dot(vector, vector)), EPSILON);
        float[] unit = new float[vector.length];
        for (int i = 0; i < unit.length; i++) unit[i] = (float) (vector[i] * scale);
        return unit;
    }

    /** The sum of some vectors times {@code scale}. */
    static float[] sum(Iterable<float[]> vectors, int width, double scale) {
        double[] sum = new double[width];
        for (float[] vector : vectors) for (int i = 0; i < width; i++) sum[i] += vector[i];
        float[] result = new float[width];
        for (int i = 0; i < width; i++) result[i] = (float) (sum[i] * scale);
        return result;
    }
}
