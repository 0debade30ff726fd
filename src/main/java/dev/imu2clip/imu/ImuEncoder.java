package dev.imu2clip.imu;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.io.InputException;
import dev.imu2clip.nn.Module;
import dev.imu2clip.ops.Cast;
import dev.imu2clip.tensor.Tensor;

import java.util.List;
import java.util.Map;

/**
 * Maps windows of motion, (N, 6, T) with acceleration x, y, z in m/s² and then angular velocity x, y, z in rad/s, to embeddings (N, width).
 */
public abstract class ImuEncoder extends Module {
    /** Channels of a window: three of acceleration, three of angular velocity. */
    public static final int CHANNELS = 6;

    private final EncoderKind kind;
    private final Arguments arguments;

    ImuEncoder(EncoderKind kind, Arguments arguments) {
        this.kind = kind;
        this.arguments = arguments;
    }

    /**
     * A new encoder by the name that configurations and saved files use ({@code imu_encoder_name}), with embeddings of 512 numbers.
     *
     * @throws InputException where there is none of that name
     */
    public static ImuEncoder create(String name) {
        EncoderKind kind = EncoderKinds.named(name);
        return kind.maker().apply(kind.defaults());
    }

    /**
     * The same, of another size and with arguments of its own.
     *
     * @param width     size of an embedding
     * @param arguments {@code name=value} for each that is not to have its default; docs/encoders.md lists them
     * @throws InputException where there is no such encoder or argument, or it cannot have that value
     */
    public static ImuEncoder create(String name, int width, List<String> arguments) {
        EncoderKind kind = EncoderKinds.named(name);
        return kind.maker().apply(kind.defaults().with(List.of(Arguments.SIZE + "=" + width)).with(arguments));
    }

    /** Every name that {@link #create} takes, the reference's own first. */
    public static List<String> names() {
        return EncoderKinds.names();
    }

    /** The name it is created by. */
    public final String name() {
        return kind.name();
    }

    /** The arguments that are not the defaults, as {@link #create(String, int, List)} takes them, the size of an embedding among them. */
    public final List<String> arguments() {
        return arguments.differences(kind.defaults());
    }

    /** {@code name=value} for each known argument that this encoder has with another value. */
    final List<String> otherThan(Map<String, Object> known) {
        return arguments.with(known).differences(arguments);
    }

    /** Size of an embedding. */
    public final int width() {
        return arguments.number(Arguments.SIZE);
    }

    /**
     * Embeddings of windows; not normalised.
     *
     * @param signals (N, 6, T): m/s² and rad/s
     * @return (N, {@link #width()}), of the type that the parameters have
     * @throws IllegalArgumentException for another shape
     * @throws InputException where {@link #checkLength} refuses T
     */
    public final Tensor encode(Tape tape, Tensor signals) {
        if (signals.shape().rank() != 3 || signals.size(1) != CHANNELS)
            throw new IllegalArgumentException("signals must be (N, " + CHANNELS + ", T), are " + signals.shape());
        checkLength(signals.size(2));
        return forward(tape, Cast.cast(tape, signals, dtype()));
    }

    /** Embeddings of checked signals of the type that the parameters have. */
    abstract Tensor forward(Tape tape, Tensor signals);

    /**
     * Checks whether windows of this many samples can be encoded.
     *
     * @throws InputException where they cannot; it says which lengths can
     */
    public abstract void checkLength(long samples);

    /** For {@link #checkLength} where only the shortest length matters. */
    final void requireAtLeast(long shortest, long samples) {
        if (samples < shortest)
            throw new InputException("the encoder " + name() + " needs windows of at least " + shortest + " samples, not " + samples);
    }
}
