package dev.imu2clip.data;

import java.lang.foreign.MemorySegment;

/**
 * Some windows' signals, side by side. Its buffer is the loader's: valid until the next call of {@link BatchLoader#next}.
 */
public final class Batch {
    private final MemorySegment buffer;
    private final int[] windows;
    private final long bytesPerWindow;
    private int size;
    private int epoch;
    private int step;

    Batch(MemorySegment buffer, int capacity) {
        this.buffer = buffer;
        this.windows = new int[capacity];
        this.bytesPerWindow = buffer.byteSize() / capacity;
    }

    void fill(int epoch, int step, int size) {
        this.epoch = epoch;
        this.step = step;
        this.size = size;
    }

    int[] windows() {
        return windows;
    }

    MemorySegment buffer() {
        return buffer;
    }

    /** Number of windows n. */
    public int size() {
        return size;
    }

    /** float32 (n, 6, T), off the heap, in m/s² and rad/s. */
    public MemorySegment signals() {
        return size == windows.length ? buffer : buffer.asSlice(0, size * bytesPerWindow);
    }

    /** Place in the window table of the i-th window of this batch. */
    public int window(int i) {
        return windows[java.util.Objects.checkIndex(i, size)];
    }

    public int epoch() {
        return epoch;
    }

    /** Number of this batch in its epoch, from 0. */
    public int step() {
        return step;
    }
}
