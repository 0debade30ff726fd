package dev.imu2clip.tensor;

import dev.imu2clip.memory.Device;
import dev.imu2clip.memory.Slab;
import dev.imu2clip.memory.Workspace;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A view of memory as a dense, row-major array: a slab, an offset, a shape and an element type. It has no operations; those are in
 * {@code dev.imu2clip.ops}. A tensor in a {@link Workspace} dies with its step, and using it afterwards is an error that names it.
 */
public final class Tensor {
    private final Slab slab;
    private final long offset;
    private final Shape shape;
    private final DType dtype;
    private final Workspace.Region region;

    private Tensor(Slab slab, long offset, Shape shape, DType dtype, Workspace.Region region) {
        this.slab = slab;
        this.offset = offset;
        this.shape = shape;
        this.dtype = dtype;
        this.region = region;
    }

    /**
     * A tensor in its own zeroed slab. Nobody can close that slab: its memory stays taken until the process ends. For constants of a
     * whole run and for tests; elsewhere use a {@link Workspace} or a slab of your own.
     */
    public static Tensor zeros(Device device, DType dtype, long... sizes) {
        Shape shape = Shape.of(sizes);
        return new Tensor(device.allocate(Math.max(1, bytes(shape, dtype)), "tensor " + shape), 0, shape, dtype, null);
    }

    /** A float32 tensor with these values, in its own slab, which nobody can close: see {@link #zeros}. */
    public static Tensor of(Device device, float[] values, long... sizes) {
        return zeros(device, DType.F32, sizes).set(values);
    }

    /** A tensor over part of a slab that outlives steps: a parameter, an optimizer's state. */
    public static Tensor in(Slab slab, long offset, Shape shape, DType dtype) {
        if (offset < 0 || bytes(shape, dtype) > slab.bytes() - offset)
            throw new IllegalArgumentException(shape + " " + dtype + " at byte " + offset + " does not fit slab '" + slab.what() + "' of "
                    + slab.bytes());
        return new Tensor(slab, offset, shape, dtype, null);
    }

    /** A tensor with unspecified content that lives until the workspace's current mark closes. */
    public static Tensor in(Workspace workspace, Shape shape, DType dtype) {
        Workspace.Region region = workspace.allocate(bytes(shape, dtype));
        return new Tensor(region.slab(), region.offset(), shape, dtype, region);
    }

    public Shape shape() {
        return shape;
    }

    public long size(int axis) {
        return shape.size(axis);
    }

    /** Number of elements. */
    public long count() {
        return shape.count();
    }

    public long bytes() {
        return bytes(shape, dtype);
    }

    private static long bytes(Shape shape, DType dtype) {
        if (shape.count() > Long.MAX_VALUE / dtype.bytes())
            throw new IllegalArgumentException(dtype + " " + shape + " has more bytes than a number can say");
        return shape.count() * dtype.bytes();
    }

    public DType dtype() {
        return dtype;
    }

    public Device device() {
        return slab.device();
    }

    /** Address of the first element on the device. */
    public long address() {
        checkAlive();
        return slab.address() + offset;
    }

    /**
     * The same elements in another shape of the same count. Outside the tape: gradients do not flow; use {@code Layout.reshape} for that.
     */
    public Tensor reshape(long... sizes) {
        Shape other = Shape.of(sizes);
        if (other.count() != shape.count())
            throw new IllegalArgumentException("cannot view " + shape + " as " + other + ": " + shape.count() + " against "
                    + other.count() + " elements");
        return new Tensor(slab, offset, other, dtype, region);
    }

    /**
     * Part of the elements, from element {@code first} in row-major order, as a tensor of its own shape. Outside the tape: gradients do
     * not flow; use {@code Layout.slice} and {@code Layout.reshape} for that.
     */
    public Tensor view(long first, long... sizes) {
        Shape part = Shape.of(sizes);
        if (first < 0 || part.count() > shape.count() - first)
            throw new IllegalArgumentException(part + " from element " + first + " reaches outside of " + shape);
        return new Tensor(slab, offset + first * dtype.bytes(), part, dtype, region);
    }

    /**
     * Rows {@code from} (inclusive) to {@code to} (exclusive) of the outermost dimension. Outside the tape: gradients do not flow; use
     * {@code Layout.slice} for that.
     */
    public Tensor rows(long from, long to) {
        return view(Math.multiplyExact(from, shape.count(1, shape.rank())), shape.with(0, to - from).sizes());
    }

    /** The bytes as Java sees them; only on host devices. */
    public MemorySegment segment() {
        checkAlive();
        return slab.segment().asSlice(offset, bytes());
    }

    /** Copies the elements to the host, as float32. */
    public float[] toFloats() {
        float[] values = new float[Math.toIntExact(count())];
        try (Arena arena = Arena.ofConfined()) {
            Reals reals = Reals.of(toHost(arena), dtype);
            for (int i = 0; i < values.length; i++) values[i] = (float) reals.get(i);
        }
        return values;
    }

    /** The single element of a one-element tensor. */
    public double item() {
        if (count() != 1) throw new IllegalStateException("item() needs one element, this tensor has shape " + shape);
        try (Arena arena = Arena.ofConfined()) {
            return Reals.of(toHost(arena), dtype).get(0);
        }
    }

    /** Copies values from the host, converted to the element type. */
    public Tensor set(float... values) {
        if (values.length != count()) throw new IllegalArgumentException(values.length + " values for shape " + shape);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment host = arena.allocate(bytes(), 8);
            if (dtype == DType.F32) MemorySegment.copy(values, 0, host, ValueLayout.JAVA_FLOAT, 0, values.length);
            else {
                Reals reals = Reals.of(host, dtype);
                for (int i = 0; i < values.length; i++) reals.set(i, values[i]);
            }
            set(host);
        }
        return this;
    }

    /** Copies raw bytes of the element type from the host. */
    public Tensor set(MemorySegment host) {
        if (host.byteSize() != bytes()) throw new IllegalArgumentException(host.byteSize() + " bytes for " + dtype + " " + shape);
        checkAlive();
        device().upload(host, slab, offset);
        return this;
    }

    /** Copies the elements of another tensor of the same type, count and device. */
    public Tensor set(Tensor other) {
        if (other.dtype != dtype || other.count() != count() || other.device() != device())
            throw new IllegalArgumentException("cannot copy " + other + " into " + this);
        checkAlive();
        other.checkAlive();
        device().copy(other.slab, other.offset, slab, offset, bytes());
        return this;
    }

    /** A copy of the raw bytes on the host. */
    public MemorySegment toHost(Arena arena) {
        checkAlive();
        MemorySegment host = arena.allocate(Math.max(1, bytes()), 8).asSlice(0, bytes());
        device().download(slab, offset, host);
        return host;
    }

    /** Sets every byte to zero. */
    public Tensor clear() {
        checkAlive();
        device().fill(slab, offset, bytes(), (byte) 0);
        return this;
    }

    public void checkAlive() {
        if (region != null && !region.alive())
            throw new IllegalStateException("tensor " + this + " was allocated in a step that has closed (" + region.describe() + ")");
        slab.checkOpen();
    }

    @Override
    public String toString() {
        return dtype + " " + shape + " on " + device().name();
    }
}
