package dev.imu2clip.ops;

import dev.imu2clip.TestDevices;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.backend.RecordingBackend;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.fail;

/**
 * What every op is put through, given as a function of its inputs:
 * <ol>
 * <li>gradient check: on the definitions in float64, with a random cotangent, against central differences;
 * <li>every device of this machine (each instruction set) in float32 against the definitions in float64, forward and backward,
 * with a tolerance that grows with the length of the sums;
 * <li>CUDA devices, the emulated one among them, in bfloat16 too, against the definitions on the same rounded numbers;
 * <li>the same bits when run twice.
 * </ol>
 * <pre>{@code
 * OpCheck.of("softmax", (tape, x) -> Softmax.softmax(tape, x[0])).input(3, 17).terms(17).check();
 * }</pre>
 */
public final class OpCheck {
    @FunctionalInterface
    public interface Op {
        Tensor apply(Tape tape, Tensor[] inputs);
    }

    /** @param integer null where it is floating-point */
    private record Input(Shape shape, double[] values, DType integer, boolean wide) {
        DType type(DType dtype) {
            return integer != null ? integer : wide ? dtype.wide() : dtype;
        }
    }

    public record Result(double[] output, double[][] gradients) {}

    private final String name;
    private final Op op;
    private final Random random;
    private final List<Input> inputs = new ArrayList<>();
    private double terms = 1;
    private double tolerance = 1e-6;
    private boolean differentiable = true;
    private boolean gradientCheck = true;
    private int differences = 40;
    private double bf16 = 0.02;

    private OpCheck(String name, Op op) {
        this.name = name;
        this.op = op;
        this.random = new Random(name.hashCode());
    }

    public static OpCheck of(String name, Op op) {
        return new OpCheck(name, op);
    }

    /** An input of normally distributed values that are exact in float32. */
    public OpCheck input(long... sizes) {
        Shape shape = Shape.of(sizes);
        double[] values = new double[Math.toIntExact(shape.count())];
        for (int i = 0; i < values.length; i++) values[i] = (float) random.nextGaussian();
        return input(values, sizes);
    }

    /** An input of uniformly distributed values in [low, high). */
    public OpCheck uniform(double low, double high, long... sizes) {
        Shape shape = Shape.of(sizes);
        double[] values = new double[Math.toIntExact(shape.count())];
        for (int i = 0; i < values.length; i++) values[i] = (float) (low + (high - low) * random.nextDouble());
        return input(values, sizes);
    }

    /** An input of given values; they are rounded to float32 so that every device sees the same numbers. */
    public OpCheck input(double[] values, long... sizes) {
        return input(values, false, sizes);
    }

    /** An input that is not of 16 bits where the others are. */
    public OpCheck wide(double[] values, long... sizes) {
        return input(values, true, sizes);
    }

    private OpCheck input(double[] values, boolean wide, long... sizes) {
        double[] exact = values.clone();
        for (int i = 0; i < exact.length; i++) exact[i] = (float) exact[i];
        inputs.add(new Input(Shape.of(sizes), exact, null, wide));
        return this;
    }

    /** Whole numbers (indices, lengths, token ids); no gradient flows to them. */
    public OpCheck integers(DType dtype, long[] values, long... sizes) {
        double[] exact = new double[values.length];
        for (int i = 0; i < exact.length; i++) exact[i] = values[i];
        inputs.add(new Input(Shape.of(sizes), exact, dtype, false));
        return this;
    }

    /** How many terms the longest sum has: float32 error grows with its square root. */
    public OpCheck terms(long count) {
        this.terms = count;
        return this;
    }

    /** Base of the tolerance, relative to the largest magnitude of the expected tensor (at least 1). Default 1e-6. */
    public OpCheck tolerance(double base) {
        this.tolerance = base;
        return this;
    }

    /** The op has no backward. */
    public OpCheck forwardOnly() {
        this.differentiable = false;
        return this;
    }

    /** The derivative exists but central differences cannot see it (a step, a random mask redrawn). */
    public OpCheck withoutGradientCheck() {
        this.gradientCheck = false;
        return this;
    }

    /** How many elements of every input central differences look at; fewer where the definition is slow. Default 40. */
    public OpCheck differences(int count) {
        this.differences = count;
        return this;
    }

    /** Tolerance in bfloat16, relative to the largest magnitude of the expected tensor (at least 1). Default 0.02; 0 where it has no form. */
    public OpCheck bf16(double tolerance) {
        this.bf16 = tolerance;
        return this;
    }

    public void check() {
        if (RecordingBackend.active()) {
            RecordingBackend.tolerate(tolerance * (3 + Math.sqrt(terms)));
            run(Backends.get("record"), DType.F32, null);
            if (RecordingBackend.bf16() && bf16 > 0) {
                RecordingBackend.tolerate(4 * bf16); // here the definitions themselves add up in bf16 where they add to outputs
                run(Backends.get("record"), DType.BF16, null);
            }
            return;
        }
        Backend java = Backends.get("java");
        Result expected = run(java, DType.F64, null);
        if (differentiable && gradientCheck) checkGradients(java, expected);
        for (String device : TestDevices.all()) {
            Result actual = run(Backends.get(device), DType.F32, null);
            compare(device + " output", expected.output, actual.output);
            for (int i = 0; i < inputs.size(); i++)
                if (expected.gradients[i] != null) compare(device + " gradient of input " + i, expected.gradients[i], actual.gradients[i]);
            Result again = run(Backends.get(device), DType.F32, null);
            assertArrayEquals(actual.output, again.output, name + " on " + device + " does not repeat");
            for (int i = 0; i < inputs.size(); i++)
                if (actual.gradients[i] != null)
                    assertArrayEquals(actual.gradients[i], again.gradients[i], name + " gradient on " + device + " does not repeat");
            if (bf16 > 0 && (device.startsWith("cuda") || device.equals("emulated"))) checkBf16(java, device);
        }
    }

    private void checkBf16(Backend java, String device) {
        double[][] exact = inputs.stream().map(input -> input.values.clone()).toArray(double[][]::new);
        for (Input input : inputs) if (input.integer == null && !input.wide) round(input.values);
        Result expected = run(java, DType.F64, null), actual = run(Backends.get(device), DType.BF16, null);
        compare(device + " output in bf16", expected.output, actual.output, bf16);
        for (int i = 0; i < inputs.size(); i++)
            if (expected.gradients[i] != null)
                compare(device + " gradient of input " + i + " in bf16", expected.gradients[i], actual.gradients[i], bf16);
        for (int i = 0; i < exact.length; i++) System.arraycopy(exact[i], 0, inputs.get(i).values, 0, exact[i].length);
    }

    private static void round(double[] values) {
        for (int i = 0; i < values.length; i++) values[i] = Reals.fromBf16(Reals.toBf16((float) values[i]));
    }

    private void compare(String what, double[] expected, double[] actual) {
        compare(what, expected, actual, tolerance * (3 + Math.sqrt(terms)));
    }

    private void compare(String what, double[] expected, double[] actual, double relative) {
        if (expected.length != actual.length) fail(name + " " + what + ": " + actual.length + " elements, expected " + expected.length);
        double largest = 1;
        for (double value : expected) if (Double.isFinite(value)) largest = Math.max(largest, Math.abs(value));
        double allowed = relative * largest;
        for (int i = 0; i < expected.length; i++) {
            boolean same = Double.compare(expected[i], actual[i]) == 0 || Math.abs(expected[i] - actual[i]) <= allowed;
            if (!same)
                fail(name + " on " + what + " [" + i + "]: expected " + expected[i] + ", got " + actual[i] + " (allowed difference "
                        + allowed + ")");
        }
    }

    /** Central differences of {@code sum(output * cotangent)} at some elements of every input. */
    private void checkGradients(Backend java, Result expected) {
        double[] cotangent = cotangent(expected.output.length);
        for (int i = 0; i < inputs.size(); i++) {
            Input input = inputs.get(i);
            if (input.integer != null) continue;
            if (expected.gradients[i] == null) fail(name + ": no gradient reached input " + i);
            int n = input.values.length;
            for (int trial = 0; trial < Math.min(differences, n); trial++) {
                int at = n <= differences ? trial : random.nextInt(n);
                double step = 1e-5 * Math.max(1, Math.abs(input.values[at]));
                double up = shifted(java, input, at, step, cotangent), down = shifted(java, input, at, -step, cotangent);
                double numeric = (up - down) / (2 * step), analytic = expected.gradients[i][at];
                double allowed = 1e-6 * (1 + Math.abs(numeric)) * Math.max(1, Math.sqrt(expected.output.length) / 10);
                if (!(Math.abs(numeric - analytic) <= allowed))
                    fail(name + " gradient of input " + i + " [" + at + "]: central difference " + numeric + ", backward " + analytic);
            }
        }
    }

    private double shifted(Backend java, Input input, int at, double step, double[] cotangent) {
        double kept = input.values[at];
        input.values[at] = kept + step;
        double[] output = run(java, DType.F64, false).output;
        input.values[at] = kept;
        double sum = 0;
        for (int i = 0; i < output.length; i++) sum += output[i] * cotangent[i];
        return sum;
    }

    private double[] cotangent(int n) {
        Random own = new Random(n);
        double[] values = new double[n];
        for (int i = 0; i < n; i++) values[i] = own.nextGaussian();
        round(values); // exact in every type
        return values;
    }

    /** Runs the op on a device; {@code backward} null means: if the op has one. */
    private Result run(Backend backend, DType dtype, Boolean backward) {
        boolean differentiate = backward == null ? differentiable : backward;
        try (Workspace workspace = new Workspace(backend, name); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            Tensor[] x = new Tensor[inputs.size()], dx = new Tensor[x.length];
            for (int i = 0; i < x.length; i++) {
                Input input = inputs.get(i);
                x[i] = put(tape, input.values, input.type(dtype), input.shape);
                if (differentiate && input.integer == null) tape.watch(x[i], dx[i] = rubbish(tape, dtype.wide(), input.shape));
            }
            Tensor y = op.apply(tape, x);
            double[] output = get(y);
            double[][] gradients = new double[x.length][];
            if (differentiate) {
                tape.backward(y, put(tape, cotangent(output.length), y.dtype(), y.shape()));
                for (int i = 0; i < x.length; i++) if (dx[i] != null && tape.gradient(x[i]) != null) gradients[i] = get(dx[i]);
            }
            return new Result(output, gradients);
        }
    }

    /** A gradient that nothing was written to yet: what stays of it is seen. */
    private static Tensor rubbish(Tape tape, DType dtype, Shape shape) {
        double[] values = new double[Math.toIntExact(shape.count())];
        Arrays.fill(values, Double.NaN);
        return put(tape, values, dtype, shape);
    }

    private static Tensor put(Tape tape, double[] values, DType dtype, Shape shape) {
        return Tensors.set(tape.empty(dtype, shape.sizes()), values);
    }

    private static double[] get(Tensor tensor) {
        return Tensors.get(tensor);
    }
}
