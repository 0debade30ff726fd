package dev.imu2clip.io;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;

/** One holder at a time, over all threads and processes of the machine. The file stays: whoever removed it could let two in. */
final class FileLock implements AutoCloseable {
    private static final long POLL_MILLIS = 100;
    /** The system's locks are a process's, and closing the file in any of its threads would free them: threads wait for each other here. */
    private static final Map<Path, ReentrantLock> THREADS = new ConcurrentHashMap<>();

    private final ReentrantLock threads;
    private final FileChannel channel;

    private FileLock(ReentrantLock threads, FileChannel channel) {
        this.threads = threads;
        this.channel = channel;
    }

    /** @param waits is told when another holds the lock */
    static FileLock acquire(Path file, Runnable waits) throws IOException, InterruptedException {
        ReentrantLock threads = THREADS.computeIfAbsent(file.toAbsolutePath().normalize(), _ -> new ReentrantLock());
        boolean told = !threads.tryLock();
        if (told) {
            waits.run();
            threads.lockInterruptibly();
        }
        FileChannel channel = null;
        boolean held = false;
        try {
            channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            while (channel.tryLock() == null) {
                if (!told) waits.run();
                told = true;
                Thread.sleep(POLL_MILLIS);
            }
            held = true;
            return new FileLock(threads, channel);
        } finally {
            if (!held) {
                if (channel != null) channel.close();
                threads.unlock();
            }
        }
    }

    @Override
    public void close() throws IOException {
        try {
            channel.close();
        } finally {
            threads.unlock();
        }
    }
}
