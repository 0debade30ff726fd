package dev.imu2clip.nn;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.tensor.Tensor;

import static dev.imu2clip.ops.GroupNorm.groupNorm;

/** Group normalisation (Wu and He, arXiv 1803.08494) of (N, C, L). Parameters: weight (C), bias (C). */
public final class GroupNorm extends Module {
    private static final double EPS = 1e-5;
    private final Parameter weight;
    private final Parameter bias;
    private final int groups;

    public GroupNorm(int groups, long channels) {
        weight = parameter("weight", Init.ONES, channels);
        bias = parameter("bias", Init.ZEROS, channels);
        this.groups = groups;
    }

    /**
     * @param x (N, C, L)
     * @return (N, C, L)
     * @throws IllegalArgumentException for another number of channels, or one that the groups do not divide
     */
    public Tensor forward(Tape tape, Tensor x) {
        return groupNorm(tape, x, groups, weight.value(), bias.value(), EPS);
    }
}
