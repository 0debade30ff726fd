package dev.imu2clip.imu;

import dev.imu2clip.tensor.Shape;

import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;

/**
 * A kind of encoder: how it is called, what it can be told, and what a file tells of one. {@link EncoderKinds} lists them.
 *
 * @param name     as configurations and saved files have it
 * @param defaults every argument with its default; an embedding has CLIP's 512 numbers where nothing else is said
 * @param maker    makes one
 * @param reader   the arguments that a saved encoder's shapes show; numbers that cannot be are passed over
 */
record EncoderKind(String name, Arguments defaults, Function<Arguments, ImuEncoder> maker,
                   Function<Shapes, Map<String, Object>> reader) {
    /** The shapes of a saved encoder's tensors, by its own names; null for one that is not there. */
    interface Shapes {
        Shape of(String name);

        /** The size of a tensor's axis, or 0 where there is none. */
        default long size(String tensor, int axis) {
            Shape shape = of(tensor);
            return shape == null || shape.rank() <= axis ? 0 : shape.size(axis);
        }

        /** How many tensors there are whose names differ by a number from 0 on, in the place of {@code %d}. */
        default int count(String pattern) {
            int count = 0;
            while (of(pattern.replace("%d", Integer.toString(count))) != null) count++;
            return count;
        }
    }

    static EncoderKind of(String name, Map<String, Object> arguments, Function<Arguments, ImuEncoder> maker,
                          Function<Shapes, Map<String, Object>> reader) {
        Map<String, Object> all = new HashMap<>(arguments);
        all.put(Arguments.SIZE, 512);
        return new EncoderKind(name, new Arguments(all), maker, reader);
    }
}
