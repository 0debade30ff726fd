package dev.imu2clip.check;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

import java.util.Random;
import java.util.function.DoubleSupplier;

/** The inputs of a case: the same numbers every time, and gradients flow to all but the constants. */
final class Inputs {
    private final Backend backend;
    private final Tape tape;
    private final DType dtype;
    private final Random random;

    Inputs(Backend backend, Tape tape, DType dtype, int seed) {
        this.backend = backend;
        this.tape = tape;
        this.dtype = dtype;
        this.random = new Random(seed);
    }

    Backend backend() {
        return backend;
    }

    /** The element type that is tested. */
    DType dtype() {
        return dtype;
    }

    Tensor normal(long... sizes) {
        return watched(constant(sizes));
    }

    Tensor uniform(double low, double high, long... sizes) {
        return watched(draw(dtype, () -> low + (high - low) * random.nextDouble(), sizes));
    }

    /** Normally distributed numbers that no gradient flows to. */
    Tensor constant(long... sizes) {
        return draw(dtype, random::nextGaussian, sizes);
    }

    /** Numbers of the wide type that no gradient flows to, but to a single one. */
    Tensor wide(double low, double high, long... sizes) {
        Tensor values = draw(dtype.wide(), () -> low + (high - low) * random.nextDouble(), sizes);
        return values.count() == 1 ? watched(values) : values;
    }

    /** Whole numbers in [0, bound). */
    Tensor integers(DType integer, int bound, long... sizes) {
        return draw(integer, () -> random.nextInt(bound), sizes);
    }

    Tensor values(DType type, float... values) {
        return tape.empty(type, values.length).set(values);
    }

    private Tensor draw(DType type, DoubleSupplier source, long... sizes) {
        Tensor tensor = tape.empty(type, sizes);
        float[] values = new float[Math.toIntExact(tensor.count())];
        for (int i = 0; i < values.length; i++) values[i] = (float) source.getAsDouble();
        return tensor.set(values);
    }

    private Tensor watched(Tensor tensor) {
        tape.watch(tensor, tape.empty(dtype.wide(), tensor.shape().sizes()).clear());
        return tensor;
    }
}
