package dev.imu2clip.nn;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.ops.Activation;
import dev.imu2clip.ops.Elementwise;
import dev.imu2clip.ops.MatMul;
import dev.imu2clip.ops.PackedLinear;
import dev.imu2clip.ops.PackedLinear.Finish;
import dev.imu2clip.tensor.Tensor;

/**
 * {@code x W^T + b}: (..., in) to (..., out). Parameters: weight (out, in), bias (out). A layer can be {@link #adapt adapted}: then a
 * {@link LowRank} update is added, whose parameters are those of another module.
 */
public final class Linear extends Module {
    private final Parameter weight;
    private final Parameter bias;
    private LowRank adapter;

    public Linear(long in, long out, boolean withBias) {
        this(in, out, Init.uniformOf(in), withBias ? Init.uniformOf(in) : null);
    }

    /** @param biasInit null for a layer without bias */
    public Linear(long in, long out, Init weightInit, Init biasInit) {
        weight = linearWeight("weight", weightInit, out, in);
        bias = biasInit == null ? null : parameter("bias", biasInit, out);
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
        if (weight.panels() != null && adapter == null) return PackedLinear.linear(tape, x, weight.panels(), out(), bias(), finish);
        Tensor y = weight.panels() != null ? PackedLinear.linear(tape, x, weight.panels(), out(), bias(), Finish.NOTHING)
                : MatMul.linear(tape, x, weight.value(), bias());
        if (adapter != null) y = Elementwise.add(tape, y, adapter.forward(tape, x));
        return switch (finish) {
            case NOTHING -> y;
            case GELU -> Activation.gelu(tape, y);
            case QUICK_GELU -> Activation.quickGelu(tape, y);
        };
    }

    /** {@code to + forward(x)}; where it {@link #addsInPlace}, in {@code to} itself, which must not be needed any more then. */
    public Tensor addTo(Tape tape, Tensor to, Tensor x) {
        if (!addsInPlace()) return Elementwise.add(tape, to, forward(tape, x));
        PackedLinear.add(tape, x, weight.panels(), bias(), to);
        return to;
    }

    /** Whether {@link #addTo} works in place: with frozen weights in panels, not adapted. */
    public boolean addsInPlace() {
        return weight.panels() != null && adapter == null;
    }

    /** From here on the layer gives {@code x W^T + b} and the adapter's update. */
    public void adapt(LowRank adapter) {
        if (this.adapter != null) throw new IllegalStateException("this layer is adapted already");
        if (adapter.in() != in() || adapter.out() != out())
            throw new IllegalArgumentException("an update from " + adapter.in() + " to " + adapter.out() + " features does not fit weight "
                    + weight.shape());
        this.adapter = adapter;
    }

    /** Features of the input. */
    public long in() {
        return weight.shape().size(1);
    }

    /** Features of the output. */
    public long out() {
        return weight.shape().size(0);
    }

    private Tensor bias() {
        return bias == null ? null : bias.value();
    }
}
