package dev.imu2clip.memory;

import java.lang.foreign.MemorySegment;

/** Where memory lives. A host device's slabs are visible to Java as segments; other devices are reached by copies only. */
public interface Device {
    /** As a user writes it after {@code --device}: {@code cpu}, {@code cpu:avx2}, {@code java}, {@code cuda:0}. */
    String name();

    /**
     * Takes zeroed memory, aligned to 64 bytes at least.
     *
     * @param what what it is for, named when memory runs out
     */
    Slab allocate(long bytes, String what);

    /** Copies from host memory into a slab. */
    void upload(MemorySegment source, Slab target, long offset);

    /** Copies from a slab to host memory, after everything already queued for the slab's device has run. */
    void download(Slab source, long offset, MemorySegment target);

    /** Copies between two slabs of this device; the ranges must not overlap. */
    void copy(Slab source, long sourceOffset, Slab target, long targetOffset, long bytes);

    /** Sets bytes of a slab. */
    void fill(Slab slab, long offset, long bytes, byte value);
}
