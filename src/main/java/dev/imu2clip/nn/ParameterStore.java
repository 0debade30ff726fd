package dev.imu2clip.nn;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.memory.Device;
import dev.imu2clip.memory.Slab;
import dev.imu2clip.ops.Cast;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.function.BiFunction;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;

/**
 * The parameters of a model in one flat slab, and their gradients in another of the same layout: one kernel updates all, one memset
 * clears all. Matrices come first and vectors (biases, norms, the temperature) after them, because weight
 * decay is for the matrices only; parameters that learn at another rate are a {@link Range} of their own. Frozen ones come last, where
 * gradients and an optimiser's moments end. In a store where all are frozen, the weights of linear layers lie in panels where the device
 * prefers them. Every parameter starts at a multiple of 16 elements; the gaps are zeros and stay zeros.
 *
 * <p>A store can compute in bfloat16. One that learns keeps its values in float32, and beside them rounded copies for the modules, which
 * {@link #refresh} makes anew after every change; gradients stay float32. A single number (a temperature) is not rounded. A frozen one
 * has rounded values only.
 */
public final class ParameterStore implements AutoCloseable {
    private static final int ALIGNMENT = 16; // elements

    /** What decides how a parameter learns: whether it is a matrix, and its factor on the learning rate, 0 for a frozen one. */
    private record Kind(boolean matrices, double rate) {
        boolean trainable() {
            return rate > 0;
        }
    }

    /**
     * A part of {@link #trainableValues} that learns in one way.
     *
     * @param from    its first element
     * @param count   elements, gaps included
     * @param decayed whether weight decay is for them: they are matrices
     * @param rate    factor on the learning rate
     */
    public record Range(long from, long count, boolean decayed, double rate) {}

    private final Map<String, Parameter> parameters;
    private final Map<String, Parameter> trainable = new LinkedHashMap<>();
    private final List<Range> ranges = new ArrayList<>();
    private final Slab values;
    private final Slab gradients;
    private final Slab rounded; // or null
    private final DType dtype; // of values
    private final Shape flat;
    private final Shape flatTrainable;

    private ParameterStore(Device device, Map<String, Parameter> parameters, ToDoubleFunction<String> rates, DType compute) {
        if (compute != DType.F32 && compute != DType.BF16) throw new IllegalArgumentException("parameters are F32 or BF16, not " + compute);
        this.parameters = Collections.unmodifiableMap(parameters);
        Map<Kind, List<String>> kinds = new TreeMap<>(Comparator.comparing(Kind::trainable).thenComparing(Kind::matrices)
                .thenComparing(Kind::rate).reversed());
        parameters.forEach((name, parameter) -> {
            Kind kind = new Kind(parameter.shape().rank() >= 2, rates.applyAsDouble(name));
            kinds.computeIfAbsent(kind, _ -> new ArrayList<>()).add(name);
            if (kind.trainable()) trainable.put(name, parameter);
        });
        int panels = trainable.isEmpty() && device instanceof Backend backend ? backend.panelWidth() : 0;
        Map<String, Long> offsets = new LinkedHashMap<>();
        long end = 0, learning = 0;
        for (var entry : kinds.entrySet()) {
            long from = end;
            for (String name : entry.getValue()) {
                offsets.put(name, end);
                end += (parameters.get(name).stored(panels).count() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
            }
            Kind kind = entry.getKey();
            if (!kind.trainable()) continue;
            ranges.add(new Range(from, end - from, kind.matrices, kind.rate));
            learning = end;
        }
        this.flatTrainable = Shape.of(learning);
        this.flat = Shape.of(end);
        boolean frozen = trainable.isEmpty();
        this.dtype = frozen ? compute : DType.F32;
        this.values = device.allocate(Math.max(1, dtype.bytes() * flat.count()), "parameters");
        this.gradients = frozen ? null : device.allocate(Math.max(1, 4 * learning), "gradients");
        this.rounded = compute == dtype ? null : device.allocate(Math.max(1, compute.bytes() * flat.count()), "rounded parameters");
        parameters.forEach((name, parameter) -> {
            long offset = offsets.get(name);
            Tensor value = Tensor.in(values, dtype.bytes() * offset, parameter.stored(panels), dtype);
            if (frozen && !value.shape().equals(parameter.shape())) parameter.placePanels(value);
            else parameter.place(rounded == null || value.count() == 1 ? value
                            : Tensor.in(rounded, compute.bytes() * offset, parameter.shape(), compute),
                    trainable.containsKey(name) ? Tensor.in(gradients, 4 * offset, parameter.shape(), DType.F32) : null,
                    dtype == DType.F32 ? value : null);
        });
    }

    /** Gives every parameter of a module its memory, zeroed; {@code trainable} adds gradients. */
    public static ParameterStore allocate(Device device, Module module, boolean trainable) {
        return allocate(device, module, _ -> trainable ? 1 : 0);
    }

    /**
     * Gives every parameter of a module its memory, zeroed, and gradients to those that learn.
     *
     * @param rates a parameter's factor on the learning rate, by its name; 0 for a frozen one
     */
    public static ParameterStore allocate(Device device, Module module, ToDoubleFunction<String> rates) {
        return allocate(device, module, rates, DType.F32);
    }

    /**
     * The same for modules that compute in another type.
     *
     * @param compute F32 or BF16
     */
    public static ParameterStore allocate(Device device, Module module, ToDoubleFunction<String> rates, DType compute) {
        return new ParameterStore(device, module.parameters(), rates, compute);
    }

    /** Makes the rounded copies anew, where there are any: call it after changing {@link #values}. */
    public void refresh() {
        if (rounded != null) Cast.convert(values(), Tensor.in(rounded, 0, flat, DType.BF16));
    }

    /** Sets every parameter to its initial value. Each has a sequence of its own, by its place in the module. */
    public ParameterStore initialise(long seed) {
        return initialise(seed, _ -> true);
    }

    /** Sets the parameters of these names to their initial values, the same as if all were set. */
    public ParameterStore initialise(long seed, Predicate<String> names) {
        int place = 0;
        for (var entry : parameters.entrySet()) {
            long sequence = seed * 0x9E3779B97F4A7C15L + ++place;
            if (!names.test(entry.getKey())) continue;
            Parameter parameter = entry.getValue();
            float[] start = new float[Math.toIntExact(parameter.shape().count())];
            for (int i = 0; i < start.length; i++) start[i] = (float) parameter.init().value(sequence, i);
            parameter.fill(target -> MemorySegment.copy(start, 0, target, ValueLayout.JAVA_FLOAT, 0, start.length));
        }
        return this;
    }

    /**
     * Sets every parameter from elsewhere, for instance a file: the function gets its name and shape and returns its values; it throws
     * where it has none.
     */
    public ParameterStore load(BiFunction<String, Shape, float[]> source) {
        return fill((name, target) -> {
            float[] values = source.apply(name, parameters.get(name).shape());
            MemorySegment.copy(values, 0, target, ValueLayout.JAVA_FLOAT, 0, values.length);
        });
    }

    /** The same for much data: the function gets a name and a segment of the host, which it fills with native float32 values. */
    public ParameterStore fill(BiConsumer<String, MemorySegment> source) {
        parameters.forEach((name, parameter) -> parameter.fill(target -> source.accept(name, target)));
        return this;
    }

    /**
     * From here on the tape writes the gradients of all trainable parameters.
     *
     * @throws IllegalStateException where the store is frozen
     */
    public void watch(Tape tape) {
        requireTrainable();
        for (Parameter parameter : trainable.values()) tape.watch(parameter.value(), parameter.gradient());
    }

    public Map<String, Parameter> parameters() {
        return parameters;
    }

    /** The parameters that learn. */
    public Map<String, Parameter> trainable() {
        return Collections.unmodifiableMap(trainable);
    }

    /** The ranges of {@link #trainableValues}: matrices first. */
    public List<Range> ranges() {
        return Collections.unmodifiableList(ranges);
    }

    /** All values as one vector, gaps included. */
    public Tensor values() {
        return Tensor.in(values, 0, flat, dtype);
    }

    /** The values of the trainable parameters as one vector, gaps included: the front of {@link #values}. */
    public Tensor trainableValues() {
        return Tensor.in(values, 0, flatTrainable, DType.F32);
    }

    /**
     * The gradients of the trainable parameters as one vector, laid out as their values.
     *
     * @throws IllegalStateException where the store is frozen
     */
    public Tensor gradients() {
        requireTrainable();
        return Tensor.in(gradients, 0, flatTrainable, DType.F32);
    }

    private void requireTrainable() {
        if (gradients == null) throw new IllegalStateException("this store is frozen: it has no gradients; allocate it as trainable");
    }

    public Device device() {
        return values.device();
    }

    @Override
    public void close() {
        values.close();
        if (gradients != null) gradients.close();
        if (rounded != null) rounded.close();
    }
}
