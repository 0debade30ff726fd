package dev.imu2clip.backend;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.Consumer;

/**
 * A computation by name: its argument block and its plain definition. A backend is a way to run that name.
 *
 * <p>The argument block is a C struct of 8-byte fields, in the order of {@code fields}: pointers for tensors, {@code int64_t} for sizes
 * and flags, {@code double} for reals. The same block serves the C kernel ({@code struct <name>_args}), the CUDA launch and the definition.
 * <pre>{@code
 * static final Kernel FORWARD = new Kernel("relu_forward", "in x, out y, size n", a -> {
 *     Reals x = a.reals("x"), y = a.reals("y");
 *     for (long i = 0; i < a.size("n"); i++) y.set(i, Math.max(x.get(i), 0));
 * });
 * FORWARD.run(x, y, x.count());
 * }</pre>
 * A field is {@code in}, {@code out} or {@code inout} (a tensor; {@code in?} may be null), {@code size} (long, int or boolean) or {@code real}.
 * The definition is the meaning of the kernel: written to be read, computing in double, the oracle of every test, and what
 * runs where no compiled kernel exists.
 */
public final class Kernel {
    private static final List<Kernel> ALL = Collections.synchronizedList(new ArrayList<>());

    public enum Kind { IN, OUT, INOUT, SIZE, REAL }

    public record Field(String name, Kind kind, boolean optional) {
        public boolean isTensor() {
            return kind == Kind.IN || kind == Kind.OUT || kind == Kind.INOUT;
        }
    }

    private final int id;
    private final String name;
    private final List<Field> fields;
    private final Consumer<Args> definition;

    public Kernel(String name, String fields, Consumer<Args> definition) {
        this.name = name;
        this.fields = Arrays.stream(fields.split(",")).map(text -> parse(name, text.strip())).toList();
        this.definition = definition;
        synchronized (ALL) {
            this.id = ALL.size();
            ALL.add(this);
        }
    }

    private static Field parse(String kernel, String text) {
        String[] words = text.split("\\s+");
        if (words.length != 2) throw new IllegalArgumentException("kernel " + kernel + ": '" + text + "' is not '<kind> <name>'");
        boolean optional = words[0].endsWith("?");
        String kind = optional ? words[0].substring(0, words[0].length() - 1) : words[0];
        return new Field(words[1], Kind.valueOf(kind.toUpperCase()), optional);
    }

    /** Runs on the device of the tensors given; all must be on the same one. Values are in the order of the fields. */
    public void run(Object... values) {
        Args args = new Args(this, values);
        if (Profile.ON) Profile.run(args.backend(), this, args);
        else args.backend().run(this, args);
    }

    /** A number of its own, from 0 without gaps: an index for a backend's tables. */
    public int id() {
        return id;
    }

    public String name() {
        return name;
    }

    public List<Field> fields() {
        return fields;
    }

    public Consumer<Args> definition() {
        return definition;
    }

    int index(String field) {
        for (int i = 0; i < fields.size(); i++) if (fields.get(i).name().equals(field)) return i;
        throw new IllegalArgumentException("kernel " + name + " has no field '" + field + "'");
    }

    /** Every kernel of the classes loaded so far. */
    public static List<Kernel> all() {
        synchronized (ALL) {
            return List.copyOf(ALL);
        }
    }

    @Override
    public String toString() {
        return name;
    }
}
