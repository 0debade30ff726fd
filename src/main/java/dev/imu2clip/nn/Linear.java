package dev.imu2clip.nn;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.tensor.Tensor;

import static dev.imu2clip.ops.MatMul.linear;

/** {@code x W^T + b}: (..., in) to (..., out). Parameters: weight (out, in), bias (out). */
public final class Linear extends Module {
    private final Parameter weight;
    private final Parameter bias;

    public Linear(long in, long out, boolean withBias) {
        weight = parameter("weight", Init.uniformOf(in), out, in);
        bias = withBias ? parameter("bias", Init.uniformOf(in), out) : null;
    }

    /**
     * @param x (..., in)
     * @return (..., out)
     * @throws IllegalArgumentException for another last dimension
     */
    public Tensor forward(Tape tape, Tensor x) {
        return linear(tape, x, weight.value(), bias == null ? null : bias.value());
    }
}
