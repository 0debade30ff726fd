package dev.imu2clip.data;

import dev.imu2clip.io.InputException;
import java.lang.foreign.Arena;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Reads batches ahead of the trainer on a thread of its own, into a small ring of off-heap buffers that are used again and again.
 *
 * <p>The order of the windows is a pure function of seed and epoch (Fisher-Yates driven by SplitMix64 keyed with both), so a run
 * that resumes at an epoch and a step sees what the undisturbed run would have seen: {@code begin(epoch, step)}.
 * One thread calls {@link #begin}, {@link #next} and {@link #close}.
 */
public final class BatchLoader implements AutoCloseable {
    /**
     * @param shuffle a new order in every epoch; otherwise the table's order
     * @param dropLast leave out a last batch that is not full
     * @param prefetch batches read ahead, at least 1
     */
    public record Options(int batchSize, long seed, boolean shuffle, boolean dropLast, int prefetch) {
        public Options {
            if (batchSize < 1) throw new InputException("the batch size must be at least 1, not " + batchSize);
            if (prefetch < 1) throw new InputException("at least one batch must be read ahead, not " + prefetch);
        }

        /** For training: shuffled, full batches only, two read ahead. */
        public static Options training(int batchSize, long seed) {
            return new Options(batchSize, seed, true, true, 2);
        }

        /** For validation and test: every window once, in the table's order. */
        public static Options evaluation(int batchSize) {
            return new Options(batchSize, 0, false, false, 2);
        }
    }

    private final DataSet data;
    private final WindowTable windows;
    private final Options options;
    private final int samples;
    private final Arena arena = Arena.ofShared();
    private final Batch[] ring;
    private final int[] order;
    private final Thread reader;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    // Guarded by lock. Batches are numbered from 0 within a begin(); slot = number % ring.length.
    private int generation; // counts begin(), so that the reader notices a new one in the middle of an old
    private int epoch;
    private int firstStep;
    private int ready; // batches read
    private int taken; // batches handed out; the last of them is still the consumer's
    private int total; // batches of this begin()
    private Throwable failure;
    private volatile boolean closed;

    /** @throws InputException when the windows differ in length, or are too few for one batch */
    public BatchLoader(DataSet data, WindowTable windows, Options options) {
        this.data = data;
        this.windows = windows;
        this.options = options;
        samples = data.samples(windows);
        if (steps() == 0)
            throw new InputException(data.folder() + ": a batch of " + options.batchSize + " windows cannot be filled from "
                    + windows.size()
                    + ". Choose a smaller batch size, or more data");
        int capacity = Math.min(options.batchSize, windows.size());
        ring = new Batch[options.prefetch + 1];
        long bytes = (long) capacity * Recording.CHANNELS * samples * Float.BYTES;
        for (int i = 0; i < ring.length; i++) ring[i] = new Batch(arena.allocate(bytes, 64), capacity);
        order = new int[windows.size()];
        reader = Thread.ofPlatform().daemon().name("batch-loader").start(this::readAll);
    }

    /** Batches of an epoch. */
    public int steps() {
        int full = windows.size() / options.batchSize;
        return options.dropLast || windows.size() % options.batchSize == 0 ? full : full + 1;
    }

    /** T of the blocks. */
    public int samples() {
        return samples;
    }

    public WindowTable windows() {
        return windows;
    }

    /** Goes to batch {@code step} of {@code epoch}, both from 0; reading starts at once. */
    public void begin(int epoch, int step) {
        if (step < 0 || step > steps()) throw new IllegalArgumentException("step " + step + " of " + steps());
        lock.lock();
        try {
            if (closed) throw new IllegalStateException("the loader is closed");
            this.epoch = epoch;
            firstStep = step;
            total = steps() - step;
            ready = 0;
            taken = 0;
            failure = null;
            generation++;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /**
     * The next batch; null after the last of the epoch. The one handed out before is given back.
     *
     * @throws InputException when a window cannot be read any more
     */
    public Batch next() {
        lock.lock();
        try {
            if (generation == 0) throw new IllegalStateException("call begin first");
            if (taken == total) return null;
            while (taken == ready && failure == null && !closed) changed.awaitUninterruptibly();
            if (closed) throw new IllegalStateException("the loader is closed");
            if (taken == ready)
                throw failure instanceof InputException e ? new InputException(e.getMessage(), e)
                        : new IllegalStateException("reading a batch failed", failure);
            changed.signalAll(); // the slot of the batch before this one is free
            return ring[taken++ % ring.length];
        } finally {
            lock.unlock();
        }
    }

    private void readAll() {
        int mine = 0;
        while (true) {
            int number;
            int step;
            int ofEpoch;
            lock.lock();
            try {
                // A slot is free when it holds neither a batch not yet taken nor the one the consumer works on.
                while (!closed && (generation == 0 || generation == mine
                        && (failure != null || ready == total || ready - Math.max(0, taken - 1) >= ring.length)))
                    changed.awaitUninterruptibly();
                if (closed) return;
                if (generation != mine) {
                    mine = generation;
                    arrange(epoch);
                    continue;
                }
                number = ready;
                step = firstStep + number;
                ofEpoch = epoch;
            } finally {
                lock.unlock();
            }
            Throwable problem = null;
            try {
                read(ring[number % ring.length], ofEpoch, step);
            } catch (Throwable e) {
                problem = e;
            }
            lock.lock();
            try {
                if (generation == mine) {
                    if (problem == null) ready++;
                    else failure = problem;
                    changed.signalAll();
                }
            } finally {
                lock.unlock();
            }
        }
    }

    private void arrange(int epoch) {
        for (int i = 0; i < order.length; i++) order[i] = i;
        if (options.shuffle) new Rng(options.seed, epoch).shuffle(order);
    }

    private void read(Batch batch, int epoch, int step) {
        int from = step * options.batchSize;
        int n = Math.min(options.batchSize, order.length - from);
        long bytes = (long) Recording.CHANNELS * samples * Float.BYTES;
        for (int i = 0; i < n && !closed; i++) {
            batch.windows()[i] = order[from + i];
            data.read(windows.get(order[from + i]), batch.buffer(), i * bytes);
        }
        batch.fill(epoch, step, n);
    }

    /** Stops the reader and frees the buffers; batches must not be used afterwards. */
    @Override
    public void close() {
        lock.lock();
        try {
            if (closed) return;
            closed = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        boolean interrupted = false;
        while (reader.isAlive()) {
            try {
                reader.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) Thread.currentThread().interrupt();
        arena.close();
    }
}
