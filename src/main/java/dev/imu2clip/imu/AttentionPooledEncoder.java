package dev.imu2clip.imu;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.nn.Conv1d;
import dev.imu2clip.nn.GroupNorm;
import dev.imu2clip.nn.Init;
import dev.imu2clip.nn.Linear;
import dev.imu2clip.ops.Elementwise;
import dev.imu2clip.ops.Reduce;
import dev.imu2clip.ops.Softmax;
import dev.imu2clip.tensor.Tensor;

import java.util.Map;

import static dev.imu2clip.ops.Activation.leakyRelu;

/**
 * The reference's AttentionPooledIMUEncoder: acceleration and angular velocity normalised apart, one dilated convolution, a weighted mean
 * over time whose weights are a softmax of a linear score, and a linear layer. Any length from the convolution's reach on.
 */
final class AttentionPooledEncoder extends ImuEncoder {
    static final EncoderKind KIND = EncoderKind.of("attention_pooled", Map.of("out_channels", 24, "kernel_size", 10, "dilation", 2),
            AttentionPooledEncoder::new, shapes -> Map.of("out_channels", shapes.size("encoder.1.weight", 0),
                    "kernel_size", shapes.size("encoder.1.weight", 2), Arguments.SIZE, shapes.size("encoder.5.weight", 0)));
    private static final Init CONVOLUTION = new Init.TruncatedNormal(0.02), LINEAR = new Init.TruncatedNormal(0.1);
    private static final double SLOPE = 0.01;

    private final int reach;
    private final GroupNorm norm;
    private final Conv1d conv;
    private final Conv1d score;
    private final Linear out;

    AttentionPooledEncoder(Arguments arguments) {
        super(KIND, arguments);
        int channels = arguments.number("out_channels"), kernel = arguments.number("kernel_size"), dilation = arguments.number("dilation");
        reach = dilation * (kernel - 1) + 1;
        norm = child("encoder.0", new GroupNorm(2, CHANNELS));
        conv = child("encoder.1", new Conv1d(CHANNELS, channels, kernel, dilation, true, CONVOLUTION));
        score = child("encoder.3.weight", new Conv1d(channels, 1, 1, 1, true, CONVOLUTION));
        out = child("encoder.5", new Linear(channels, width(), LINEAR, Init.ZEROS));
    }

    @Override
    Tensor forward(Tape tape, Tensor signals) {
        Tensor x = leakyRelu(tape, conv.forward(tape, norm.forward(tape, signals)), SLOPE);
        Tensor weights = Softmax.softmax(tape, score.forward(tape, x)); // (N, 1, T)
        Tensor pooled = Reduce.sum(tape, Elementwise.multiply(tape, x, weights), 2, false);
        return out.forward(tape, leakyRelu(tape, pooled, SLOPE));
    }

    @Override
    public void checkLength(long samples) {
        requireAtLeast(reach, samples);
    }
}
