package dev.imu2clip.backend;

import dev.imu2clip.memory.Device;

/** A way to run kernels by name, over its own memory. */
public interface Backend extends Device {
    /** Runs, or queues in order, one kernel. */
    void run(Kernel kernel, Args args);

    /** Waits until everything queued has run. */
    default void synchronize() {}

    /** Columns of the panels in which frozen weights are best kept here (see {@code PackedLinear}); 0 for weights as they are. */
    default int panelWidth() {
        return 0;
    }

    /** One line for people: what it runs on and how. */
    String describe();
}
