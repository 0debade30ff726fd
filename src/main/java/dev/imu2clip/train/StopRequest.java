package dev.imu2clip.train;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Lets a long job end well on Ctrl-C or SIGTERM. The JVM's shutdown waits while the job, which asks {@link #requested} after each step,
 * saves and closes this; the process then ends with the signal's own exit code, 130 for Ctrl-C.
 *
 * <pre>{@code try (var stop = StopRequest.install()) { while (...) { step(); if (stop.requested()) { save(); break; } } }}</pre>
 */
public final class StopRequest implements AutoCloseable {
    /** A step and a checkpoint take far less; a job that hangs must not keep the process alive. */
    private static final long PATIENCE_SECONDS = 60;

    private final CountDownLatch finished = new CountDownLatch(1);
    private final Thread hook = new Thread(this::await, "stop-request");
    private volatile boolean requested;

    private StopRequest() {}

    public static StopRequest install() {
        StopRequest request = new StopRequest();
        Runtime.getRuntime().addShutdownHook(request.hook);
        return request;
    }

    public boolean requested() {
        return requested;
    }

    /** What is to be saved is saved. */
    @Override
    public void close() {
        finished.countDown();
        if (requested) return;
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The shutdown has just begun; the hook finds the job finished.
        }
    }

    private void await() {
        requested = true;
        try {
            if (!finished.await(PATIENCE_SECONDS, TimeUnit.SECONDS))
                System.err.println("imu2clip: stopped while busy; the last checkpoint holds the run");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
