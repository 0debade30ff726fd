package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.tensor.Philox;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;

/**
 * Dropout (Srivastava et al., JMLR 2014): each element is zero with probability p, and 1 / (1 - p) times itself otherwise. The mask is
 * not stored: it comes from {@link Philox}, the same on every backend, and backward draws it again.
 */
public final class Dropout {
    /** Keeps element i where uniform number {@code 4 * offset + i} of the key's sequence is at least p. Its own backward. */
    private static final Kernel DROPOUT = new Kernel("dropout", "in x, in i32 key, out y, real p, size offset, size n", a -> {
        Reals x = a.reals("x"), key = a.reals("key"), y = a.reals("y");
        double p = a.real("p");
        long seed = key.integer(0) & 0xFFFFFFFFL | key.integer(1) << 32, first = 4 * a.size("offset");
        for (long i = 0, n = a.size("n"); i < n; i++) y.set(i, Philox.uniform(seed, first + i) >= p ? x.get(i) / (1 - p) : 0);
    });

    private Dropout() {}

    /**
     * Zeroes elements at random and scales up the others, on a tape that {@linkplain Tape#drawFrom draws}: in training. Elsewhere x itself
     * comes back.
     *
     * @param x any shape, which the result has too
     * @param p probability of a zero, 0 to 1; at 0 x itself comes back
     * @throws IllegalArgumentException where p is outside of its range
     */
    public static Tensor dropout(Tape tape, Tensor x, double p) {
        Require.floats("dropout", x);
        if (!(p >= 0 && p <= 1)) throw new IllegalArgumentException("dropout needs a probability from 0 to 1, got " + p);
        Tensor key = tape.randomKey();
        if (p == 0 || key == null) return x;
        long offset = tape.draw((x.count() + 3) / 4); // a counter gives four numbers
        Tensor y = tape.like(x);
        DROPOUT.run(x, key, y, p, offset, x.count());
        return tape.record("dropout", y, (dy, dx) -> DROPOUT.run(dy, key, dx[0], p, offset, x.count()), x);
    }
}
