package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;

import java.util.function.LongToDoubleFunction;

/**
 * Layer normalisation (Ba, Kiros and Hinton, arXiv 1607.06450): {@code y = (x - mean) / sqrt(variance + eps) * gamma + beta}, mean and
 * variance (divided by the count) over each row, gamma and beta per column.
 */
public final class LayerNorm {
    /** Gradients of gamma and beta are summed over chunks of rows first: enough chunks for many threads, few enough to add up fast. */
    private static final long ROWS_OF_A_CHUNK = 16, MOST_CHUNKS = 64;

    private static final Kernel FORWARD = new Kernel("layer_norm_forward", "in x, in gamma, in beta, out y, out? wide mean, out? wide rstd, "
            + "real eps, size rows, size d", LayerNorm::forward);
    private static final Kernel BACKWARD = new Kernel("layer_norm_backward", "in x, in dy, in gamma, in wide mean, in wide rstd, out? dx, "
            + "out? wide dgamma, out? wide dbeta, out wide sums, size rows, size d, size chunks", LayerNorm::backward);

    private LayerNorm() {}

    /**
     * Normalises over the last dimension; differentiates in x, gamma and beta.
     *
     * @param x (..., D)
     * @param gamma scale (D)
     * @param beta offset (D)
     * @param eps added to the variance; PyTorch's default is 1e-5
     * @return the shape of x
     * @throws IllegalArgumentException where gamma or beta is not (D), or D is 0
     */
    public static Tensor layerNorm(Tape tape, Tensor x, Tensor gamma, Tensor beta, double eps) {
        if (x.shape().rank() < 1 || x.size(-1) < 1)
            throw new IllegalArgumentException("layerNorm needs an input (..., D), got " + x.shape());
        long d = x.size(-1), rows = x.count() / d, chunks = Math.clamp(Math.ceilDiv(rows, ROWS_OF_A_CHUNK), 1, MOST_CHUNKS);
        if (gamma.shape().rank() != 1 || gamma.count() != d || !beta.shape().equals(gamma.shape()))
            throw new IllegalArgumentException("layerNorm: input " + x.shape() + " needs gamma and beta of shape (" + d + ",), got "
                    + gamma.shape() + " and " + beta.shape());
        boolean save = tape.watches(x, gamma, beta);
        Tensor y = tape.like(x), mean = save ? tape.empty(x.dtype().wide(), rows) : null, rstd = save ? tape.empty(x.dtype().wide(), rows) : null;
        FORWARD.run(x, gamma, beta, y, mean, rstd, eps, rows, d);
        return tape.record("layer_norm", y, (dy, dx) -> BACKWARD.run(x, dy, gamma, mean, rstd, dx[0], dx[1], dx[2],
                tape.empty(x.dtype().wide(), chunks, 2, d), rows, d, chunks), new Tensor[] {x}, gamma, beta);
    }

    private static void forward(Args a) {
        Reals x = a.reals("x"), gamma = a.reals("gamma"), beta = a.reals("beta"), y = a.reals("y");
        Reals means = a.reals("mean"), rstds = a.reals("rstd");
        long d = a.size("d");
        for (long row = 0; row < a.size("rows"); row++) {
            long first = row * d;
            double mean = GroupNorm.mean(d, i -> x.get(first + i));
            double variance = GroupNorm.mean(d, i -> Math.pow(x.get(first + i) - mean, 2)), rstd = 1 / Math.sqrt(variance + a.real("eps"));
            for (long i = 0; i < d; i++) y.set(first + i, (x.get(first + i) - mean) * rstd * gamma.get(i) + beta.get(i));
            if (means != null) means.set(row, mean);
            if (rstds != null) rstds.set(row, rstd);
        }
    }

    private static void backward(Args a) {
        Reals x = a.reals("x"), dy = a.reals("dy"), gamma = a.reals("gamma"), mean = a.reals("mean"), rstd = a.reals("rstd");
        Reals dx = a.reals("dx"), dgamma = a.reals("dgamma"), dbeta = a.reals("dbeta");
        long d = a.size("d"), rows = a.size("rows");
        LongToDoubleFunction xhat = i -> (x.get(i) - mean.get(i / d)) * rstd.get(i / d);
        LongToDoubleFunction dxhat = i -> dy.get(i) * gamma.get(i % d);
        for (long row = 0; row < rows && dx != null; row++) {
            long first = row * d;
            double m1 = GroupNorm.mean(d, i -> dxhat.applyAsDouble(first + i));
            double m2 = GroupNorm.mean(d, i -> dxhat.applyAsDouble(first + i) * xhat.applyAsDouble(first + i));
            for (long i = first; i < first + d; i++)
                dx.set(i, rstd.get(row) * (dxhat.applyAsDouble(i) - m1 - xhat.applyAsDouble(i) * m2));
        }
        for (long column = 0; column < d; column++) {
            double scale = 0, offset = 0;
            for (long i = column; i < rows * d; i += d) {
                scale += dy.get(i) * xhat.applyAsDouble(i);
                offset += dy.get(i);
            }
            if (dgamma != null) dgamma.set(column, scale);
            if (dbeta != null) dbeta.set(column, offset);
        }
    }
}
