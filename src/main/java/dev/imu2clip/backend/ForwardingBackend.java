package dev.imu2clip.backend;

import dev.imu2clip.memory.Slab;
import dev.imu2clip.tensor.DType;

import java.lang.foreign.MemorySegment;

/** A backend over another one, to look at what runs there: its tensors are of the other's memory, and its kernels run there. */
public abstract class ForwardingBackend implements Backend {
    protected final Backend device;

    protected ForwardingBackend(Backend device) {
        this.device = device;
    }

    @Override
    public Slab allocate(long bytes, String what) {
        Slab slab = device.allocate(bytes, what);
        return new Slab(this, what, slab.address(), bytes, slab.onHost() ? slab.segment() : null, slab::close);
    }

    @Override
    public void run(Kernel kernel, Args args) {
        device.run(kernel, args);
    }

    @Override
    public Recording record(Runnable work) {
        return device.record(work);
    }

    @Override
    public void synchronize() {
        device.synchronize();
    }

    @Override
    public void upload(MemorySegment source, Slab target, long offset) {
        device.upload(source, target, offset);
    }

    @Override
    public void download(Slab source, long offset, MemorySegment target) {
        device.download(source, offset, target);
    }

    @Override
    public void copy(Slab source, long sourceOffset, Slab target, long targetOffset, long bytes) {
        device.copy(source, sourceOffset, target, targetOffset, bytes);
    }

    @Override
    public void fill(Slab slab, long offset, long bytes, byte value) {
        device.fill(slab, offset, bytes, value);
    }

    @Override
    public String name() {
        return device.name();
    }

    @Override
    public String describe() {
        return device.describe();
    }

    @Override
    public String implementation(Kernel kernel, String types) {
        return device.implementation(kernel, types);
    }

    @Override
    public boolean computesIn(DType dtype) {
        return device.computesIn(dtype);
    }

    @Override
    public void useTf32(boolean allowed) {
        device.useTf32(allowed);
    }

    @Override
    public int panelWidth() {
        return device.panelWidth();
    }
}
