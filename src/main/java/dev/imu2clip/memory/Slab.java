package dev.imu2clip.memory;

import java.lang.foreign.MemorySegment;

/** One contiguous piece of a device's memory. Tensors are views into slabs; a slab is freed as a whole. */
public final class Slab implements AutoCloseable {
    private final Device device;
    private final String what;
    private final long address;
    private final long bytes;
    private final MemorySegment segment;
    private final Runnable free;
    private volatile boolean closed;

    /**
     * @param segment the slab's bytes for Java, or null when the host cannot see them
     * @param free    gives the memory back to the device
     */
    public Slab(Device device, String what, long address, long bytes, MemorySegment segment, Runnable free) {
        if (bytes < 0) throw new IllegalArgumentException("slab '" + what + "' of " + bytes + " bytes");
        this.device = device;
        this.what = what;
        this.address = address;
        this.bytes = bytes;
        this.segment = segment;
        this.free = free;
    }

    public Device device() {
        return device;
    }

    public String what() {
        return what;
    }

    public long bytes() {
        return bytes;
    }

    /** Address of the first byte on the device. */
    public long address() {
        checkOpen();
        return address;
    }

    /** Whether Java sees the bytes. */
    public boolean onHost() {
        return segment != null;
    }

    /** The bytes as Java sees them; only on host devices. */
    public MemorySegment segment() {
        checkOpen();
        if (segment == null) throw new IllegalStateException("slab '" + what + "' lives on " + device.name()
                + ": copy it to the host first");
        return segment;
    }

    public void checkOpen() {
        if (closed) throw new IllegalStateException("slab '" + what + "' was closed: its memory is gone");
    }

    @Override
    public void close() {
        if (closed) return;
        closed = true;
        free.run();
    }
}
