package dev.imu2clip.backend;

import dev.imu2clip.memory.Device;
import dev.imu2clip.tensor.DType;

/** A way to run kernels by name, over its own memory. */
public interface Backend extends Device {
    /** Runs, or queues in order, one kernel. */
    void run(Kernel kernel, Args args);

    /** Waits until everything queued has run. */
    default void synchronize() {}

    /**
     * Queues work and keeps it, to be queued again and again. Everything in it keeps its address: steps of a workspace repeat theirs
     * from the third on. While it is recorded nothing may be allocated, or copied from or to the host; whatever changes between
     * replays must lie in tensors of the device. Here nothing has run yet when this returns: replay it.
     *
     * <p>A backend without such a thing runs the work at every replay.
     */
    default Recording record(Runnable work) {
        return work::run;
    }

    /** Whether models can compute in this element type here, that is, whether its kernels exist for it. */
    default boolean computesIn(DType dtype) {
        return dtype == DType.F32;
    }

    /**
     * Allows products of float32 to round their factors to TF32, ten bits of fraction, where that is faster. Off at first; a device
     * without TF32 ignores it.
     */
    default void useTf32(boolean allowed) {}

    /** Columns of the panels in which frozen weights are best kept here (see {@code PackedLinear}); 0 for weights as they are. */
    default int panelWidth() {
        return 0;
    }

    /**
     * Which of its implementations ran a kernel last with these element types, {@link Args#types}: an instruction set, a library, the name of
     * a hand-written form; {@code definition} for the plain Java one.
     */
    default String implementation(Kernel kernel, String types) {
        return "definition";
    }

    /** One line for people: what it runs on and how. */
    String describe();
}
