package dev.imu2clip.backend;

import dev.imu2clip.memory.Device;

/** A way to run kernels by name, over its own memory. */
public interface Backend extends Device {
    /** Runs, or queues in order, one kernel. */
    void run(Kernel kernel, Args args);

    /** Waits until everything queued has run. */
    default void synchronize() {}

    /** One line for people: what it runs on and how. */
    String describe();
}
