package dev.imu2clip.nn;

import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.HostBackend;
import dev.imu2clip.memory.Device;
import dev.imu2clip.memory.Slab;
import dev.imu2clip.ops.Cast;
import dev.imu2clip.ops.PackedLinear;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * A learned tensor of a {@link Module}. It has a value once a {@link ParameterStore} has given it one. The weight of a linear layer has
 * panels instead in a frozen store whose device prefers them. In a store that computes in bfloat16 the value is a rounded copy: what
 * learns is the {@link #master} of float32.
 */
public final class Parameter {
    private final Shape shape;
    private final Init init;
    private final boolean linear;
    private Tensor value;
    private Tensor gradient;
    private Tensor panels;
    private Tensor master;

    /** @param linear whether only products with it, as a matrix of its first dimension by all others, are asked for */
    Parameter(Shape shape, Init init, boolean linear) {
        this.shape = shape;
        this.init = init;
        this.linear = linear;
    }

    public Shape shape() {
        return shape;
    }

    public Init init() {
        return init;
    }

    /**
     * Its elements, in the store's memory, as modules compute with them.
     *
     * @throws IllegalStateException before a store has given it memory, or where it lies in panels
     */
    public Tensor value() {
        if (panels != null) throw new IllegalStateException("this parameter " + shape + " is frozen and lies in panels " + panels.shape());
        if (value == null)
            throw new IllegalStateException("this parameter " + shape + " has no memory yet: allocate its module's ParameterStore first");
        return value;
    }

    /** Its elements as {@link PackedLinear} reads them, or null where {@link #value} has them. */
    public Tensor panels() {
        return panels;
    }

    /** Its elements as they are learned and saved, in float32; null in a frozen store of 16-bit values. */
    public Tensor master() {
        return master;
    }

    /** Its elements as exactly as they are known: the master, or else the value. */
    public Tensor exact() {
        return master != null ? master : value();
    }

    /** The type of its value. */
    public DType dtype() {
        return panels != null ? panels.dtype() : value().dtype();
    }

    /** Where its gradient goes, or null in a frozen store. */
    public Tensor gradient() {
        return gradient;
    }

    /** The shape in which a store keeps it, with panels of this width where it can have them; 0 for none. */
    Shape stored(int width) {
        return linear && width > 0 ? PackedLinear.panels(shape.size(0), columns(), width) : shape;
    }

    private long columns() {
        return shape.count(1, shape.rank());
    }

    void place(Tensor value, Tensor gradient, Tensor master) {
        this.value = value;
        this.gradient = gradient;
        this.master = master;
        this.panels = null;
    }

    void placePanels(Tensor panels) {
        this.value = null;
        this.gradient = null;
        this.master = null;
        this.panels = panels;
    }

    /** Sets its elements: {@code source} writes them, in its own shape, into a segment of native float32 on the host. */
    public void fill(Consumer<MemorySegment> source) {
        if (master != null) {
            fill(master, source);
            if (value != master) Cast.convert(master, value);
            return;
        }
        DType dtype = dtype();
        Device device = (panels != null ? panels : value).device();
        Shape matrix = panels == null ? shape : Shape.of(shape.size(0), columns());
        long exact = 4 * shape.count(), aligned = (exact + 63) / 64 * 64;
        try (Slab slab = device.allocate(aligned + dtype.bytes() * shape.count(), "a weight to be packed or rounded")) {
            Tensor weight = Tensor.in(slab, 0, matrix, DType.F32), rounded = Tensor.in(slab, aligned, matrix, dtype);
            fill(weight, source);
            if (dtype != DType.F32) Cast.convert(weight, rounded);
            Tensor ready = dtype == DType.F32 ? weight : rounded;
            if (panels != null) PackedLinear.pack(ready, panels);
            else value.set(ready);
            if (device instanceof Backend backend) backend.synchronize(); // the slab is about to go
        }
    }

    private static void fill(Tensor target, Consumer<MemorySegment> source) {
        if (target.device() instanceof HostBackend) {
            source.accept(target.segment());
            return;
        }
        try (Arena arena = Arena.ofShared()) {
            MemorySegment host = arena.allocate(target.bytes(), Float.BYTES);
            source.accept(host);
            target.set(host);
        }
    }
}
