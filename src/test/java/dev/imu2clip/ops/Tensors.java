package dev.imu2clip.ops;

import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Tensors to and from double arrays, in any element type. */
public final class Tensors {
    private Tensors() {}

    public static Tensor set(Tensor tensor, double... values) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment host = arena.allocate(Math.max(1, tensor.bytes()), 8).asSlice(0, tensor.bytes());
            Reals reals = Reals.of(host, tensor.dtype());
            for (int i = 0; i < values.length; i++) reals.set(i, values[i]);
            return tensor.set(host);
        }
    }

    public static double[] get(Tensor tensor) {
        try (Arena arena = Arena.ofConfined()) {
            Reals reals = Reals.of(tensor.toHost(arena), tensor.dtype());
            double[] values = new double[Math.toIntExact(tensor.count())];
            for (int i = 0; i < values.length; i++) values[i] = reals.get(i);
            return values;
        }
    }
}
