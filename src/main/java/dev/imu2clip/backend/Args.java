package dev.imu2clip.backend;

import dev.imu2clip.memory.Device;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The arguments of one kernel call: the off-heap block that compiled kernels read, and behind it the tensors for definitions.
 * The block belongs to the calling thread and is reused by its next call, so a backend that runs later copies it.
 */
public final class Args {
    private static final int MAX_FIELDS = 64;
    /** One a thread; it goes with its thread. No other arena can do that: nobody is told when a thread ends. */
    private static final ThreadLocal<MemorySegment> BLOCK = ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(8L * MAX_FIELDS, 64));

    private final Kernel kernel;
    private final Object[] values;
    private final MemorySegment block = BLOCK.get();
    private Device device;
    private long tensorBytes;
    private boolean float32 = true, float64 = true;

    Args(Kernel kernel, Object[] values) {
        this.kernel = kernel;
        this.values = values;
        var fields = kernel.fields();
        if (values.length != fields.size() || values.length > MAX_FIELDS)
            throw new IllegalArgumentException("kernel " + kernel + " takes " + fields.size() + " arguments, got " + values.length);
        for (int i = 0; i < values.length; i++) {
            Kernel.Field field = fields.get(i);
            switch (field.kind()) {
                case IN, OUT, INOUT -> putTensor(i, field, values[i]);
                case SIZE -> block.setAtIndex(ValueLayout.JAVA_LONG, i, toLong(field, values[i]));
                case REAL -> block.setAtIndex(ValueLayout.JAVA_DOUBLE, i, toDouble(field, values[i]));
            }
        }
        if (device == null) throw new IllegalArgumentException("kernel " + kernel + " was given no tensor");
    }

    private void putTensor(int i, Kernel.Field field, Object value) {
        if (value == null) {
            if (!field.optional()) throw new IllegalArgumentException("kernel " + kernel + ": '" + field.name() + "' must not be null");
            block.setAtIndex(ValueLayout.JAVA_LONG, i, 0);
            return;
        }
        if (!(value instanceof Tensor tensor))
            throw new IllegalArgumentException("kernel " + kernel + ": '" + field.name() + "' must be a tensor, is " + value);
        if (!field.elements().take(tensor.dtype()))
            throw new IllegalArgumentException("kernel " + kernel + ": '" + field.name() + "' takes " + field.elements() + ", is "
                    + tensor.dtype()
                    + " " + tensor.shape());
        block.setAtIndex(ValueLayout.JAVA_LONG, i, tensor.address());
        if (device == null) device = tensor.device();
        else if (device != tensor.device())
            throw new IllegalArgumentException("kernel " + kernel + ": '" + field.name() + "' is on " + tensor.device().name()
                    + ", the tensors before it on " + device.name() + "; copy it over first");
        tensorBytes += tensor.bytes();
        if (field.elements() == Kernel.Elements.FLOATS || field.elements() == Kernel.Elements.WIDE) {
            float32 &= tensor.dtype() == DType.F32;
            float64 &= tensor.dtype() == DType.F64;
        }
    }

    private long toLong(Kernel.Field field, Object value) {
        return switch (value) {
            case Long number -> number;
            case Integer number -> number;
            case Boolean flag -> flag ? 1 : 0;
            case null, default -> throw new IllegalArgumentException("kernel " + kernel + ": '" + field.name()
                    + "' must be a whole number, is " + value);
        };
    }

    private double toDouble(Kernel.Field field, Object value) {
        if (value instanceof Number number) return number.doubleValue();
        throw new IllegalArgumentException("kernel " + kernel + ": '" + field.name() + "' must be a number, is " + value);
    }

    Backend backend() {
        return (Backend) device;
    }

    public Kernel kernel() {
        return kernel;
    }

    /** The argument block: one 8-byte field after the other. */
    public MemorySegment block() {
        return block;
    }

    /** Bytes of all tensors together: a measure of how much work there is. */
    public long tensorBytes() {
        return tensorBytes;
    }

    /** Whether every floating-point tensor is float32, the type that kernels without a type in their name take. */
    public boolean isFloat32() {
        return float32;
    }

    /** Whether every floating-point tensor is float64, the type of the definitions. */
    public boolean isFloat64() {
        return float64;
    }

    /**
     * What stands behind a kernel's name for these element types: nothing where all are float32; {@code _bf16} where all are bfloat16
     * but the wide ones, which are float32; else the types of all but the wide ones, in order ({@code _bf16_f32}).
     */
    public String types() {
        if (float32) return "";
        List<DType> types = new ArrayList<>();
        for (int i = 0; i < values.length; i++)
            if (values[i] instanceof Tensor tensor && kernel.fields().get(i).elements() == Kernel.Elements.FLOATS) types.add(tensor.dtype());
        if (Set.copyOf(types).size() == 1) types = types.subList(0, 1);
        return types.stream().map(type -> "_" + type.name().toLowerCase(Locale.ROOT)).collect(Collectors.joining());
    }

    /** The tensor in a field, or null where an optional one was left out. */
    public Tensor tensor(String field) {
        return (Tensor) values[kernel.index(field)];
    }

    public Object value(int i) {
        return values[i];
    }

    /** The elements of a tensor field, for the definition; null where an optional tensor was left out. */
    public Reals reals(String field) {
        Tensor tensor = tensor(field);
        return tensor == null ? null : Reals.of(tensor.segment(), tensor.dtype());
    }

    public long size(String field) {
        return toLong(null, values[kernel.index(field)]);
    }

    /** A size as int, for the definition's loops and arrays. */
    public int count(String field) {
        return Math.toIntExact(size(field));
    }

    public boolean flag(String field) {
        return size(field) != 0;
    }

    public double real(String field) {
        return ((Number) values[kernel.index(field)]).doubleValue();
    }
}
