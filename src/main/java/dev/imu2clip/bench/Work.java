package dev.imu2clip.bench;

/** Something to be measured, with all it needs in place. It repeats on the same memory. */
public interface Work extends AutoCloseable {
    /** Does it once: queues its kernels, and waits only where the real thing would. */
    void run();

    @Override
    void close();
}
