package dev.imu2clip.nn;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.tensor.Tensor;

import static dev.imu2clip.ops.LayerNorm.layerNorm;

/** Layer normalisation (Ba et al., arXiv 1607.06450) over the last dimension. Parameters: weight (D), bias (D). */
public final class LayerNorm extends Module {
    private static final double EPS = 1e-5;
    private final Parameter weight;
    private final Parameter bias;

    public LayerNorm(long width) {
        weight = parameter("weight", Init.ONES, width);
        bias = parameter("bias", Init.ZEROS, width);
    }

    /**
     * @param x (..., D)
     * @return the shape of x
     * @throws IllegalArgumentException for another last dimension
     */
    public Tensor forward(Tape tape, Tensor x) {
        return layerNorm(tape, x, weight.value(), bias.value(), EPS);
    }
}
