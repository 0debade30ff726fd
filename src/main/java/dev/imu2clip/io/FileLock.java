package dev.imu2clip.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;

/** One holder at a time, over all threads and processes of the machine. The file stays: whoever removed it could let two in. */
public final class FileLock implements AutoCloseable {
    private static final long POLL_MILLIS = 100;
    /** The system's locks are a process's, and closing the file in any of its threads would free them: threads wait for each other here. */
    private static final Map<Path, ReentrantLock> THREADS = new ConcurrentHashMap<>();

    private final ReentrantLock threads;
    private final FileChannel channel;

    private FileLock(ReentrantLock threads, FileChannel channel) {
        this.threads = threads;
        this.channel = channel;
    }

    /**
     * Takes the lock or fails at once; while it is held, the file says by whom.
     *
     * @param work what the lock is for, as in {@code prepares this folder}
     * @throws InputException naming the process that holds it
     */
    public static FileLock acquireOrFail(Path file, String work) throws IOException {
        ReentrantLock threads = THREADS.computeIfAbsent(file.toAbsolutePath().normalize(), _ -> new ReentrantLock());
        FileChannel channel = null;
        boolean held = false;
        try {
            // Far beyond the text, so that the text can be read where locks are mandatory.
            if (!threads.isHeldByCurrentThread() && threads.tryLock()) {
                channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                held = channel.tryLock(Long.MAX_VALUE - 1, 1, false) != null;
            }
            Path folder = file.getParent() == null ? file : file.getParent();
            if (!held) throw InputException.in(folder, holder(file) + " " + work, "Wait for it to end, or end it");
            channel.truncate(0);
            channel.write(ByteBuffer.wrap(("process " + ProcessHandle.current().pid()).getBytes(StandardCharsets.US_ASCII)));
            return new FileLock(threads, channel);
        } finally {
            if (!held) {
                if (channel != null) channel.close();
                if (threads.isHeldByCurrentThread()) threads.unlock();
            }
        }
    }

    private static String holder(Path file) {
        try {
            String text = Files.readString(file, StandardCharsets.ISO_8859_1);
            return text.matches("process \\d+") ? text : "another process";
        } catch (IOException e) {
            return "another process";
        }
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
