package dev.imu2clip.backend;

import dev.imu2clip.tensor.DType;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

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
 * A field is {@code in}, {@code out} or {@code inout} (a tensor; {@code in?} may be null), {@code size} (long, int or boolean) or {@code
 * real}. A tensor is of a floating-point type, unless a word in between says otherwise: {@code out wide mean} stays float32 also where the
 * others are of 16 bits (statistics, losses, gradients of parameters), {@code in ints label} is I32 or I64 (the kernel
 * is told the element size in a field of its own), {@code out? i32 index} is I32. Anything else is refused, so that no kernel reads
 * numbers of one kind as another's. The definition is the meaning of the kernel: written to be read, computing in double, the oracle of
 * every test, and what runs where no compiled kernel exists.
 */
public final class Kernel {
    private static final List<Kernel> ALL = Collections.synchronizedList(new ArrayList<>());
    private static final Pattern FIELD = Pattern.compile(
            "(?:(?<kind>in|out|inout)(?<optional>\\?)?(?:\\s+(?<elements>wide|ints|i32))?|(?<number>size|real))\\s+(?<name>\\w+)");

    public enum Kind { IN, OUT, INOUT, SIZE, REAL }

    /** Which element types a tensor field takes. */
    public enum Elements {
        FLOATS("floating-point numbers"), WIDE("F32, or F64 where others are"), INTS("I32 or I64"), I32("I32");

        private final String text;

        Elements(String text) {
            this.text = text;
        }

        boolean take(DType dtype) {
            return switch (this) {
                case FLOATS -> dtype.isFloat();
                case WIDE -> dtype == DType.F32 || dtype == DType.F64;
                case INTS -> dtype == DType.I32 || dtype == DType.I64;
                case I32 -> dtype == DType.I32;
            };
        }

        @Override
        public String toString() {
            return text;
        }
    }

    /** @param elements null where it is no tensor */
    public record Field(String name, Kind kind, Elements elements, boolean optional) {
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
        Matcher matcher = FIELD.matcher(text);
        if (!matcher.matches())
            throw new IllegalArgumentException("kernel " + kernel + ": '" + text
                    + "' is not '[in|out|inout][?] [wide|ints|i32] name', 'size name' or 'real name'");
        if (matcher.group("number") != null)
            return new Field(matcher.group("name"), Kind.valueOf(upper(matcher.group("number"))), null, false);
        String elements = matcher.group("elements");
        return new Field(matcher.group("name"), Kind.valueOf(upper(matcher.group("kind"))),
                elements == null ? Elements.FLOATS : Elements.valueOf(upper(elements)), matcher.group("optional") != null);
    }

    /** The root locale: in a Turkish one an i would become another letter than I. */
    private static String upper(String word) {
        return word.toUpperCase(Locale.ROOT);
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
