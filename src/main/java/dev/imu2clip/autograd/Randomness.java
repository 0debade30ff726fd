package dev.imu2clip.autograd;

import dev.imu2clip.memory.Device;
import dev.imu2clip.memory.Slab;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Philox;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.MemorySegment;

/**
 * Random numbers for the steps of a training. Each step has a {@link Philox} sequence of its own, so that a run that continues draws what
 * it would have drawn. The sequence's key lies in the device's memory: a recorded step draws new numbers whenever it is replayed.
 */
public final class Randomness implements AutoCloseable {
    private final long seed;
    private final Slab memory;
    private final Tensor key;

    public Randomness(Device device, long seed) {
        this.seed = seed;
        this.memory = device.allocate(8, "the key of a step's random numbers");
        this.key = Tensor.in(memory, 0, Shape.of(2), DType.I32);
        prepare(0);
    }

    /** Turns to a step's sequence, which follows from the seed and the step's number alone. */
    public void prepare(long step) {
        int[] words = Philox.block(seed, step);
        key.set(MemorySegment.ofArray(new int[] {words[0], words[1]}));
    }

    /** int32 (2), for {@link Tape#drawFrom}. */
    public Tensor key() {
        return key;
    }

    @Override
    public void close() {
        memory.close();
    }
}
