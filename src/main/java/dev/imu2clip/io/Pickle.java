package dev.imu2clip.io;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads Python's pickle format, protocols 2 to 5, without executing anything: a class or function is no more than its {@link Global}
 * name, and calling one is the business of the {@link Builder}, which knows a few by heart. What it does not know becomes an
 * {@link Instance}: a node that only remembers what would have been called. Opcodes are those that picklers of dictionaries and
 * tensors write; any other is an error.
 *
 * <p>Values are {@link #NONE}, Boolean, Long, BigInteger, Double, String, {@link Bytes}, {@link Tuple}, {@link Sequence} (lists and
 * sets), {@link Dict}, {@link Global}, {@link Instance}, and what the builder makes. They may refer to each other in circles.
 * Memory is bounded by the number of opcodes, at most {@value #MAX_OPCODES}, and by the size of the pickle.
 */
final class Pickle {
    static final int MAX_OPCODES = 1 << 22;
    static final Object NONE = new Object();
    private static final Object MARK = new Object();

    /** A class or function, by module and name: {@code torch._utils._rebuild_tensor_v2}. */
    record Global(String name) {}

    /** Bytes, whose content nobody here needs. */
    record Bytes(long size) {}

    /** Compared as objects, for they may contain themselves. */
    static final class Tuple {
        final List<Object> items;

        Tuple(List<Object> items) {
            this.items = items;
        }
    }

    /** A list or a set. */
    static final class Sequence {
        final List<Object> items = new ArrayList<>(0);
    }

    /** A dictionary in its order. A key that is no text, number or truth is kept as an object equal to no other. */
    static final class Dict {
        private Map<Object, Object> entries;

        void put(Object key, Object value) {
            if (entries == null) entries = new LinkedHashMap<>(4);
            entries.put(key instanceof String || key instanceof Number || key instanceof Boolean ? key : new Object(), value);
        }

        Map<Object, Object> entries() {
            return entries == null ? Map.of() : entries;
        }
    }

    /** An object of a class that we do not know, or the result of such a function; {@code state} is what it was given afterwards. */
    static final class Instance {
        final Global type;
        Object state = NONE;

        Instance(Global type) {
            this.type = type;
        }
    }

    /** Knows what the pickle refers to. It may throw {@link InputException}. */
    interface Builder {
        /** Called for every class or function that is named. */
        void named(Global global);

        /** The result of a call, or null where the function is not known. */
        Object call(Global function, List<Object> arguments);

        /** What a persistent id stands for. */
        Object persistent(Object id);
    }

    private final PickleInput in;
    private final Builder builder;
    private final List<Object> stack = new ArrayList<>();
    private final Map<Integer, Object> memo = new HashMap<>();

    /**
     * @param where which pickle of the file it is, for errors
     * @param start where in {@code bytes} it begins
     */
    Pickle(Path file, String where, MemorySegment bytes, long start, Builder builder) {
        this.in = new PickleInput(file, where, bytes, start);
        this.builder = builder;
    }

    /** The byte after the last one that was read. */
    long end() {
        return in.at();
    }

    /** Reads one pickle and returns its value. */
    Object read() {
        for (int count = 0; count < MAX_OPCODES; count++) {
            long start = in.at();
            int opcode = (int) in.size(1);
            if (opcode == '.') return pop();
            if (!data(opcode) && !collection(opcode) && !object(opcode))
                throw in.broken(String.format("has the opcode 0x%02x at byte %d, which files of tensors do not need", opcode, start));
        }
        throw in.broken("has more than " + MAX_OPCODES + " opcodes");
    }

    private boolean data(int opcode) {
        switch (opcode) {
            case 0x80 -> {
                long protocol = in.size(1);
                if (protocol < 2 || protocol > 5) throw in.broken("has protocol " + protocol + "; 2 to 5 are known");
            }
            case 0x95 -> in.take(8); // FRAME: where a reader may read ahead
            case 'N' -> push(NONE);
            case 0x88 -> push(true);
            case 0x89 -> push(false);
            case 'K' -> push(in.size(1));
            case 'M' -> push(in.size(2));
            case 'J' -> push(in.int32());
            case 0x8A -> push(in.integer(in.size(1)));
            case 0x8B -> push(in.integer(in.size(4)));
            case 'G' -> push(in.float64());
            case 'X' -> push(in.text(in.size(4)));
            case 0x8C -> push(in.text(in.size(1)));
            case 0x8D -> push(in.text(in.size(8)));
            case 'U' -> push(in.text(in.size(1)));
            case 'T' -> push(in.text(in.size(4)));
            case 'C' -> push(skipped(in.size(1)));
            case 'B' -> push(skipped(in.size(4)));
            case 0x8E, 0x96 -> push(skipped(in.size(8)));
            default -> {
                return false;
            }
        }
        return true;
    }

    private boolean collection(int opcode) {
        switch (opcode) {
            case '(' -> stack.add(MARK);
            case '0' -> pop();
            case '1' -> popToMark();
            case ')' -> push(new Tuple(List.of()));
            case 0x85 -> push(new Tuple(top(1)));
            case 0x86 -> push(new Tuple(top(2)));
            case 0x87 -> push(new Tuple(top(3)));
            case 't' -> push(new Tuple(popToMark()));
            case ']', 0x8F -> push(new Sequence());
            case 'l', 0x91 -> extend(new Sequence(), popToMark());
            case 'a' -> append(top(1));
            case 'e', 0x90 -> append(popToMark());
            case '}' -> push(new Dict());
            case 'd' -> fill(new Dict(), popToMark());
            case 's' -> set(top(2));
            case 'u' -> set(popToMark());
            case 'q' -> memo.put((int) in.size(1), peek());
            case 'r' -> memo.put((int) in.size(4), peek());
            case 0x94 -> memo.put(memo.size(), peek());
            case 'h' -> push(remembered((int) in.size(1)));
            case 'j' -> push(remembered((int) in.size(4)));
            default -> {
                return false;
            }
        }
        return true;
    }

    private boolean object(int opcode) {
        switch (opcode) {
            case 'c' -> push(global(in.line(), in.line()));
            case 0x93 -> {
                List<Object> names = top(2);
                if (!(names.get(0) instanceof String module && names.get(1) instanceof String name))
                    throw in.broken("names a class by no text");
                push(global(module, name));
            }
            case 'R', 0x81 -> {
                List<Object> parts = top(2);
                push(call(parts.get(0), parts.get(1)));
            }
            case 0x92 -> {
                List<Object> parts = top(3);
                push(call(parts.get(0), parts.get(1)));
            }
            case 'b' -> {
                Object state = pop();
                // Others are complete: what a dictionary or tensor has on top of its content is not needed.
                if (peek() instanceof Instance instance) instance.state = state;
            }
            case 'Q' -> push(builder.persistent(pop()));
            default -> {
                return false;
            }
        }
        return true;
    }

    private Object call(Object function, Object arguments) {
        if (!(arguments instanceof Tuple tuple)) throw in.broken("calls something without a tuple of arguments");
        Global global = switch (function) {
            case Global known -> known;
            case Instance made -> made.type; // a call of what an unknown function returned
            default -> throw in.broken("calls something that is no function");
        };
        Object result = builder.call(global, tuple.items);
        return result == null ? new Instance(global) : result;
    }

    private Global global(String module, String name) {
        if (module.length() + name.length() > PickleInput.NAME_MAX) throw in.nameTooLong();
        var global = new Global(module + "." + name);
        builder.named(global);
        return global;
    }

    private void append(List<Object> items) {
        if (!(pop() instanceof Sequence sequence)) throw in.broken("appends to something that is no list");
        extend(sequence, items);
    }

    private void extend(Sequence sequence, List<Object> items) {
        sequence.items.addAll(items);
        push(sequence);
    }

    private void set(List<Object> items) {
        switch (pop()) {
            case Dict dict -> fill(dict, items);
            case Instance other -> push(other); // a class that behaves like a dictionary
            default -> throw in.broken("sets an item of something that is no dictionary");
        }
    }

    private void fill(Dict dict, List<Object> items) {
        if (items.size() % 2 != 0) throw in.broken("has a key without a value");
        for (int i = 0; i < items.size(); i += 2) dict.put(items.get(i), items.get(i + 1));
        push(dict);
    }

    // ---- stack ----

    private void push(Object value) {
        stack.add(value);
    }

    private Object peek() {
        if (stack.isEmpty() || stack.getLast() == MARK) throw in.broken("takes a value where there is none, before byte " + in.at());
        return stack.getLast();
    }

    private Object pop() {
        Object value = peek();
        stack.removeLast();
        return value;
    }

    private List<Object> top(int count) {
        Object[] items = new Object[count];
        for (int i = count - 1; i >= 0; i--) items[i] = pop();
        return List.of(items);
    }

    private List<Object> popToMark() {
        int mark = stack.lastIndexOf(MARK);
        if (mark < 0) throw in.broken("has no mark where one is needed, before byte " + in.at());
        List<Object> tail = stack.subList(mark + 1, stack.size()), items = List.copyOf(tail);
        tail.clear();
        stack.removeLast();
        return items;
    }

    private Object remembered(int key) {
        Object value = memo.get(key);
        if (value == null) throw in.broken("refers to value " + Integer.toUnsignedString(key) + ", which it never named");
        return value;
    }

    private Bytes skipped(long size) {
        in.take(size);
        return new Bytes(size);
    }
}
