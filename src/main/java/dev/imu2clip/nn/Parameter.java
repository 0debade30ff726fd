package dev.imu2clip.nn;

import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

/** A learned tensor of a {@link Module}. It has a value once a {@link ParameterStore} has given it one. */
public final class Parameter {
    private final Shape shape;
    private final Init init;
    private Tensor value;
    private Tensor gradient;

    Parameter(Shape shape, Init init) {
        this.shape = shape;
        this.init = init;
    }

    public Shape shape() {
        return shape;
    }

    public Init init() {
        return init;
    }

    /**
     * Its elements, in the store's memory.
     *
     * @throws IllegalStateException before a store has given it memory
     */
    public Tensor value() {
        if (value == null)
            throw new IllegalStateException("this parameter " + shape + " has no memory yet: allocate its module's ParameterStore first");
        return value;
    }

    /** Where its gradient goes, or null in a frozen store. */
    public Tensor gradient() {
        return gradient;
    }

    void place(Tensor value, Tensor gradient) {
        this.value = value;
        this.gradient = gradient;
    }
}
