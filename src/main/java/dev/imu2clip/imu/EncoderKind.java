package dev.imu2clip.imu;

import dev.imu2clip.tensor.Shape;

import java.util.HashMap;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.Function;

/**
 * A kind of encoder: how it is called, what it can be told, and what a file tells of one. {@link EncoderKinds} lists them.
 *
 * @param name     as configurations and saved files have it
 * @param defaults every argument with its default; an embedding has CLIP's 512 numbers where nothing else is said
 * @param maker    makes one
 * @param reader   puts the arguments that a saved encoder's shapes show, where they do, into a map
 */
record EncoderKind(String name, Arguments defaults, Function<Arguments, ImuEncoder> maker,
                   BiConsumer<Shapes, Map<String, Object>> reader) {
    /** The shapes of a saved encoder's tensors, by its own names; null for one that is not there. */
    interface Shapes {
        Shape of(String name);

        /** Puts the size of an axis of a tensor, times and divided by something, where there is such an axis. */
        default void put(Map<String, Object> arguments, String argument, String tensor, int axis, double factor) {
            Shape shape = of(tensor);
            if (shape == null || shape.rank() <= axis) return;
            double size = shape.size(axis) * factor;
            if (size >= 1 && size <= Arguments.MOST && size == Math.rint(size)) arguments.put(argument, (int) size);
        }
    }

    static EncoderKind of(String name, Map<String, Object> arguments, Function<Arguments, ImuEncoder> maker,
                          BiConsumer<Shapes, Map<String, Object>> reader) {
        Map<String, Object> all = new HashMap<>(arguments);
        all.put(Arguments.SIZE, 512);
        return new EncoderKind(name, new Arguments(all), maker, reader);
    }
}
