package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

import java.util.Arrays;

/** Matrix multiplication, batched, in its transposed forms, with a bias added to every row. */
public final class MatMul {
    /** C (batch, m, n) = op(A) op(B) + bias. A is (m, k), or (k, m) when transposed; B is (k, n), or (n, k). Strides of 0 repeat a matrix. */
    static final Kernel MATMUL = new Kernel("matmul",
            "in a, in b, in? bias, out c, size batch, size m, size n, size k, size a_transposed, size b_transposed, size a_stride, size b_stride",
            MatMul::define);

    /** y (n) = the sum of the rows of x (m, n). */
    static final Kernel SUM_ROWS = new Kernel("sum_rows", "in x, out y, size m, size n", a -> {
        Reals x = a.reals("x"), y = a.reals("y");
        long m = a.size("m"), n = a.size("n");
        for (long j = 0; j < n; j++) {
            double sum = 0;
            for (long i = 0; i < m; i++) sum += x.get(i * n + j);
            y.set(j, sum);
        }
    });

    private MatMul() {}

    private static void define(Args args) {
        Reals a = args.reals("a"), b = args.reals("b"), bias = args.reals("bias"), c = args.reals("c");
        long m = args.size("m"), n = args.size("n"), k = args.size("k"), aStride = args.size("a_stride"), bStride = args.size("b_stride");
        boolean aT = args.flag("a_transposed"), bT = args.flag("b_transposed");
        for (long batch = 0; batch < args.size("batch"); batch++)
            for (long i = 0; i < m; i++)
                for (long j = 0; j < n; j++) {
                    double sum = bias == null ? 0 : bias.get(j);
                    for (long p = 0; p < k; p++)
                        sum += a.get(batch * aStride + (aT ? p * m + i : i * k + p)) * b.get(batch * bStride + (bT ? j * k + p : p * n + j));
                    c.set((batch * m + i) * n + j, sum);
                }
    }

    /** {@code A B}: (..., m, k) by (k, n) or by (..., k, n). */
    public static Tensor matmul(Tape tape, Tensor a, Tensor b) {
        return matmul(tape, a, false, b, false);
    }

    /**
     * {@code op(A) op(B)}, where op transposes the last two dimensions when its flag is set. Leading dimensions are a batch and must
     * agree, except that b may have none: then it multiplies every matrix of a.
     */
    public static Tensor matmul(Tape tape, Tensor a, boolean aTransposed, Tensor b, boolean bTransposed) {
        if (a.shape().rank() < 2 || b.shape().rank() < 2)
            throw new IllegalArgumentException("matmul needs matrices, got " + a.shape() + " and " + b.shape());
        Form form = form(a, aTransposed, b, bTransposed);
        Tensor c = tape.empty(a.dtype(), form.output);
        run(a, aTransposed, b, bTransposed, null, c, form.batch, form.m, form.n, form.k, form.bBatched);
        return tape.record("matmul", c, (dc, d) -> {
            // C = op(A) op(B): d op(A) = dC op(B)^T and d op(B) = op(A)^T dC; transposed once more where op transposes.
            if (d[0] != null) {
                if (aTransposed) run(b, bTransposed, dc, true, null, d[0], form.batch, form.k, form.m, form.n, true, form.bBatched);
                else run(dc, false, b, !bTransposed, null, d[0], form.batch, form.m, form.k, form.n, form.bBatched);
            }
            if (d[1] != null) {
                boolean repeated = !form.bBatched && form.batch > 1;
                if (repeated && aTransposed) throw new UnsupportedOperationException("no gradient for a batch of transposed matrices times one matrix");
                // One B for the whole batch: its gradient sums over the batch, which is the same as one taller A.
                long batch = repeated ? 1 : form.batch, m = repeated ? form.batch * form.m : form.m;
                if (bTransposed) run(dc, true, a, aTransposed, null, d[1], batch, form.n, form.k, m, true);
                else run(a, !aTransposed, dc, false, null, d[1], batch, form.k, form.n, m, true);
            }
        }, a, b);
    }

    /**
     * A linear layer: {@code x W^T + bias}.
     *
     * @param x      (..., in)
     * @param weight (out, in), as PyTorch stores it
     * @param bias   (out) or null
     * @return (..., out)
     */
    public static Tensor linear(Tape tape, Tensor x, Tensor weight, Tensor bias) {
        long in = weight.size(1), out = weight.size(0);
        if (weight.shape().rank() != 2 || x.size(-1) != in || bias != null && bias.count() != out)
            throw new IllegalArgumentException("linear: x " + x.shape() + " does not fit weight " + weight.shape()
                    + (bias == null ? "" : " and bias " + bias.shape()));
        long rows = x.count() / in;
        Tensor y = tape.empty(x.dtype(), x.shape().with(-1, out).sizes());
        run(x, false, weight, true, bias, y, 1, rows, out, in, true);
        return tape.record("linear", y, (dy, d) -> {
            if (d[0] != null) run(dy, false, weight, false, null, d[0], 1, rows, in, out, true);
            if (d[1] != null) run(dy, true, x, false, null, d[1], 1, out, in, rows, true);
            if (d[2] != null) SUM_ROWS.run(dy, d[2], rows, out);
        }, x, weight, bias);
    }

    private record Form(long batch, long m, long n, long k, boolean bBatched, long... output) {}

    private static Form form(Tensor a, boolean aTransposed, Tensor b, boolean bTransposed) {
        Shape sa = a.shape(), sb = b.shape();
        long m = sa.size(aTransposed ? -1 : -2), k = sa.size(aTransposed ? -2 : -1);
        long n = sb.size(bTransposed ? -2 : -1), kb = sb.size(bTransposed ? -1 : -2);
        boolean batched = sb.rank() > 2;
        long[] leading = Arrays.copyOf(sa.sizes(), sa.rank() - 2);
        if (k != kb || batched && !Arrays.equals(leading, Arrays.copyOf(sb.sizes(), sb.rank() - 2)))
            throw new IllegalArgumentException("matmul: " + sa + (aTransposed ? "^T" : "") + " does not fit " + sb + (bTransposed ? "^T" : ""));
        long[] output = Arrays.copyOf(leading, sa.rank());
        output[sa.rank() - 2] = m;
        output[sa.rank() - 1] = n;
        return new Form(sa.count(0, sa.rank() - 2), m, n, k, batched, output);
    }

    private static void run(Tensor a, boolean aT, Tensor b, boolean bT, Tensor bias, Tensor c, long batch, long m, long n, long k, boolean bBatched) {
        run(a, aT, b, bT, bias, c, batch, m, n, k, bBatched, true);
    }

    private static void run(Tensor a, boolean aT, Tensor b, boolean bT, Tensor bias, Tensor c, long batch, long m, long n, long k,
                            boolean bBatched, boolean aBatched) {
        MATMUL.run(a, b, bias, c, batch, m, n, k, aT, bT, aBatched ? m * k : 0, bBatched ? k * n : 0);
    }
}
