package dev.imu2clip.nn;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.ops.Cast;
import dev.imu2clip.ops.Elementwise;
import dev.imu2clip.tensor.Tensor;

import static dev.imu2clip.ops.Conv1d.conv1d;

/**
 * Convolution over time with stride 1 and no padding: (N, in, L) to (N, out, L'). Parameters: weight (out, in, kernel), bias (out) where
 * it has one.
 */
public final class Conv1d extends Module {
    private final Parameter weight;
    private final Parameter bias;
    private final int dilation;

    public Conv1d(long in, long out, int kernel, int dilation, boolean withBias) {
        this(in, out, kernel, dilation, withBias, Init.uniformOf(in * kernel));
    }

    /** @param init of the weight and the bias */
    public Conv1d(long in, long out, int kernel, int dilation, boolean withBias, Init init) {
        weight = parameter("weight", init, out, in, kernel);
        bias = withBias ? parameter("bias", init, out) : null;
        this.dilation = dilation;
    }

    /**
     * @param x (N, in, L)
     * @return (N, out, L - dilation (kernel - 1))
     * @throws IllegalArgumentException for another shape, or L shorter than the kernel's reach
     */
    public Tensor forward(Tape tape, Tensor x) {
        Tensor b = bias == null ? null : bias.value();
        if (b == null || b.dtype() == x.dtype()) return conv1d(tape, x, weight.value(), b, 1, 0, dilation, 1);
        // The bias of a single channel, which a store does not round; the kernel takes one type.
        return Elementwise.add(tape, conv1d(tape, x, weight.value(), dilation), Cast.cast(tape, b, x.dtype()));
    }
}
