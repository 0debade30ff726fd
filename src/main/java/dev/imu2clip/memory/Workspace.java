package dev.imu2clip.memory;

import java.util.ArrayList;
import java.util.List;

/**
 * Memory that lives for one step: a bump pointer over a slab, put back to the start when the step closes.
 * <pre>{@code
 * try (var step = workspace.step()) { ... every tensor of this training step ... }
 * }</pre>
 * The first steps grow it; when a step that needed several slabs closes they are replaced by one that holds as much as was in use at
 * once, so that after
 * the second like step nothing is allocated and every address repeats. Inside a step, {@link #scratch()} marks a place to fall back to.
 *
 * <p>Each mark has an <em>epoch</em>, a number never used twice. A {@link Region} remembers the one it was made in, so that a use after
 * the mark was released is an error that names the tensor and never garbage. Debug mode ({@code -Dimu2clip.debug=true}) also
 * fills new regions with NaN. Not thread-safe: one thread works in a workspace.
 */
public final class Workspace implements AutoCloseable {
    private static final boolean DEBUG = Boolean.getBoolean("imu2clip.debug");
    private static final long ALIGNMENT = 64;
    private static final long FIRST_SLAB = 1 << 20;
    private static final int MAX_DEPTH = 64;

    private final Device device;
    private final String name;
    private final boolean poison;
    private final List<Slab> slabs = new ArrayList<>();
    private int current;
    private long position;
    private final long[] epochs = new long[MAX_DEPTH];
    private int depth;
    private long nextEpoch = 1;
    private long allocations;
    private long used;
    private long peak;
    private boolean closed;

    public Workspace(Device device, String name) {
        this(device, name, DEBUG);
    }

    /** @param poison fill new regions with NaN, as debug mode does */
    Workspace(Device device, String name, boolean poison) {
        this.device = device;
        this.name = name;
        this.poison = poison;
    }

    public Device device() {
        return device;
    }

    /** Opens a step; close it to take back everything allocated since. Steps do not nest: use {@link #scratch()} inside one. */
    public Mark step() {
        if (closed) throw new IllegalStateException("workspace '" + name + "' was closed");
        if (depth != 0) throw new IllegalStateException("workspace '" + name + "': the previous step is still open");
        return new Mark();
    }

    /** Marks the current place inside a step; closing falls back to it. */
    public Mark scratch() {
        if (depth == 0) throw new IllegalStateException("workspace '" + name + "': scratch() needs an open step");
        return new Mark();
    }

    /** Takes {@code bytes} at an aligned address, with unspecified content. */
    public Region allocate(long bytes) {
        if (depth == 0) throw new IllegalStateException("workspace '" + name + "': open a step before allocating in it");
        if (bytes < 0 || bytes > Long.MAX_VALUE - ALIGNMENT)
            throw new IllegalArgumentException("workspace '" + name + "' cannot give " + bytes + " bytes");
        long size = Math.max(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
        while (current < slabs.size() && size > slabs.get(current).bytes() - position) {
            current++;
            position = 0;
        }
        if (current == slabs.size()) grow(size);
        Slab slab = slabs.get(current);
        long offset = position;
        position += size;
        used += size;
        peak = Math.max(peak, used);
        if (poison) device.fill(slab, offset, size, (byte) 0xFF);
        return new Region(this, slab, offset, depth - 1, epochs[depth - 1]);
    }

    private void grow(long atLeast) {
        long doubled = slabs.isEmpty() ? FIRST_SLAB : 2 * slabs.getLast().bytes();
        slabs.add(device.allocate(Math.max(atLeast, doubled), "workspace '" + name + "'"));
        allocations++;
        position = 0;
    }

    /** How often slabs were taken from the device so far; flat once steps repeat. */
    public long allocations() {
        return allocations;
    }

    /** Most bytes that were in use at once. */
    public long peakBytes() {
        return peak;
    }

    public long capacity() {
        return slabs.stream().mapToLong(Slab::bytes).sum();
    }

    private void release(Mark mark) {
        if (depth - 1 != mark.level) throw new IllegalStateException("workspace '" + name + "': close the inner scratch first");
        depth--;
        epochs[depth] = 0;
        current = mark.slab;
        position = mark.offset;
        used = mark.used;
        if (depth == 0 && slabs.size() > 1) mergeSlabs();
    }

    private void mergeSlabs() {
        slabs.forEach(Slab::close);
        slabs.clear();
        current = 0;
        position = 0;
        slabs.add(device.allocate(peak, "workspace '" + name + "'"));
        allocations++;
    }

    /** Frees the memory, also in the middle of a step: tensors of it are gone. */
    @Override
    public void close() {
        closed = true;
        depth = 0;
        slabs.forEach(Slab::close);
        slabs.clear();
    }

    /** A place to fall back to. */
    public final class Mark implements AutoCloseable {
        private final int level = depth;
        private final int slab = current;
        private final long offset = position;
        private final long used = Workspace.this.used;
        private boolean closed;

        private Mark() {
            if (depth == MAX_DEPTH) throw new IllegalStateException("workspace '" + name + "': more than " + MAX_DEPTH
                    + " nested scratches");
            epochs[depth++] = nextEpoch++;
        }

        public Workspace workspace() {
            return Workspace.this;
        }

        @Override
        public void close() {
            if (closed || Workspace.this.closed) return;
            release(this);
            closed = true;
        }
    }

    /** A piece of the workspace, valid until the mark under which it was allocated is closed. */
    public record Region(Workspace workspace, Slab slab, long offset, int level, long epoch) {
        public boolean alive() {
            return workspace.epochs[level] == epoch;
        }

        public String describe() {
            return "workspace '" + workspace.name + "', epoch " + epoch;
        }
    }
}
