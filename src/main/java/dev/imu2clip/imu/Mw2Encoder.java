package dev.imu2clip.imu;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.io.InputException;
import dev.imu2clip.nn.Conv1d;
import dev.imu2clip.nn.GroupNorm;
import dev.imu2clip.nn.Gru;
import dev.imu2clip.nn.Module;
import dev.imu2clip.ops.Layout;
import dev.imu2clip.ops.Pool1d;
import dev.imu2clip.tensor.Tensor;

import java.util.Map;

/**
 * The encoder of IMU2CLIP (Moon et al., arXiv 2210.14395; called MW2StackRNNPooling there): acceleration and angular velocity
 * normalised apart, three blocks of dilated convolution and max-pooling without activation, another group norm, and a GRU whose
 * last state is the embedding. 850,892 parameters for one of 512 numbers; parameter names are the reference's, so its saved encoders load.
 *
 * <p>{@code mw2} is the reference to the letter, its quirk included: the GRU is fed (N, 32 channels, L) as if it were (N, time, features),
 * so it steps over <em>channels</em> and sees time bins as features, which fits its weights only where L is 32 (978 to 1004 samples).
 * {@code mw2_time} steps over time: the same layers and parameter shapes, any length from {@value #SHORTEST} samples on, any rate.
 */
final class Mw2Encoder extends ImuEncoder {
    static final EncoderKind KIND = kind("mw2", Recurrence.OVER_CHANNELS), TIME_KIND = kind("mw2_time", Recurrence.OVER_TIME);
    private static final int FEATURES = 32, POOL = 3, DILATION = 2;
    private static final int[] KERNELS = {10, 5, 5};
    static final int SHORTEST = 141;

    /** What the GRU takes for its steps. */
    private enum Recurrence { OVER_CHANNELS, OVER_TIME }

    /** Convolution and max-pooling; a module of its own because the reference's parameter names have one level more here. */
    private static final class Block extends Module {
        private final Conv1d conv;

        Block(int in, int kernel) {
            conv = child("net.0", new Conv1d(in, FEATURES, kernel, DILATION, false));
        }

        Tensor forward(Tape tape, Tensor x) {
            return Pool1d.maxPool(tape, conv.forward(tape, x), POOL);
        }
    }

    private final Recurrence recurrence;
    private final GroupNorm inputNorm = child("net.0", new GroupNorm(2, CHANNELS));
    private final Block[] blocks = {child("net.1", new Block(CHANNELS, KERNELS[0])), child("net.2", new Block(FEATURES, KERNELS[1])),
            child("net.3", new Block(FEATURES, KERNELS[2]))};
    private final GroupNorm outputNorm = child("net.4", new GroupNorm(4, FEATURES));
    private final Gru gru = child("net.5", new Gru(FEATURES, width(), 1, false));

    private Mw2Encoder(Recurrence recurrence, Arguments arguments) {
        super(recurrence == Recurrence.OVER_CHANNELS ? KIND : TIME_KIND, arguments);
        this.recurrence = recurrence;
    }

    private static EncoderKind kind(String name, Recurrence recurrence) {
        return EncoderKind.of(name, Map.of(), arguments -> new Mw2Encoder(recurrence, arguments),
                shapes -> Map.of(Arguments.SIZE, shapes.size("net.5.weight_hh_l0", 1)));
    }

    @Override
    Tensor forward(Tape tape, Tensor signals) {
        Tensor x = inputNorm.forward(tape, signals);
        for (Block block : blocks) x = block.forward(tape, x);
        x = outputNorm.forward(tape, x);
        // (N, C, L) to time-major: steps are channels in the reference, time bins in the corrected form.
        x = recurrence == Recurrence.OVER_CHANNELS ? Layout.transpose(tape, x, 1, 0, 2) : Layout.transpose(tape, x, 2, 0, 1);
        return gru.forward(tape, x).last().getFirst();
    }

    /** Time bins that reach the GRU. */
    static long bins(long samples) {
        long length = samples;
        for (int kernel : KERNELS) length = Math.max(0, length - DILATION * (kernel - 1)) / POOL;
        return length;
    }

    @Override
    public void checkLength(long samples) {
        if (recurrence == Recurrence.OVER_CHANNELS && bins(samples) != FEATURES)
            throw new InputException("the encoder mw2 takes windows of 978 to 1004 samples (5 seconds at 200 Hz), not " + samples
                    + "; use imu_encoder_name mw2_time for other lengths");
        requireAtLeast(SHORTEST, samples);
    }
}
