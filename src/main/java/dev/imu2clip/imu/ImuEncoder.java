package dev.imu2clip.imu;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.io.InputException;
import dev.imu2clip.nn.Module;
import dev.imu2clip.ops.Cast;
import dev.imu2clip.tensor.Tensor;

import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;

/** Maps windows of motion, (N, 6, T) with acceleration x, y, z in m/s² and then angular velocity x, y, z in rad/s, to (N, 512). */
public abstract class ImuEncoder extends Module {
    /** Channels of a window: three of acceleration, three of angular velocity. */
    public static final int CHANNELS = 6;

    private static final Map<String, Supplier<ImuEncoder>> BY_NAME = new TreeMap<>(Map.of(
            "mw2", () -> new Mw2Encoder(Mw2Encoder.Recurrence.OVER_CHANNELS),
            "mw2_time", () -> new Mw2Encoder(Mw2Encoder.Recurrence.OVER_TIME)));

    /**
     * A new encoder by the name that configurations and saved files use ({@code imu_encoder_name}).
     *
     * @throws InputException where there is none of that name
     */
    public static ImuEncoder create(String name) {
        Supplier<ImuEncoder> maker = BY_NAME.get(name);
        if (maker == null)
            throw new InputException("imu_encoder_name: there is no encoder '" + name + "'; there is "
                    + String.join(", ", BY_NAME.keySet()));
        return maker.get();
    }

    /** Every name that {@link #create} takes. */
    public static Set<String> names() {
        return Collections.unmodifiableSet(BY_NAME.keySet());
    }

    /** The name it is created by. */
    public abstract String name();

    /** Size of an embedding. */
    public abstract int width();

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
}
