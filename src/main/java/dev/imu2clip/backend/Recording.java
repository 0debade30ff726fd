package dev.imu2clip.backend;

/** Work that was queued once and can be queued again as a whole, on the same memory: see {@link Backend#record}. */
public interface Recording extends AutoCloseable {
    /** Queues the work again. */
    void replay();

    @Override
    default void close() {}
}
