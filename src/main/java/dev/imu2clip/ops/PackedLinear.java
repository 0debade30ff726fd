package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

import java.util.function.DoubleUnaryOperator;

/**
 * Linear layers of frozen models. The weight (n, k) lies in panels (ceil(n / width), k, width): panel p holds rows p * width and following,
 * transposed, and zeros where there are no more. So a product reads it front to back and packs nothing, and its activation or residual
 * costs no further pass. No gradients: training uses {@link MatMul#linear}.
 */
public final class PackedLinear {
    private static final Kernel PACK = new Kernel("pack_panels", "in weight, out panels, size n, size k, size width", a -> {
        Reals weight = a.reals("weight"), panels = a.reals("panels");
        long n = a.size("n"), k = a.size("k"), width = a.size("width");
        for (long j = 0; j < Math.ceilDiv(n, width) * width; j++)
            for (long p = 0; p < k; p++) panels.set(j / width * k * width + p * width + j % width, j < n ? weight.get(j * k + p) : 0);
    });

    /** y (rows, n) = finish(x (rows, k) W^T + bias + add); add may be y. */
    private static final Kernel FORWARD = new Kernel("packed_linear",
            "in x, in panels, in? bias, in? add, out y, size rows, size n, size k, size width, size activation", PackedLinear::define);

    /** What becomes of a product's elements. */
    public enum Finish {
        NOTHING(x -> x), GELU(x -> x * Activation.normalCdf(x)), QUICK_GELU(x -> x * Activation.logistic(Activation.QUICK * x));

        private final DoubleUnaryOperator function;

        Finish(DoubleUnaryOperator function) {
            this.function = function;
        }
    }

    private PackedLinear() {}

    private static void define(Args a) {
        Reals x = a.reals("x"), panels = a.reals("panels"), bias = a.reals("bias"), add = a.reals("add"), y = a.reals("y");
        long n = a.size("n"), k = a.size("k"), width = a.size("width");
        DoubleUnaryOperator finish = Finish.values()[(int) a.size("activation")].function;
        for (long i = 0; i < a.size("rows"); i++)
            for (long j = 0; j < n; j++) {
                double sum = (bias == null ? 0 : bias.get(j)) + (add == null ? 0 : add.get(i * n + j));
                for (long p = 0; p < k; p++) sum += x.get(i * k + p) * panels.get(j / width * k * width + p * width + j % width);
                y.set(i * n + j, finish.applyAsDouble(sum));
            }
    }

    /** The shape that a weight (n, k) has in panels. */
    public static Shape panels(long n, long k, int width) {
        return Shape.of(Math.ceilDiv(n, width), k, width);
    }

    /** Fills panels, of a shape by {@link #panels}, from a weight (n, k). */
    public static void pack(Tensor weight, Tensor panels) {
        long n = weight.size(0), k = weight.size(1);
        if (!panels.shape().equals(panels(n, k, Math.toIntExact(panels.size(-1)))))
            throw new IllegalArgumentException("a weight " + weight.shape() + " does not fit panels " + panels.shape());
        PACK.run(weight, panels, n, k, panels.size(-1));
    }

    /**
     * {@code finish(x W^T + bias)}.
     *
     * @param x      (..., k)
     * @param panels the weight, see {@link #pack}
     * @param out    n, the rows of the weight
     * @param bias   (n) or null
     * @return (..., n)
     * @throws IllegalArgumentException where the shapes do not fit
     */
    public static Tensor linear(Tape tape, Tensor x, Tensor panels, long out, Tensor bias, Finish finish) {
        require(x, panels, out, bias);
        Tensor y = tape.empty(x.dtype(), x.shape().with(-1, out).sizes());
        run(x, panels, bias, null, y, finish);
        return tape.recordConstant("packed_linear", y, x, bias);
    }

    /**
     * {@code y += x W^T + bias}, in place.
     *
     * @param y (..., n), which nothing may be watching
     */
    public static void add(Tape tape, Tensor x, Tensor panels, Tensor bias, Tensor y) {
        require(x, panels, y.size(-1), bias);
        if (!y.shape().equals(x.shape().with(-1, y.size(-1))))
            throw new IllegalArgumentException("packed_linear: rows of " + x.shape() + " cannot be added to " + y.shape());
        tape.recordConstant("packed_linear", y, x, bias, y);
        run(x, panels, bias, y, y, Finish.NOTHING);
    }

    private static void require(Tensor x, Tensor panels, long out, Tensor bias) {
        Require.rank("packed_linear", "the weight", panels, 3);
        long k = panels.size(1), width = panels.size(2);
        if (k < 1 || x.shape().rank() < 1 || x.size(-1) != k || panels.size(0) != Math.ceilDiv(out, width)
                || bias != null && bias.count() != out)
            throw new IllegalArgumentException("packed_linear: x " + x.shape() + " and " + out + " outputs do not fit panels "
                    + panels.shape() + (bias == null ? "" : " and bias " + bias.shape()));
    }

    private static void run(Tensor x, Tensor panels, Tensor bias, Tensor add, Tensor y, Finish finish) {
        long n = y.size(-1), k = panels.size(1);
        FORWARD.run(x, panels, bias, add, y, x.count() / k, n, k, panels.size(2), finish.ordinal());
    }
}
