package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;

import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;

/**
 * Arithmetic element by element. All of it differentiates in every input.
 *
 * <p>Two tensors broadcast as in NumPy: shapes are aligned at the last dimension, and a dimension that is 1 or missing in one of them
 * repeats along the other's; the gradient of what was repeated is summed. They must be of one floating-point type and have at most 6
 * dimensions. Both kinds throw {@link IllegalArgumentException} for integer tensors, and those of two also for types or shapes that do
 * not go together. Results of one tensor have its shape.
 */
public final class Elementwise {
    private static final Kernel ADD = Broadcast.kernel("add", (a, b) -> a + b);
    private static final Kernel SUBTRACT = Broadcast.kernel("subtract", (a, b) -> a - b);
    private static final Kernel MULTIPLY = Broadcast.kernel("multiply", (a, b) -> a * b);
    private static final Kernel DIVIDE = Broadcast.kernel("divide", (a, b) -> a / b);

    private static final Kernel AXPB = new Kernel("axpb", "in x, out y, real alpha, real beta, size n", a -> {
        double alpha = a.real("alpha"), beta = a.real("beta");
        Reals x = a.reals("x"), y = a.reals("y");
        for (long i = 0, n = a.size("n"); i < n; i++) y.set(i, alpha * x.get(i) + beta);
    });
    private static final Kernel CLAMP_MAX_FORWARD = new Kernel("clamp_max_forward", "in x, out y, real max, size n", a -> {
        double max = a.real("max");
        Reals x = a.reals("x"), y = a.reals("y");
        for (long i = 0, n = a.size("n"); i < n; i++) y.set(i, x.get(i) > max ? max : x.get(i));
    });
    private static final Kernel CLAMP_MAX_BACKWARD = new Kernel("clamp_max_backward", "in x, in dy, out dx, real max, size n", a -> {
        double max = a.real("max");
        Reals x = a.reals("x"), dy = a.reals("dy"), dx = a.reals("dx");
        for (long i = 0, n = a.size("n"); i < n; i++) dx.set(i, x.get(i) <= max ? dy.get(i) : 0);
    });

    private static final Unary EXP = new Unary("exp", true, Math::exp, (y, dy) -> dy * y);
    private static final Unary LOG = new Unary("log", false, Math::log, (x, dy) -> dy / x);
    private static final Unary SQRT = new Unary("sqrt", true, Math::sqrt, (y, dy) -> dy / (2 * y));
    private static final Unary SQUARE = new Unary("square", false, x -> x * x, (x, dy) -> 2 * x * dy);
    private static final Unary ABS = new Unary("abs", false, Math::abs, (x, dy) -> x > 0 ? dy : x < 0 ? -dy : 0);

    private Elementwise() {}

    // ---- two tensors ----

    /** {@code a + b}, broadcast. */
    public static Tensor add(Tape tape, Tensor a, Tensor b) {
        Tensor y = binary(tape, ADD, a, b);
        return tape.record("add", y, (dy, dx) -> {
            if (dx[0] != null) Reduce.sumTo(tape, dy, null, dx[0], 1);
            if (dx[1] != null) Reduce.sumTo(tape, dy, null, dx[1], 1);
        }, a, b);
    }

    /** {@code a - b}, broadcast. */
    public static Tensor subtract(Tape tape, Tensor a, Tensor b) {
        Tensor y = binary(tape, SUBTRACT, a, b);
        return tape.record("subtract", y, (dy, dx) -> {
            if (dx[0] != null) Reduce.sumTo(tape, dy, null, dx[0], 1);
            if (dx[1] != null) Reduce.sumTo(tape, dy, null, dx[1], -1);
        }, a, b);
    }

    /** {@code a * b}, broadcast. */
    public static Tensor multiply(Tape tape, Tensor a, Tensor b) {
        Tensor y = binary(tape, MULTIPLY, a, b);
        return tape.record("multiply", y, (dy, dx) -> {
            if (dx[0] != null) sumOfProducts(tape, dy, b, dx[0]);
            if (dx[1] != null) sumOfProducts(tape, dy, a, dx[1]);
        }, a, b);
    }

    /** {@code a / b}, broadcast; by zero as IEEE 754 has it: infinity or NaN. */
    public static Tensor divide(Tape tape, Tensor a, Tensor b) {
        Tensor y = binary(tape, DIVIDE, a, b);
        return tape.record("divide", y, (dy, dx) -> {
            // d(a/b) = (da - y db) / b
            boolean direct = dx[0] != null && dx[0].shape().equals(dy.shape());
            Tensor quotient = direct ? dx[0] : tape.like(dy);
            Broadcast.of("divide", dy.shape(), b.shape()).run(DIVIDE, dy, b, quotient);
            if (dx[0] != null && !direct) Reduce.sumTo(tape, quotient, null, dx[0], 1);
            if (dx[1] != null) Reduce.sumTo(tape, quotient, y, dx[1], -1);
        }, a, b);
    }

    private static Tensor binary(Tape tape, Kernel kernel, Tensor a, Tensor b) {
        Require.floats(kernel.name(), a, b);
        Require.sameType(kernel.name(), a, b);
        Broadcast broadcast = Broadcast.of(kernel.name(), a.shape(), b.shape());
        Tensor y = tape.empty(a.dtype(), broadcast.result().sizes());
        broadcast.run(kernel, a, b, y);
        return y;
    }

    /** target = dy * other, summed over the dimensions along which the target was repeated. */
    private static void sumOfProducts(Tape tape, Tensor dy, Tensor other, Tensor target) {
        boolean full = other.shape().equals(dy.shape());
        if (full && !target.shape().equals(dy.shape())) Reduce.sumTo(tape, dy, other, target, 1);
        else {
            boolean direct = target.shape().equals(dy.shape());
            Tensor product = direct ? target : tape.like(dy);
            Broadcast.of("multiply", dy.shape(), other.shape()).run(MULTIPLY, dy, other, product);
            if (!direct) Reduce.sumTo(tape, product, null, target, 1);
        }
    }

    // ---- one tensor ----

    /** {@code alpha * x + beta} */
    public static Tensor axpb(Tape tape, Tensor x, double alpha, double beta) {
        Require.floats("axpb", x);
        Tensor y = tape.like(x);
        AXPB.run(x, y, alpha, beta, x.count());
        return tape.record("axpb", y, (dy, dx) -> AXPB.run(dy, dx[0], alpha, 0, x.count()), x);
    }

    /** {@code -x} */
    public static Tensor negate(Tape tape, Tensor x) {
        return axpb(tape, x, -1, 0);
    }

    /** {@code min(x, max)}; the gradient passes where {@code x <= max}, so that a parameter that sits on its bound can leave it. */
    public static Tensor clampMax(Tape tape, Tensor x, double max) {
        Require.floats("clampMax", x);
        Tensor y = tape.like(x);
        CLAMP_MAX_FORWARD.run(x, y, max, x.count());
        return tape.record("clamp_max", y, (dy, dx) -> CLAMP_MAX_BACKWARD.run(x, dy, dx[0], max, x.count()), x);
    }

    /** {@code e^x} */
    public static Tensor exp(Tape tape, Tensor x) {
        return EXP.apply(tape, x);
    }

    /** Natural logarithm: -infinity at 0, NaN below. */
    public static Tensor log(Tape tape, Tensor x) {
        return LOG.apply(tape, x);
    }

    /** Square root: NaN below 0; its gradient at 0 is infinite. */
    public static Tensor sqrt(Tape tape, Tensor x) {
        return SQRT.apply(tape, x);
    }

    /** {@code x * x} */
    public static Tensor square(Tape tape, Tensor x) {
        return SQUARE.apply(tape, x);
    }

    /** Absolute value; its gradient at 0 is 0. */
    public static Tensor abs(Tape tape, Tensor x) {
        return ABS.apply(tape, x);
    }

    /** A function with its kernels {@code <name>_forward} and {@code <name>_backward}; the latter sees x or, where simpler, the result. */
    private record Unary(String name, boolean backwardSeesResult, Kernel forward, Kernel backward) {
        Unary(String name, boolean backwardSeesResult, DoubleUnaryOperator f, DoubleBinaryOperator gradient) {
            this(name, backwardSeesResult, new Kernel(name + "_forward", "in x, out y, size n", a -> {
                Reals x = a.reals("x"), y = a.reals("y");
                for (long i = 0, n = a.size("n"); i < n; i++) y.set(i, f.applyAsDouble(x.get(i)));
            }), new Kernel(name + "_backward", "in saved, in dy, out dx, size n", a -> {
                Reals saved = a.reals("saved"), dy = a.reals("dy"), dx = a.reals("dx");
                for (long i = 0, n = a.size("n"); i < n; i++) dx.set(i, gradient.applyAsDouble(saved.get(i), dy.get(i)));
            }));
        }

        Tensor apply(Tape tape, Tensor x) {
            Require.floats(name, x);
            Tensor y = tape.like(x), saved = backwardSeesResult ? y : x;
            forward.run(x, y, x.count());
            return tape.record(name, y, (dy, dx) -> backward.run(saved, dy, dx[0], x.count()), x);
        }
    }
}
