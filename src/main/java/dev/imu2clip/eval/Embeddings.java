package dev.imu2clip.eval;

import dev.imu2clip.io.InputException;

/**
 * {@code rows} vectors of {@code size} numbers each, row-major: values[row * size + column].
 *
 * @param values at least rows * size numbers; not copied
 */
public record Embeddings(float[] values, int rows, int size) {
    /** Below this length a vector counts as zero, as in PyTorch's {@code normalize}. */
    private static final double EPSILON = 1e-12;

    public Embeddings {
        if (rows < 0 || size <= 0 || (long) rows * size > values.length)
            throw new IllegalArgumentException(rows + " x " + size + " embeddings do not fit in " + values.length + " numbers");
    }

    public static Embeddings of(float[] values, int rows) {
        if (rows <= 0 || values.length % rows != 0)
            throw new IllegalArgumentException(values.length + " numbers are not " + rows + " rows of the same length");
        return new Embeddings(values, rows, values.length / rows);
    }

    /** The rows at {@code index}, in that order. */
    public Embeddings select(int[] index) {
        float[] chosen = new float[index.length * size];
        for (int i = 0; i < index.length; i++) System.arraycopy(values, index[i] * size, chosen, i * size, size);
        return new Embeddings(chosen, index.length, size);
    }

    /**
     * A copy whose rows have length 1, so that a dot product of two is their cosine. A zero row stays zero: its cosine with anything is 0.
     *
     * @param name what the rows are, for the message
     * @throws InputException when a number is NaN or infinite: such a row has no rank, and counting it as a miss would hide the fault
     */
    public Embeddings normalized(String name) {
        float[] unit = new float[rows * size];
        for (int row = 0; row < rows; row++) {
            double sum = 0;
            for (int i = row * size; i < (row + 1) * size; i++) sum += (double) values[i] * values[i];
            if (!Double.isFinite(sum)) throw new InputException(notFinite(name, row));
            double scale = 1 / Math.max(Math.sqrt(sum), EPSILON);
            for (int i = row * size; i < (row + 1) * size; i++) unit[i] = (float) (values[i] * scale);
        }
        return new Embeddings(unit, rows, size);
    }

    private String notFinite(String name, int row) {
        int column = 0;
        while (Float.isFinite(values[row * size + column])) column++;
        return name + ": embedding " + row + " has " + values[row * size + column] + " at position " + column
                + ". The model diverged or its input was not finite: lower the learning rate, or check the data";
    }
}
