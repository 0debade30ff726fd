package dev.imu2clip.nn;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.ops.Activation;
import dev.imu2clip.ops.Elementwise;
import dev.imu2clip.ops.MatMul;
import dev.imu2clip.ops.PackedLinear;
import dev.imu2clip.ops.PackedLinear.Finish;
import dev.imu2clip.tensor.Tensor;

/** {@code x W^T + b}: (..., in) to (..., out). Parameters: weight (out, in), bias (out). */
public final class Linear extends Module {
    private final Parameter weight;
    private final Parameter bias;

    public Linear(long in, long out, boolean withBias) {
        weight = linearWeight("weight", Init.uniformOf(in), out, in);
        bias = withBias ? parameter("bias", Init.uniformOf(in), out) : null;
    }

    /**
     * @param x (..., in)
     * @return (..., out)
     * @throws IllegalArgumentException for another last dimension
     */
    public Tensor forward(Tape tape, Tensor x) {
        return forward(tape, x, Finish.NOTHING);
    }

    /** The same and an activation, in one pass where the weights are frozen. */
    public Tensor forward(Tape tape, Tensor x, Finish finish) {
        if (weight.panels() != null) return PackedLinear.linear(tape, x, weight.panels(), weight.shape().size(0), bias(), finish);
        Tensor y = MatMul.linear(tape, x, weight.value(), bias());
        return switch (finish) {
            case NOTHING -> y;
            case GELU -> Activation.gelu(tape, y);
            case QUICK_GELU -> Activation.quickGelu(tape, y);
        };
    }

    /** {@code to + x W^T + b}; where the weights are frozen in {@code to} itself, which must not be needed any more then. */
    public Tensor addTo(Tape tape, Tensor to, Tensor x) {
        if (weight.panels() == null) return Elementwise.add(tape, to, forward(tape, x));
        PackedLinear.add(tape, x, weight.panels(), bias(), to);
        return to;
    }

    /** Whether {@link #addTo} works in place. */
    public boolean isPacked() {
        return weight.panels() != null;
    }

    private Tensor bias() {
        return bias == null ? null : bias.value();
    }
}
