package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;

import java.util.function.LongToDoubleFunction;

/**
 * Group normalisation (Wu and He, arXiv 1803.08494): {@code y = (x - mean) / sqrt(variance + eps) * gamma + beta}, mean and variance
 * (divided by the count) over each group of channels and all of time, gamma and beta per channel.
 */
public final class GroupNorm {
    private static final Kernel FORWARD = new Kernel("group_norm_forward", "in x, in gamma, in beta, out y, out? wide mean, out? wide rstd, "
            + "real eps, size n, size c, size l, size groups", GroupNorm::forward);
    private static final Kernel BACKWARD = new Kernel("group_norm_backward", "in x, in dy, in gamma, in wide mean, in wide rstd, out? dx, "
            + "out? wide dgamma, out? wide dbeta, out wide sums, size n, size c, size l, size groups", GroupNorm::backward);

    private GroupNorm() {}

    /**
     * Normalises groups of channels; differentiates in x, gamma and beta.
     *
     * @param x (N, C, L), or with other dimensions behind C
     * @param groups how many groups the channels form; a divisor of C
     * @param gamma scale (C)
     * @param beta offset (C)
     * @param eps added to the variance; PyTorch's default is 1e-5
     * @return the shape of x
     * @throws IllegalArgumentException where the groups do not divide C, or gamma or beta is not (C)
     */
    public static Tensor groupNorm(Tape tape, Tensor x, int groups, Tensor gamma, Tensor beta, double eps) {
        if (x.shape().rank() < 2) throw new IllegalArgumentException("groupNorm needs an input (N, C, ...), got " + x.shape());
        long n = x.size(0), c = x.size(1), l = x.shape().count(2, x.shape().rank());
        if (groups < 1 || c % groups != 0)
            throw new IllegalArgumentException("groupNorm: " + c + " channels do not divide into " + groups + " groups");
        if (gamma.shape().rank() != 1 || gamma.count() != c || !beta.shape().equals(gamma.shape()))
            throw new IllegalArgumentException("groupNorm: input " + x.shape() + " needs gamma and beta of shape (" + c + ",), got "
                    + gamma.shape() + " and " + beta.shape());
        boolean save = tape.watches(x, gamma, beta);
        Tensor y = tape.like(x);
        Tensor mean = save ? tape.empty(x.dtype().wide(), n, groups) : null, rstd = save ? tape.empty(x.dtype().wide(), n, groups) : null;
        FORWARD.run(x, gamma, beta, y, mean, rstd, eps, n, c, l, groups);
        return tape.record("group_norm", y, (dy, dx) -> BACKWARD.run(x, dy, gamma, mean, rstd, dx[0], dx[1], dx[2],
                tape.empty(x.dtype().wide(), n, c, 2), n, c, l, groups), new Tensor[] {x}, gamma, beta);
    }

    private static void forward(Args a) {
        Reals x = a.reals("x"), gamma = a.reals("gamma"), beta = a.reals("beta"), y = a.reals("y");
        Reals means = a.reals("mean"), rstds = a.reals("rstd");
        long c = a.size("c"), l = a.size("l"), groups = a.size("groups"), count = c / groups * l;
        for (long item = 0; item < a.size("n") * groups; item++) {
            long first = item * count;
            double mean = mean(count, i -> x.get(first + i));
            double variance = mean(count, i -> Math.pow(x.get(first + i) - mean, 2)), rstd = 1 / Math.sqrt(variance + a.real("eps"));
            for (long i = first; i < first + count; i++) y.set(i, (x.get(i) - mean) * rstd * gamma.get(i / l % c) + beta.get(i / l % c));
            if (means != null) means.set(item, mean);
            if (rstds != null) rstds.set(item, rstd);
        }
    }

    private static void backward(Args a) {
        Reals x = a.reals("x"), dy = a.reals("dy"), gamma = a.reals("gamma"), mean = a.reals("mean"), rstd = a.reals("rstd");
        Reals dx = a.reals("dx"), dgamma = a.reals("dgamma"), dbeta = a.reals("dbeta");
        long n = a.size("n"), c = a.size("c"), l = a.size("l"), groups = a.size("groups"), count = c / groups * l;
        LongToDoubleFunction xhat = i -> (x.get(i) - mean.get(i / count)) * rstd.get(i / count);
        LongToDoubleFunction dxhat = i -> dy.get(i) * gamma.get(i / l % c);
        for (long item = 0; item < n * groups && dx != null; item++) {
            long first = item * count;
            double m1 = mean(count, i -> dxhat.applyAsDouble(first + i));
            double m2 = mean(count, i -> dxhat.applyAsDouble(first + i) * xhat.applyAsDouble(first + i));
            for (long i = first; i < first + count; i++)
                dx.set(i, rstd.get(item) * (dxhat.applyAsDouble(i) - m1 - xhat.applyAsDouble(i) * m2));
        }
        for (long channel = 0; channel < c; channel++) {
            double scale = 0, offset = 0;
            for (long ni = 0; ni < n; ni++) for (long i = (ni * c + channel) * l; i < (ni * c + channel + 1) * l; i++) {
                scale += dy.get(i) * xhat.applyAsDouble(i);
                offset += dy.get(i);
            }
            if (dgamma != null) dgamma.set(channel, scale);
            if (dbeta != null) dbeta.set(channel, offset);
        }
    }

    static double mean(long count, LongToDoubleFunction value) {
        double sum = 0;
        for (long i = 0; i < count; i++) sum += value.applyAsDouble(i);
        return count == 0 ? 0 : sum / count; // of nothing: not NaN, as sums over nothing of what it normalises are 0
    }
}
