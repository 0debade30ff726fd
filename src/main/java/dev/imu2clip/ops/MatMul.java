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
    /** C (batch, m, n) = op(A) op(B) + bias. A is (m, k), or (k, m) when transposed; B is (k, n), or (n, k). A stride of 0 repeats. */
    private static final Kernel MATMUL = new Kernel("matmul", "in a, in b, in? bias, out c, size batch, size m, size n, size k, "
            + "size a_transposed, size b_transposed, size a_stride, size b_stride", MatMul::define);

    private MatMul() {}

    /** A factor: matrices as they lie in memory, read transposed or not, one for each of a batch or one {@code repeated} for all. */
    record Operand(Tensor tensor, boolean transposed, boolean repeated) {
        static Operand of(Tensor tensor) {
            return new Operand(tensor, false, false);
        }

        Operand transpose() {
            return new Operand(tensor, !transposed, repeated);
        }
    }

    /** {@code batch} products of (m, k) by (k, n). */
    record Product(long batch, long m, long n, long k) {
        /** c (batch, m, n) = a b + bias; the bias (n) may be null. */
        void run(Operand a, Operand b, Tensor bias, Tensor c) {
            MATMUL.run(a.tensor, b.tensor, bias, c, batch, m, n, k, a.transposed, b.transposed,
                    a.repeated ? 0 : m * k, b.repeated ? 0 : k * n);
        }
    }

    private static void define(Args args) {
        Reals a = args.reals("a"), b = args.reals("b"), bias = args.reals("bias"), c = args.reals("c");
        long m = args.size("m"), n = args.size("n"), k = args.size("k");
        long aStride = args.size("a_stride"), bStride = args.size("b_stride");
        boolean aT = args.flag("a_transposed"), bT = args.flag("b_transposed");
        for (long batch = 0; batch < args.size("batch"); batch++)
            for (long i = 0; i < m; i++)
                for (long j = 0; j < n; j++) {
                    double sum = bias == null ? 0 : bias.get(j);
                    for (long p = 0; p < k; p++) {
                        long atA = aT ? p * m + i : i * k + p, atB = bT ? j * k + p : p * n + j;
                        sum += a.get(batch * aStride + atA) * b.get(batch * bStride + atB);
                    }
                    c.set((batch * m + i) * n + j, sum);
                }
    }

    /** {@code A B}: (..., m, k) by (k, n) or by (..., k, n). */
    public static Tensor matmul(Tape tape, Tensor a, Tensor b) {
        return matmul(tape, a, false, b, false);
    }

    /**
     * {@code op(A) op(B)}, where op transposes the last two dimensions when its flag is set. Leading dimensions are a batch and must
     * agree, except that b may have none: then it multiplies every matrix of a. Differentiates in a and b.
     *
     * @return (..., m, n), with the leading dimensions of a
     * @throws IllegalArgumentException where the shapes or types do not fit
     */
    public static Tensor matmul(Tape tape, Tensor a, boolean aTransposed, Tensor b, boolean bTransposed) {
        if (a.shape().rank() < 2 || b.shape().rank() < 2)
            throw new IllegalArgumentException("matmul needs matrices, got " + a.shape() + " and " + b.shape());
        Form form = form(a, aTransposed, b, bTransposed);
        boolean repeated = b.shape().rank() == 2 && form.batch != 1;
        Operand left = new Operand(a, aTransposed, false), right = new Operand(b, bTransposed, repeated);
        Tensor c = tape.empty(a.dtype(), form.output);
        new Product(form.batch, form.m, form.n, form.k).run(left, right, null, c);
        return tape.record("matmul", c, (dc, d) -> {
            if (d[0] != null) gradientOfLeft(form, left, right, dc, d[0]);
            if (d[1] != null) gradientOfRight(tape, form, left, right, dc, d[1]);
        }, a, b);
    }

    /** C = op(A) op(B): d op(A) = dC op(B)^T, transposed once more where op transposes. */
    private static void gradientOfLeft(Form form, Operand a, Operand b, Tensor dc, Tensor da) {
        if (a.transposed) new Product(form.batch, form.k, form.m, form.n).run(b, Operand.of(dc).transpose(), null, da);
        else new Product(form.batch, form.m, form.k, form.n).run(Operand.of(dc), b.transpose(), null, da);
    }

    /** d op(B) = op(A)^T dC; one B for a whole batch has the sum over the batch. */
    private static void gradientOfRight(Tape tape, Form form, Operand a, Operand b, Tensor dc, Tensor db) {
        if (!b.repeated) gradientOfRight(form.batch, form.m, form, a, b, dc, db);
        else if (!a.transposed) gradientOfRight(1, form.batch * form.m, form, a, b, dc, db); // the same as one taller A
        else {
            Tensor each = tape.empty(db.dtype(), form.batch, db.size(0), db.size(1));
            gradientOfRight(form.batch, form.m, form, a, b, dc, each);
            Reduce.sum(tape, each, null, db, 1, 1, form.batch, db.count());
        }
    }

    private static void gradientOfRight(long batch, long m, Form form, Operand a, Operand b, Tensor dc, Tensor db) {
        if (b.transposed) new Product(batch, form.n, form.k, m).run(Operand.of(dc).transpose(), a, null, db);
        else new Product(batch, form.k, form.n, m).run(a.transpose(), Operand.of(dc), null, db);
    }

    /**
     * A linear layer, {@code x W^T + bias}; differentiates in x, weight and bias.
     *
     * @param x      (..., in)
     * @param weight (out, in), as PyTorch stores it
     * @param bias   (out) or null
     * @return (..., out)
     * @throws IllegalArgumentException where the shapes do not fit, or {@code in} is 0
     */
    public static Tensor linear(Tape tape, Tensor x, Tensor weight, Tensor bias) {
        Require.rank("linear", "the weight", weight, 2);
        long in = weight.size(1), out = weight.size(0);
        if (in < 1 || x.shape().rank() < 1 || x.size(-1) != in || bias != null && bias.count() != out)
            throw new IllegalArgumentException("linear: x " + x.shape() + " does not fit weight " + weight.shape()
                    + (bias == null ? "" : " and bias " + bias.shape()) + ": needed are (..., in), (out, in) and (out), in at least 1");
        long rows = x.count() / in;
        Tensor y = tape.empty(x.dtype(), x.shape().with(-1, out).sizes());
        new Product(1, rows, out, in).run(Operand.of(x), Operand.of(weight).transpose(), bias, y);
        return tape.record("linear", y, (dy, d) -> {
            if (d[0] != null) new Product(1, rows, in, out).run(Operand.of(dy), Operand.of(weight), null, d[0]);
            if (d[1] != null) new Product(1, out, in, rows).run(Operand.of(dy).transpose(), Operand.of(x), null, d[1]);
            if (d[2] != null) Reduce.sum(tape, dy, null, d[2], 1, 1, rows, out);
        }, new Tensor[] {x}, weight, bias);
    }

    private record Form(long batch, long m, long n, long k, long... output) {}

    private static Form form(Tensor a, boolean aTransposed, Tensor b, boolean bTransposed) {
        Shape sa = a.shape(), sb = b.shape();
        long m = sa.size(aTransposed ? -1 : -2), k = sa.size(aTransposed ? -2 : -1);
        long n = sb.size(bTransposed ? -2 : -1), kb = sb.size(bTransposed ? -1 : -2);
        boolean batched = sb.rank() > 2;
        long[] leading = Arrays.copyOf(sa.sizes(), sa.rank() - 2);
        if (k != kb || batched && !Arrays.equals(leading, Arrays.copyOf(sb.sizes(), sb.rank() - 2)))
            throw new IllegalArgumentException("matmul: " + sa + (aTransposed ? "^T" : "") + " does not fit " + sb
                    + (bTransposed ? "^T" : ""));
        long[] output = Arrays.copyOf(leading, sa.rank());
        output[sa.rank() - 2] = m;
        output[sa.rank() - 1] = n;
        return new Form(sa.count(0, sa.rank() - 2), m, n, k, output);
    }
}
