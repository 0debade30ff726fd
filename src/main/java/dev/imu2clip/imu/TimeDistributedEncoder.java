package dev.imu2clip.imu;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.nn.Conv1d;
import dev.imu2clip.nn.Gru;
import dev.imu2clip.nn.Linear;
import dev.imu2clip.ops.Layout;
import dev.imu2clip.ops.Pool1d;
import dev.imu2clip.tensor.Tensor;

import java.util.Map;

import static dev.imu2clip.ops.Activation.relu;

/**
 * The reference's TimeDistributedIMUEncoder: two convolutions bring the signals to one channel, which is pooled to {@code n_frames} frames
 * of {@code n_steps_per_frame} means; a GRU steps over the frames, and a linear layer takes its last state. Any length from the
 * convolutions' reach on.
 */
final class TimeDistributedEncoder extends ImuEncoder {
    static final EncoderKind KIND = EncoderKind.of("time_distributed", Map.of("n_frames", 10, "n_steps_per_frame", 128),
            TimeDistributedEncoder::new, shapes -> Map.of("n_steps_per_frame", shapes.size("rnn.gru.weight_ih_l0", 1),
                    Arguments.SIZE, shapes.size("classifier.linear.weight", 0)));
    private static final int FIRST = 50, SECOND = 10;

    private final int frames;
    private final int steps;
    private final Conv1d first = child("time_distributed_signal_encoder.conv1", new Conv1d(CHANNELS, CHANNELS, FIRST, 1, true));
    private final Conv1d second = child("time_distributed_signal_encoder.conv2", new Conv1d(CHANNELS, 1, SECOND, 1, true));
    private final Gru gru;
    private final Linear out;

    TimeDistributedEncoder(Arguments arguments) {
        super(KIND, arguments);
        frames = arguments.number("n_frames");
        steps = arguments.number("n_steps_per_frame");
        gru = child("rnn.gru", new Gru(steps, width(), 1, false));
        out = child("classifier.linear", new Linear(width(), width(), true));
    }

    @Override
    Tensor forward(Tape tape, Tensor signals) {
        Tensor one = relu(tape, second.forward(tape, relu(tape, first.forward(tape, signals))));
        Tensor pooled = Pool1d.adaptiveAvgPool(tape, one, frames * steps);
        Tensor sequence = Layout.transpose(tape, Layout.reshape(tape, pooled, signals.size(0), frames, steps), 1, 0, 2);
        return out.forward(tape, gru.forward(tape, sequence).last().getFirst());
    }

    @Override
    public void checkLength(long samples) {
        requireAtLeast(FIRST + SECOND - 1, samples);
    }
}
