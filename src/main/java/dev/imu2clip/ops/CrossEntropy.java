package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

/**
 * Cross-entropy of logits against class numbers: {@code w[label] * (logSumExp(logits) - logits[label])} a row. The softmax is never
 * stored; each row's maximum and the logarithm of its sum above that are, apart, because their sum would be rounded. As in PyTorch the
 * mean divides by the sum of the rows' class weights, and rows labelled {@link #IGNORED} count nowhere.
 */
public final class CrossEntropy {
    /** The label of a row that takes no part. */
    public static final long IGNORED = -100;

    private static final Kernel FORWARD = new Kernel("cross_entropy_forward",
            "in x, in ints label, in? wide class_weight, out wide loss, out wide max, out wide log_sum, out wide weight, "
                    + "size rows, size columns, size label_bytes, size ignored",
            CrossEntropy::defineForward);

    /** scale = 1 / sum(weight) for the mean, else 1; y = scale * sum(loss) */
    private static final Kernel REDUCE = new Kernel("cross_entropy_reduce",
            "in wide loss, in wide weight, out wide y, out wide scale, size mean, size rows", a -> {
        Reals loss = a.reals("loss"), weight = a.reals("weight");
        double sum = 0, total = 0;
        for (long i = 0; i < a.size("rows"); i++) {
            sum += loss.get(i);
            total += weight.get(i);
        }
        a.reals("scale").set(0, a.flag("mean") ? 1 / total : 1);
        a.reals("y").set(0, a.flag("mean") ? sum / total : sum);
    });

    /** dy has one element a row ({@code dy_step} 1, no scale) or one for all. */
    private static final Kernel BACKWARD = new Kernel("cross_entropy_backward",
            "in x, in ints label, in wide max, in wide log_sum, in wide weight, in? wide scale, in wide dy, out dx, "
                    + "size dy_step, size rows, size columns, size label_bytes, size ignored",
            CrossEntropy::defineBackward);

    private CrossEntropy() {}

    private static void defineForward(Args a) {
        Reals x = a.reals("x"), label = a.reals("label"), classWeight = a.reals("class_weight");
        Reals loss = a.reals("loss"), max = a.reals("max"), logSum = a.reals("log_sum"), weight = a.reals("weight");
        long columns = a.size("columns");
        for (long i = 0; i < a.size("rows"); i++) {
            long at = label.integer(i);
            boolean counts = at != a.size("ignored");
            double w = !counts ? 0 : classWeight == null ? 1 : classWeight.get(at);
            double largest = Softmax.max(x, i * columns, columns), rest = Softmax.logSum(x, i * columns, columns, largest);
            max.set(i, largest);
            logSum.set(i, rest);
            weight.set(i, w);
            loss.set(i, counts ? w * (rest + (largest - x.get(i * columns + at))) : 0);
        }
    }

    private static void defineBackward(Args a) {
        Reals x = a.reals("x"), label = a.reals("label"), max = a.reals("max"), logSum = a.reals("log_sum");
        Reals weight = a.reals("weight"), scale = a.reals("scale"), dy = a.reals("dy"), dx = a.reals("dx");
        long columns = a.size("columns");
        for (long i = 0; i < a.size("rows"); i++) {
            boolean counts = label.integer(i) != a.size("ignored");
            double g = counts ? dy.get(i * a.size("dy_step")) * weight.get(i) * (scale == null ? 1 : scale.get(0)) : 0;
            for (long c = 0; c < columns; c++) {
                double p = Math.exp(x.get(i * columns + c) - max.get(i) - logSum.get(i));
                dx.set(i * columns + c, counts ? g * (c == label.integer(i) ? p - 1 : p) : 0);
            }
        }
    }

    /** The mean over rows without class weights: see the other form. */
    public static Tensor crossEntropy(Tape tape, Tensor logits, Tensor labels) {
        return crossEntropy(tape, logits, labels, null, Reduction.MEAN);
    }

    /**
     * Cross-entropy; differentiates in the logits.
     *
     * @param logits       (N, C)
     * @param labels       (N), I32 or I64: class numbers or {@link #IGNORED}
     * @param classWeights (C), float32 (float64 where the logits are), or null for ones; a constant: no gradient flows to it
     * @return (N) for {@link Reduction#NONE}, else a scalar; the mean is NaN when every row is ignored
     * @throws IllegalArgumentException for shapes or types that do not fit, or a label that is neither a class number nor ignored
     */
    public static Tensor crossEntropy(Tape tape, Tensor logits, Tensor labels, Tensor classWeights, Reduction reduction) {
        String op = "crossEntropy";
        Require.floats(op, logits);
        Require.rank(op, "the logits", logits, 2);
        long rows = logits.size(0), columns = logits.size(1), bytes = labels.dtype().bytes();
        Require.shape(op, "the labels", labels, Shape.of(rows));
        Require.indices(op, labels, columns, IGNORED);
        if (classWeights != null) {
            if (classWeights.dtype() != logits.dtype().wide())
                throw new IllegalArgumentException(op + ": class weights for logits of type " + logits.dtype() + " must be "
                        + logits.dtype().wide() + ", are " + classWeights.dtype());
            Require.shape(op, "the class weights", classWeights, Shape.of(columns));
            if (tape.watches(classWeights)) throw new UnsupportedOperationException("cross-entropy has no gradient for its class weights");
        }
        Tensor loss = tape.empty(logits.dtype().wide(), rows), max = tape.like(loss), logSum = tape.like(loss), weight = tape.like(loss);
        FORWARD.run(logits, labels, classWeights, loss, max, logSum, weight, rows, columns, bytes, IGNORED);
        if (reduction == Reduction.NONE)
            return tape.record("cross_entropy", loss, (dy, dx) ->
                    BACKWARD.run(logits, labels, max, logSum, weight, null, dy, dx[0], 1, rows, columns, bytes, IGNORED), logits);
        Tensor y = tape.empty(logits.dtype().wide()), scale = tape.like(y);
        REDUCE.run(loss, weight, y, scale, reduction == Reduction.MEAN, rows);
        return tape.record("cross_entropy", y, (dy, dx) ->
                BACKWARD.run(logits, labels, max, logSum, weight, scale, dy, dx[0], 0, rows, columns, bytes, IGNORED), logits);
    }
}
