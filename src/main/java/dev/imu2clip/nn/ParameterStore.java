package dev.imu2clip.nn;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.memory.Device;
import dev.imu2clip.memory.Slab;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.BiFunction;

/**
 * The parameters of a model in one flat slab, and their gradients in another of the same layout: one kernel updates all, one memset
 * clears all. Matrices come first and vectors (biases, norms, the temperature) after them, because weight
 * decay is for the matrices only. In a frozen store the weights of linear layers lie in panels where the device prefers them. Every parameter starts at a multiple of 64 bytes; the gaps are zeros and stay zeros.
 */
public final class ParameterStore implements AutoCloseable {
    private static final int ALIGNMENT = 16; // elements: 64 bytes

    private final Map<String, Parameter> parameters;
    private final Slab values;
    private final Slab gradients;
    private final Shape flat;
    private final long decayed;

    private ParameterStore(Device device, Map<String, Parameter> parameters, boolean trainable) {
        this.parameters = Collections.unmodifiableMap(parameters);
        int width = !trainable && device instanceof Backend backend ? backend.panelWidth() : 0;
        Map<String, Long> offsets = new LinkedHashMap<>();
        long end = lay(parameters, offsets, 0, true, width);
        this.decayed = end;
        end = lay(parameters, offsets, end, false, width);
        this.flat = Shape.of(end);
        this.values = device.allocate(Math.max(1, 4 * end), "parameters");
        this.gradients = trainable ? device.allocate(Math.max(1, 4 * end), "gradients") : null;
        parameters.forEach((name, parameter) -> {
            long offset = 4 * offsets.get(name);
            Tensor value = Tensor.in(values, offset, parameter.stored(width), DType.F32);
            if (value.shape().equals(parameter.shape()))
                parameter.place(value, trainable ? Tensor.in(gradients, offset, parameter.shape(), DType.F32) : null);
            else parameter.placePanels(value);
        });
    }

    private static long lay(Map<String, Parameter> parameters, Map<String, Long> offsets, long from, boolean matrices, int width) {
        long end = from;
        for (var entry : parameters.entrySet()) {
            if (entry.getValue().shape().rank() >= 2 != matrices) continue;
            offsets.put(entry.getKey(), end);
            end += (entry.getValue().stored(width).count() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        }
        return end;
    }

    /** Gives every parameter of a module its memory, zeroed; {@code trainable} adds gradients. */
    public static ParameterStore allocate(Device device, Module module, boolean trainable) {
        return new ParameterStore(device, module.parameters(), trainable);
    }

    /** Sets every parameter to its initial value. Each has a sequence of its own, by its place in the module. */
    public ParameterStore initialise(long seed) {
        int place = 0;
        for (Parameter parameter : parameters.values()) {
            long sequence = seed * 0x9E3779B97F4A7C15L + ++place;
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
     * From here on the tape writes the gradients of all parameters.
     *
     * @throws IllegalStateException where the store is frozen
     */
    public void watch(Tape tape) {
        requireTrainable();
        for (Parameter parameter : parameters.values()) tape.watch(parameter.value(), parameter.gradient());
    }

    public Map<String, Parameter> parameters() {
        return parameters;
    }

    /** All values as one vector, gaps included. */
    public Tensor values() {
        return Tensor.in(values, 0, flat, DType.F32);
    }

    /**
     * All gradients as one vector, gaps included.
     *
     * @throws IllegalStateException where the store is frozen
     */
    public Tensor gradients() {
        requireTrainable();
        return Tensor.in(gradients, 0, flat, DType.F32);
    }

    private void requireTrainable() {
        if (gradients == null) throw new IllegalStateException("this store is frozen: it has no gradients; allocate it as trainable");
    }

    /** How many elements at the front of the vector belong to matrices: those that weight decay is for. */
    public long decayed() {
        return decayed;
    }

    public Device device() {
        return values.device();
    }

    @Override
    public void close() {
        values.close();
        if (gradients != null) gradients.close();
    }

    /** Name, shape and float32 bytes of every parameter, copied to the host. Weights in panels are not given back. */
    public List<Saved> save(Arena arena) {
        List<Saved> all = new ArrayList<>();
        parameters.forEach((name, parameter) -> all.add(new Saved(name, parameter.shape(), parameter.value().toHost(arena))));
        return all;
    }

    /** One parameter on the host. */
    public record Saved(String name, Shape shape, MemorySegment bytes) {
        public float[] floats() {
            return bytes.toArray(ValueLayout.JAVA_FLOAT);
        }
    }
}
