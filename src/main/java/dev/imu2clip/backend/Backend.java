package dev.imu2clip.backend;

import dev.imu2clip.memory.Device;

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

    /** Columns of the panels in which frozen weights are best kept here (see {@code PackedLinear}); 0 for weights as they are. */
    default int panelWidth() {
        return 0;
    }

    /** One line for people: what it runs on and how. */
    String describe();
}
