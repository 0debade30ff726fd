package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;

import java.util.function.DoubleUnaryOperator;

/**
 * Activation functions, element by element. Each is a pair of kernels: {@code <name>_forward} (y from x) and {@code <name>_backward}
 * (dx from x and dy). Results have the shape and type of x, which must be floating-point; NaN stays NaN.
 */
public final class Activation {
    private static final double SQRT_2 = Math.sqrt(2), INV_SQRT_2PI = 1 / Math.sqrt(2 * Math.PI);
    static final double QUICK = 1.702;

    private static final Activation RELU = new Activation("relu", x -> Math.max(x, 0), x -> x > 0 ? 1 : 0);
    private static final Activation GELU = new Activation("gelu", x -> x * normalCdf(x),
            x -> normalCdf(x) + x * INV_SQRT_2PI * Math.exp(-x * x / 2));
    private static final Activation QUICK_GELU = new Activation("quick_gelu", x -> x * logistic(QUICK * x),
            x -> logistic(QUICK * x) * (1 + QUICK * x * (1 - logistic(QUICK * x))));
    private static final Activation SIGMOID = new Activation("sigmoid", Activation::logistic, x -> logistic(x) * (1 - logistic(x)));
    private static final Activation TANH = new Activation("tanh", Math::tanh, x -> 1 - Math.tanh(x) * Math.tanh(x));

    private static final Kernel LEAKY_FORWARD = new Kernel("leaky_relu_forward", "in x, out y, real slope, size n", a -> {
        double slope = a.real("slope");
        map(a, "x", "y", x -> x > 0 ? x : slope * x);
    });
    private static final Kernel LEAKY_BACKWARD = new Kernel("leaky_relu_backward", "in x, in dy, out dx, real slope, size n", a -> {
        double slope = a.real("slope");
        chain(a, x -> x > 0 ? 1 : slope);
    });

    private final String name;
    private final Kernel forward;
    private final Kernel backward;

    private Activation(String name, DoubleUnaryOperator value, DoubleUnaryOperator derivative) {
        this.name = name;
        this.forward = new Kernel(name + "_forward", "in x, out y, size n", a -> map(a, "x", "y", value));
        this.backward = new Kernel(name + "_backward", "in x, in dy, out dx, size n", a -> chain(a, derivative));
    }

    private Tensor apply(Tape tape, Tensor x) {
        Require.floats(name, x);
        Tensor y = tape.like(x);
        forward.run(x, y, x.count());
        return tape.record(name, y, (dy, dx) -> backward.run(x, dy, dx[0], x.count()), x);
    }

    /** {@code max(x, 0)} */
    public static Tensor relu(Tape tape, Tensor x) {
        return RELU.apply(tape, x);
    }

    /** {@code x} where positive, else {@code slope * x}. */
    public static Tensor leakyRelu(Tape tape, Tensor x, double slope) {
        Require.floats("leaky_relu", x);
        Tensor y = tape.like(x);
        LEAKY_FORWARD.run(x, y, slope, x.count());
        return tape.record("leaky_relu", y, (dy, dx) -> LEAKY_BACKWARD.run(x, dy, dx[0], slope, x.count()), x);
    }

    /** {@code x * Phi(x)} with the normal distribution's exact Phi (Hendrycks and Gimpel, arXiv 1606.08415). */
    public static Tensor gelu(Tape tape, Tensor x) {
        return GELU.apply(tape, x);
    }

    /** {@code x * sigmoid(1.702 x)}: the approximation that OpenAI's CLIP was trained with. */
    public static Tensor quickGelu(Tape tape, Tensor x) {
        return QUICK_GELU.apply(tape, x);
    }

    /** {@code 1 / (1 + exp(-x))} */
    public static Tensor sigmoid(Tape tape, Tensor x) {
        return SIGMOID.apply(tape, x);
    }

    /** Hyperbolic tangent. */
    public static Tensor tanh(Tape tape, Tensor x) {
        return TANH.apply(tape, x);
    }

    private static void map(Args a, String from, String to, DoubleUnaryOperator f) {
        Reals x = a.reals(from), y = a.reals(to);
        for (long i = 0, n = a.size("n"); i < n; i++) y.set(i, f.applyAsDouble(x.get(i)));
    }

    private static void chain(Args a, DoubleUnaryOperator derivative) {
        Reals x = a.reals("x"), dy = a.reals("dy"), dx = a.reals("dx");
        for (long i = 0, n = a.size("n"); i < n; i++) dx.set(i, dy.get(i) * derivative.applyAsDouble(x.get(i)));
    }

    static double logistic(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    static double normalCdf(double x) {
        return 0.5 * erfc(-x / SQRT_2);
    }

    /** Complementary error function: its Taylor series near 0, its continued fraction (Lentz) further out; to about 1e-15. */
    private static double erfc(double x) {
        if (x < 0) return 2 - erfc(-x);
        if (x < 2.5) {
            double term = x, sum = x;
            for (int k = 1; Math.abs(term) > 1e-18 * Math.abs(sum) && k < 200; k++) {
                term *= -x * x / k;
                sum += term / (2 * k + 1);
            }
            return 1 - 2 / Math.sqrt(Math.PI) * sum;
        }
        double fraction = 0;
        for (int k = 80; k >= 1; k--) fraction = k / 2.0 / (x + fraction);
        return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + fraction);
    }
}
