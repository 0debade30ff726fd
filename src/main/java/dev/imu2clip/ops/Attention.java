package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;

/**
 * Scaled dot-product attention of several heads (Vaswani et al., arXiv 1706.03762): per head {@code y = softmax(q k^T / sqrt(D)) v}.
 *
 * <p>One kernel from queries, keys and values to the output: scores never exist but in tiles, and the backward pass computes them again
 * from the logarithm of each row's sum (Dao et al., arXiv 2205.14135). The result for a row has the same bits whatever it is batched with.
 * Keys beyond a sequence's length are never read. Keys that only the causal mask hides must be finite: a NaN or an infinity in one of
 * them can reach earlier queries, as it does in a product with an explicit mask.
 */
public final class Attention {
    private static final String SIZES = ", real scale, size b, size t, size s, size h, size d, "
            + "size q_row, size k_row, size v_row, size causal";
    private static final Kernel FORWARD = new Kernel("attention_forward", "in q, in k, in v, out y, out? wide lse, in? i32 key_lengths, "
            + "in? i32 query_lengths" + SIZES, Attention::forward);
    private static final Kernel BACKWARD = new Kernel("attention_backward", "in q, in k, in v, in y, in dy, in wide lse, in? i32 key_lengths, "
            + "in? i32 query_lengths, out? dq, out? dk, out? dv" + SIZES, Attention::backward);

    private Attention() {}

    /**
     * Attention between two sequences; differentiates in q, k and v.
     *
     * @param q queries (B, T, H, D)
     * @param k keys (B, S, H, D)
     * @param v values (B, S, H, D)
     * @return (B, T, H, D)
     * @throws IllegalArgumentException where the shapes do not fit each other or the mask's lengths
     */
    public static Tensor attention(Tape tape, Tensor q, Tensor k, Tensor v, AttentionMask mask) {
        if (q.shape().rank() != 4 || k.shape().rank() != 4 || !k.shape().equals(v.shape())
                || !k.shape().equals(q.shape().with(1, k.size(1))))
            throw new IllegalArgumentException("attention needs queries (B, T, H, D) and keys and values (B, S, H, D), got "
                    + q.shape() + ", " + k.shape() + " and " + v.shape());
        Sizes sizes = new Sizes(q.size(0), q.size(1), k.size(1), q.size(2), q.size(3), q.size(2) * q.size(3), mask);
        Tensor y = tape.like(q), lse = tape.watches(q, k, v) ? tape.empty(q.dtype().wide(), sizes.b, sizes.h, sizes.t) : null;
        sizes.forward(q, k, v, y, lse);
        return tape.record("attention", y, (dy, dx) -> sizes.backward(q, k, v, y, dy, lse, dx[0], dx[1], dx[2]), q, k, v);
    }

    /**
     * Attention within a sequence, straight from the packed projection; differentiates in qkv.
     *
     * @param qkv queries, keys and values (B, T, 3, H, D)
     * @return (B, T, H * D)
     * @throws IllegalArgumentException where the shape is another or does not fit the mask's lengths
     */
    public static Tensor selfAttention(Tape tape, Tensor qkv, AttentionMask mask) {
        if (qkv.shape().rank() != 5 || qkv.size(2) != 3)
            throw new IllegalArgumentException("selfAttention needs queries, keys and values (B, T, 3, H, D), got " + qkv.shape());
        long b = qkv.size(0), t = qkv.size(1), h = qkv.size(3), d = qkv.size(4);
        Sizes sizes = new Sizes(b, t, t, h, d, 3 * h * d, mask);
        Tensor y = tape.empty(qkv.dtype(), b, t, h * d), lse = tape.watches(qkv) ? tape.empty(qkv.dtype().wide(), b, h, t) : null;
        sizes.forward(part(qkv, 0), part(qkv, 1), part(qkv, 2), y, lse);
        return tape.record("attention", y, (dy, dx) -> sizes.backward(part(qkv, 0), part(qkv, 1), part(qkv, 2), y, dy, lse,
                part(dx[0], 0), part(dx[0], 1), part(dx[0], 2)), qkv);
    }

    /** Queries (0), keys (1) or values (2) of a packed projection: from their first element to their last, with the others in between. */
    private static Tensor part(Tensor qkv, int which) {
        if (qkv.count() == 0) return qkv;
        long width = qkv.size(3) * qkv.size(4);
        return qkv.view(which * width, qkv.count() - 2 * width);
    }

    private record Sizes(long b, long t, long s, long h, long d, long row, AttentionMask mask) {
        Sizes {
            for (Tensor lengths : new Tensor[] {mask.keyLengths(), mask.queryLengths()})
                if (lengths != null && lengths.count() != b)
                    throw new IllegalArgumentException("attention over " + b + " sequences needs as many lengths, got " + lengths.shape());
        }

        double scale() {
            return 1 / Math.sqrt(d);
        }

        void forward(Tensor q, Tensor k, Tensor v, Tensor y, Tensor lse) {
            FORWARD.run(q, k, v, y, lse, mask.keyLengths(), mask.queryLengths(), scale(), b, t, s, h, d, row, row, row, mask.causal());
        }

        void backward(Tensor q, Tensor k, Tensor v, Tensor y, Tensor dy, Tensor lse, Tensor dq, Tensor dk, Tensor dv) {
            BACKWARD.run(q, k, v, y, dy, lse, mask.keyLengths(), mask.queryLengths(), dq, dk, dv, scale(), b, t, s, h, d, row, row, row,
                    mask.causal());
        }
    }

    // ---- definition: one row of queries at a time ----

    private interface Row {
        /**
         * Row {@code i} of (b, h, t): where query, key 0, value 0 and output begin, softmax(q k^T / sqrt(D)) over the keys it sees, and
         * the logarithm of the sum that divides it.
         */
        void at(long i, long q, long k, long v, long y, double[] probabilities, double lse);
    }

    private static void forEachRow(Args a, Row row) {
        Reals q = a.reals("q"), k = a.reals("k"), keyLengths = a.reals("key_lengths"), queryLengths = a.reals("query_lengths");
        long t = a.size("t"), s = a.size("s"), h = a.size("h"), d = a.size("d");
        long qRow = a.size("q_row"), kRow = a.size("k_row"), vRow = a.size("v_row");
        boolean causal = a.flag("causal");
        double scale = a.real("scale");
        for (long b = 0, batch = a.size("b"); b < batch; b++) for (long head = 0; head < h; head++) for (long i = 0; i < t; i++) {
            long q0 = (b * t + i) * qRow + head * d, y0 = ((b * t + i) * h + head) * d;
            long k0 = b * s * kRow + head * d, v0 = b * s * vRow + head * d;
            long keys = keyLengths == null ? s : Math.clamp(keyLengths.integer(b), 0, s);
            if (causal) keys = Math.min(keys, i + 1);
            if (queryLengths != null && i >= queryLengths.integer(b)) keys = 0;
            double[] p = new double[(int) keys];
            double most = Double.NEGATIVE_INFINITY, sum = 0;
            for (int j = 0; j < keys; j++) {
                for (long x = 0; x < d; x++) p[j] += q.get(q0 + x) * k.get(k0 + j * kRow + x) * scale;
                most = Math.max(most, p[j]);
            }
            for (int j = 0; j < keys; j++) sum += p[j] = Math.exp(p[j] - most);
            for (int j = 0; j < keys; j++) p[j] /= sum;
            row.at((b * h + head) * t + i, q0, k0, v0, y0, p, most + Math.log(sum));
        }
    }

    private static void forward(Args a) {
        Reals v = a.reals("v"), y = a.reals("y"), rows = a.reals("lse");
        long d = a.size("d"), vRow = a.size("v_row");
        forEachRow(a, (i, _, _, v0, y0, p, lse) -> {
            if (rows != null && p.length > 0) rows.set(i, lse);
            for (long x = 0; x < d; x++) {
                double sum = 0;
                for (int j = 0; j < p.length; j++) sum += p[j] * v.get(v0 + j * vRow + x);
                y.set(y0 + x, sum);
            }
        });
    }

    private static void backward(Args a) {
        Reals q = a.reals("q"), k = a.reals("k"), v = a.reals("v"), dy = a.reals("dy");
        long d = a.size("d"), kRow = a.size("k_row"), vRow = a.size("v_row");
        double scale = a.real("scale");
        Reals dq = cleared(a, "dq", "t", "q_row"), dk = cleared(a, "dk", "s", "k_row"), dv = cleared(a, "dv", "s", "v_row");
        forEachRow(a, (_, q0, k0, v0, y0, p, _) -> {
            double[] dp = new double[p.length];
            double mean = 0;
            for (int j = 0; j < p.length; j++) {
                for (long x = 0; x < d; x++) dp[j] += dy.get(y0 + x) * v.get(v0 + j * vRow + x);
                mean += p[j] * dp[j];
            }
            for (int j = 0; j < p.length; j++) for (long x = 0; x < d; x++) {
                double ds = p[j] * (dp[j] - mean) * scale;
                if (dq != null) dq.add(q0 + x, ds * k.get(k0 + j * kRow + x));
                if (dk != null) dk.add(k0 + j * kRow + x, ds * q.get(q0 + x));
                if (dv != null) dv.add(v0 + j * vRow + x, p[j] * dy.get(y0 + x));
            }
        });
    }

    /** A gradient with its rows, not what lies between them, set to zero; null where it is not wanted. */
    private static Reals cleared(Args a, String field, String steps, String row) {
        Reals gradient = a.reals(field);
        long rows = a.size("b") * a.size(steps), width = a.size("h") * a.size("d"), stride = a.size(row);
        for (long i = 0; i < rows && gradient != null; i++) for (long x = 0; x < width; x++) gradient.set(i * stride + x, 0);
        return gradient;
    }
}
