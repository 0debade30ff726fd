package dev.imu2clip.eval;

import dev.imu2clip.io.InputException;

/**
 * The cosine of every row of one set with every row of another.
 *
 * @param values row by row, (rows, columns)
 */
public record SimilarityMatrix(float[] values, int rows, int columns) {
    /**
     * Computes it.
     *
     * @param nameA what {@code a} is, for messages
     * @throws InputException when the sets have other widths, a number is not finite, or the matrix is too large for the memory of Java
     */
    public static SimilarityMatrix of(Embeddings a, String nameA, Embeddings b, String nameB) {
        if (a.size() != b.size())
            throw new InputException(nameA + " has embeddings of " + a.size() + " numbers, " + nameB + " of " + b.size()
                    + ". Embed both with the same model");
        long count = (long) a.rows() * b.rows();
        if (count > Integer.MAX_VALUE - 8)
            throw new InputException(nameA + " and " + nameB + ": " + a.rows() + " x " + b.rows()
                    + " similarities are too many at once. Split a set");
        float[] values = new float[(int) count];
        // The chunks have no row in common, so the visitors may share what they write.
        Similarity.visit(a.normalized(nameA), b.normalized(nameB), () -> (row, first, n, products) ->
                System.arraycopy(products, 0, values, row * b.rows() + first, n));
        return new SimilarityMatrix(values, a.rows(), b.rows());
    }

    public float at(int row, int column) {
        return values[row * columns + column];
    }
}
