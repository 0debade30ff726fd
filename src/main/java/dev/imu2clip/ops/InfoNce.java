package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;

/**
 * InfoNCE (van den Oord et al., arXiv 1807.03748; symmetric form: Radford et al., arXiv 2103.00020): cross-entropy over
 * {@code scale * <query, key>}, where a query's own key is the right answer and other keys are the wrong ones. Queries and keys come
 * L2-normalised; {@code scale} is 1 / temperature.
 *
 * <p>Fused: logits exist in tiles only, forward and backward. The kernels see one side, rows against columns; the other side of
 * the symmetric loss, and the gradient of the keys, are the same kernels with the sides exchanged.
 */
public final class InfoNce {
    private static final Kernel FORWARD = new Kernel("info_nce_forward", "in q, in keys, in? positive, in wide scale, out wide lse, out wide target, "
            + "size batch, size rows, size columns, size dim, size key_stride", InfoNce::forward);
    private static final Kernel BACKWARD = new Kernel("info_nce_backward", "in q, in keys, in? positive, in wide scale, in? wide lse_rows, "
            + "in? wide lse_columns, in? wide target, in wide g, out dq, out? dpositive, out? wide dscale, real weight, size batch, size rows, size columns, "
            + "size dim, size key_stride, size g_each, size diagonal", InfoNce::backward);
    private static final Kernel LOSS = new Kernel("info_nce_loss", "in wide lse, in wide target, in? wide lse_columns, in? wide target_columns, out wide loss, "
            + "real weight, size n, size each", InfoNce::loss);

    private InfoNce() {}

    /**
     * Every other key of the batch is a negative.
     *
     * @param query     (N, D), L2-normalised
     * @param key       (N, D), L2-normalised; row i belongs to query i
     * @param scale     (1): 1 / temperature
     * @param symmetric add the loss of keys against queries (a sum of the two, not their mean)
     * @return (1), or (N) without reduction; NaN where an input is, and for the mean of no queries
     * @throws IllegalArgumentException for shapes that do not fit
     */
    public static Tensor inBatch(Tape tape, Tensor query, Tensor key, Tensor scale, boolean symmetric, Reduction reduction) {
        requireMatrix("query", query);
        requireLikeQuery("key", key, query);
        requireScale(scale);
        long n = query.size(0), dim = query.size(1);
        Tensor lse = tape.empty(query.dtype().wide(), n), target = tape.like(lse);
        FORWARD.run(query, key, null, scale, lse, target, 1, n, n, dim, 0);
        Tensor lseColumns = null, targetColumns = null;
        if (symmetric) {
            lseColumns = tape.like(lse);
            targetColumns = tape.like(target);
            FORWARD.run(key, query, null, scale, lseColumns, targetColumns, 1, n, n, dim, 0);
        }
        Tensor columns = lseColumns;
        Tensor loss = reduce(tape, lse, target, columns, targetColumns, reduction);
        return tape.record("info_nce", loss, (g, d) -> {
            double weight = reduction == Reduction.MEAN ? 1.0 / n : 1;
            boolean each = reduction == Reduction.NONE;
            Tensor dScale = d[2] == null ? null : tape.like(lse);
            Tensor dQuery = d[0] != null ? d[0] : dScale != null ? tape.like(query) : null;
            if (dQuery != null)
                BACKWARD.run(query, key, null, scale, lse, columns, null, g, dQuery, null, dScale, weight, 1, n, n, dim, 0, each, true);
            if (d[1] != null)
                BACKWARD.run(key, query, null, scale, columns, lse, null, g, d[1], null, null, weight, 1, n, n, dim, 0, each, true);
            if (dScale != null) Reduce.sum(tape, dScale, null, d[2], 1, 1, n, 1);
        }, query, key, scale);
    }

    /**
     * Negatives are given.
     *
     * @param query     (N, D), L2-normalised
     * @param positive  (N, D), L2-normalised
     * @param negatives (M, D), the same for every query, or (N, M, D), each query's own; L2-normalised
     * @param scale     (1): 1 / temperature
     * @return (1), or (N) without reduction; NaN where an input is, and for the mean of no queries
     * @throws IllegalArgumentException for shapes that do not fit
     */
    public static Tensor withNegatives(Tape tape, Tensor query, Tensor positive, Tensor negatives, Tensor scale, Reduction reduction) {
        requireMatrix("query", query);
        long n = query.size(0), dim = query.size(1);
        boolean paired = negatives.shape().rank() == 3;
        requireLikeQuery("positive", positive, query);
        requireScale(scale);
        if (negatives.size(-1) != dim || !paired && negatives.shape().rank() != 2 || paired && negatives.size(0) != n)
            throw new IllegalArgumentException("InfoNCE: negatives " + negatives.shape() + " must be (M, " + dim + ") or (" + n + ", M, "
                    + dim + ")");
        long m = negatives.size(-2);
        // Each query's own negatives: a batch of single rows. Common ones: one batch of all rows.
        long batch = paired ? n : 1, rows = paired ? 1 : n, stride = paired ? m * dim : 0;
        Tensor lse = tape.empty(query.dtype().wide(), n), target = tape.like(lse);
        FORWARD.run(query, negatives, positive, scale, lse, target, batch, rows, m, dim, stride);
        Tensor loss = reduce(tape, lse, target, null, null, reduction);
        return tape.record("info_nce", loss, (g, d) -> {
            double weight = reduction == Reduction.MEAN ? 1.0 / n : 1;
            boolean each = reduction == Reduction.NONE;
            Tensor dScale = d[3] == null ? null : tape.like(lse);
            Tensor dQuery = d[0] != null ? d[0] : tape.like(query);
            BACKWARD.run(query, negatives, positive, scale, lse, null, target, g, dQuery, d[1], dScale, weight, batch, rows, m, dim,
                    stride, each, false);
            if (d[2] != null)
                BACKWARD.run(negatives, query, null, scale, null, lse, null, g, d[2], null, null, weight, batch, m, rows, dim, rows * dim,
                        each, false);
            if (dScale != null) Reduce.sum(tape, dScale, null, d[3], 1, 1, n, 1);
        }, query, positive, negatives, scale);
    }

    private static Tensor reduce(Tape tape, Tensor lse, Tensor target, Tensor lseColumns, Tensor targetColumns, Reduction reduction) {
        long n = lse.count();
        Tensor loss = tape.empty(lse.dtype(), reduction == Reduction.NONE ? n : 1);
        double weight = reduction == Reduction.MEAN ? 1.0 / n : 1;
        LOSS.run(lse, target, lseColumns, targetColumns, loss, weight, n, reduction == Reduction.NONE);
        return loss;
    }

    private static void requireMatrix(String name, Tensor x) {
        if (x.shape().rank() != 2) throw new IllegalArgumentException("InfoNCE: " + name + " must be (N, D), is " + x.shape());
    }

    private static void requireLikeQuery(String name, Tensor x, Tensor query) {
        if (!x.shape().equals(query.shape()))
            throw new IllegalArgumentException("InfoNCE: " + name + " " + x.shape() + " must have the query's shape " + query.shape());
    }

    private static void requireScale(Tensor scale) {
        if (scale.count() != 1) throw new IllegalArgumentException("InfoNCE: the scale must have one element, has shape " + scale.shape());
    }

    private static double dot(Reals x, long at, Reals y, long other, int n) {
        double sum = 0;
        for (int i = 0; i < n; i++) sum += x.get(at + i) * y.get(other + i);
        return sum;
    }

    private static void forward(Args a) {
        Reals q = a.reals("q"), keys = a.reals("keys"), positive = a.reals("positive");
        Reals lse = a.reals("lse"), target = a.reals("target");
        long keyStride = a.size("key_stride");
        double scale = a.reals("scale").get(0);
        int rows = a.count("rows"), columns = a.count("columns"), dim = a.count("dim");
        for (long b = 0; b < a.size("batch"); b++)
            for (int r = 0; r < rows; r++) {
                long row = b * rows + r;
                double[] logits = new double[columns + 1];
                logits[columns] = positive == null ? Double.NEGATIVE_INFINITY : scale * dot(q, row * dim, positive, row * dim, dim);
                for (int c = 0; c < columns; c++) logits[c] = scale * dot(q, row * dim, keys, b * keyStride + (long) c * dim, dim);
                double highest = Double.NEGATIVE_INFINITY, sum = 0;
                for (double logit : logits) highest = Math.max(highest, logit);
                for (double logit : logits) sum += Math.exp(logit - highest);
                lse.set(row, highest + Math.log(sum));
                target.set(row, positive == null ? logits[r] : logits[columns]);
            }
    }

    private static void backward(Args a) {
        Reals q = a.reals("q"), keys = a.reals("keys"), positive = a.reals("positive"), g = a.reals("g"), target = a.reals("target");
        Reals lseRows = a.reals("lse_rows"), lseColumns = a.reals("lse_columns");
        Reals dq = a.reals("dq"), dPositive = a.reals("dpositive"), dScale = a.reals("dscale");
        long keyStride = a.size("key_stride");
        double scale = a.reals("scale").get(0), weight = a.real("weight");
        int rows = a.count("rows"), columns = a.count("columns"), dim = a.count("dim");
        boolean each = a.flag("g_each"), diagonal = a.flag("diagonal");
        for (long b = 0; b < a.size("batch"); b++)
            for (int r = 0; r < rows; r++) {
                long row = b * rows + r;
                double[] sum = new double[dim];
                double moment = 0, own = lseRows == null ? 0 : weight * g.get(each ? row : 0);
                for (int c = 0; c < columns; c++) {
                    long key = b * keyStride + (long) c * dim;
                    double similarity = dot(q, row * dim, keys, key, dim), right = diagonal && r == c ? 1 : 0;
                    double gradient = 0;
                    if (lseRows != null) gradient += own * (Math.exp(scale * similarity - lseRows.get(row)) - right);
                    if (lseColumns != null) {
                        long column = b * columns + c;
                        gradient += weight * g.get(each ? column : 0) * (Math.exp(scale * similarity - lseColumns.get(column)) - right);
                    }
                    moment += gradient * similarity;
                    for (int d = 0; d < dim; d++) sum[d] += gradient * keys.get(key + d);
                }
                if (positive != null) {
                    double gradient = own * (Math.exp(target.get(row) - lseRows.get(row)) - 1);
                    moment += gradient * target.get(row) / scale;
                    for (int d = 0; d < dim; d++) {
                        sum[d] += gradient * positive.get(row * dim + d);
                        if (dPositive != null) dPositive.set(row * dim + d, scale * gradient * q.get(row * dim + d));
                    }
                }
                for (int d = 0; d < dim; d++) dq.set(row * dim + d, scale * sum[d]);
                if (dScale != null) dScale.set(row, moment);
            }
    }

    private static void loss(Args a) {
        Reals lse = a.reals("lse"), target = a.reals("target"), loss = a.reals("loss");
        Reals lseColumns = a.reals("lse_columns"), targetColumns = a.reals("target_columns");
        boolean each = a.flag("each");
        double sum = 0;
        for (long i = 0, n = a.size("n"); i < n; i++) {
            double one = lse.get(i) - target.get(i) + (lseColumns == null ? 0 : lseColumns.get(i) - targetColumns.get(i));
            if (each) loss.set(i, one);
            sum += one;
        }
        if (!each) loss.set(0, sum * a.real("weight"));
    }
}
