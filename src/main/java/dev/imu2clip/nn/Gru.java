package dev.imu2clip.nn;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.ops.Gru.Weights;
import dev.imu2clip.ops.Layout;
import dev.imu2clip.tensor.Tensor;

import java.util.ArrayList;
import java.util.List;

import static dev.imu2clip.ops.Gru.layer;

/**
 * A GRU of one or more layers, in one or both directions, from a zero state. Time-major: (T, N, in). Parameters by PyTorch's names:
 * {@code weight_ih_l0} (3H, in), {@code weight_hh_l0} (3H, H), {@code bias_ih_l0}, {@code bias_hh_l0} (3H), and the same with
 * {@code _l0_reverse} and {@code _l1} behind.
 */
public final class Gru extends Module {
    private record Direction(Parameter wIh, Parameter wHh, Parameter bIh, Parameter bHh) {
        Weights weights() {
            return new Weights(wIh.value(), wHh.value(), bIh.value(), bHh.value());
        }
    }

    /**
     * What a GRU gives.
     *
     * @param sequence (T, N, directions * H): the last layer's states
     * @param last     (N, H) for each layer and direction, in PyTorch's order
     */
    public record Output(Tensor sequence, List<Tensor> last) {}

    private final List<Direction> directions = new ArrayList<>();
    private final boolean bidirectional;

    public Gru(long in, long hidden, int layers, boolean bidirectional) {
        this.bidirectional = bidirectional;
        for (int layer = 0; layer < layers; layer++) {
            long features = layer == 0 ? in : bidirectional ? 2 * hidden : hidden;
            directions.add(direction("_l" + layer, features, hidden));
            if (bidirectional) directions.add(direction("_l" + layer + "_reverse", features, hidden));
        }
    }

    private Direction direction(String suffix, long in, long hidden) {
        Init init = Init.uniformOf(hidden);
        return new Direction(parameter("weight_ih" + suffix, init, 3 * hidden, in),
                parameter("weight_hh" + suffix, init, 3 * hidden, hidden), parameter("bias_ih" + suffix, init, 3 * hidden),
                parameter("bias_hh" + suffix, init, 3 * hidden));
    }

    /**
     * @param x (T, N, in)
     * @throws IllegalArgumentException for another rank or number of features
     */
    public Output forward(Tape tape, Tensor x) {
        List<Tensor> last = new ArrayList<>();
        Tensor sequence = x;
        for (int i = 0; i < directions.size(); i += bidirectional ? 2 : 1) {
            var forward = layer(tape, sequence, directions.get(i).weights(), false);
            last.add(forward.last());
            if (bidirectional) {
                var backward = layer(tape, sequence, directions.get(i + 1).weights(), true);
                last.add(backward.last());
                sequence = Layout.concat(tape, 2, forward.sequence(), backward.sequence());
            } else {
                sequence = forward.sequence();
            }
        }
        return new Output(sequence, last);
    }
}
