package dev.imu2clip.nn;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;

import java.util.LinkedHashMap;
import java.util.Map;

/** A part of a model: named parameters and named parts. Names joined by dots are those of the saved files, as in PyTorch. */
public abstract class Module {
    private final Map<String, Parameter> own = new LinkedHashMap<>();
    private final Map<String, Module> children = new LinkedHashMap<>();

    protected final Parameter parameter(String name, Init init, long... sizes) {
        return add(name, new Parameter(Shape.of(sizes), init, false));
    }

    /** The weight of a linear layer, (out, in) with any number of dimensions for in: a frozen store may keep it in panels. */
    protected final Parameter linearWeight(String name, Init init, long... sizes) {
        return add(name, new Parameter(Shape.of(sizes), init, true));
    }

    private Parameter add(String name, Parameter parameter) {
        if (own.put(name, parameter) != null) throw new IllegalArgumentException("two parameters are called '" + name + "'");
        return parameter;
    }

    protected final <M extends Module> M child(String name, M module) {
        if (children.put(name, module) != null) throw new IllegalArgumentException("two parts are called '" + name + "'");
        return module;
    }

    /** All parameters of this module and its parts, by full name, in the order of declaration. */
    public final Map<String, Parameter> parameters() {
        Map<String, Parameter> all = new LinkedHashMap<>();
        collect("", all);
        return all;
    }

    /** The type that it computes in: that of its parameters, of which it must have one of more than a single number. */
    public final DType dtype() {
        for (Parameter parameter : own.values()) if (parameter.shape().count() > 1) return parameter.dtype();
        for (Module child : children.values()) if (!child.parameters().isEmpty()) return child.dtype();
        throw new IllegalStateException("a module without parameters has no type of its own");
    }

    /** Number of learned values. */
    public final long count() {
        return parameters().values().stream().mapToLong(parameter -> parameter.shape().count()).sum();
    }

    /** Whether the tape watches one of the parameters of this module and its parts. */
    public final boolean watchedBy(Tape tape) {
        for (Parameter parameter : own.values()) if (parameter.gradient() != null && tape.watches(parameter.value())) return true;
        for (Module child : children.values()) if (child.watchedBy(tape)) return true;
        return false;
    }

    private void collect(String prefix, Map<String, Parameter> all) {
        own.forEach((name, parameter) -> all.put(prefix + name, parameter));
        children.forEach((name, child) -> child.collect(prefix + name + ".", all));
    }
}
