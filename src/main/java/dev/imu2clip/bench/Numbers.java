package dev.imu2clip.bench;

import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;

/** Random contents: a time depends on them little, but zeros and repeated numbers would flatter. */
final class Numbers {
    /** As many are drawn; a larger tensor has them again and again. */
    private static final long PERIOD = 1_000_003;

    private Numbers() {}

    /** Normally distributed numbers. */
    static Tensor random(Tensor tensor, double deviation) {
        Random random = new Random(0);
        long period = Math.min(PERIOD, tensor.count()), bytes = period * tensor.dtype().bytes();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment host = arena.allocate(Math.max(1, tensor.bytes()), 64).asSlice(0, tensor.bytes());
            Reals reals = Reals.of(host, tensor.dtype());
            for (long i = 0; i < period; i++) reals.set(i, deviation * random.nextGaussian());
            for (long at = bytes; at < host.byteSize(); at += bytes)
                MemorySegment.copy(host, 0, host, at, Math.min(bytes, host.byteSize() - at));
            return tensor.set(host);
        }
    }
}
