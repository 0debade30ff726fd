package dev.imu2clip.backend.cuda;

import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.memory.Slab;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Finds what a kernel leaves unwritten: its outputs are filled with poison before it runs (all bits one, a NaN that no arithmetic makes)
 * and looked at afterwards. Some kernels rightly leave parts of their outputs alone (rows beyond a length); so what the plain definition
 * leaves alone as well is allowed, and it runs on copies of the arguments where poison is found.
 */
final class UnwrittenOutputs {
    static final byte POISON = (byte) 0xFF;

    private final Kernel kernel;
    private final Args args;
    private final List<Integer> outputs = new ArrayList<>();

    UnwrittenOutputs(Kernel kernel, Args args) {
        this.kernel = kernel;
        this.args = args;
        for (int i = 0; i < kernel.fields().size(); i++)
            if (kernel.fields().get(i).kind() == Kernel.Kind.OUT && args.value(i) instanceof Tensor out && !alsoRead(out)) outputs.add(i);
    }

    /** Whether an output is, or overlaps, an input: such a kernel works in place. */
    private boolean alsoRead(Tensor out) {
        for (int i = 0; i < kernel.fields().size(); i++)
            if (kernel.fields().get(i).kind() != Kernel.Kind.OUT && args.value(i) instanceof Tensor in
                    && in.address() < out.address() + out.bytes() && out.address() < in.address() + in.bytes()) return true;
        return false;
    }

    void poison(DeviceMemory memory) {
        for (int i : outputs) {
            Tensor out = (Tensor) args.value(i);
            memory.fill(out.address(), out.bytes(), POISON);
        }
    }

    /**
     * To be called when the kernel has run.
     *
     * @throws IllegalStateException that names kernel, output and first element, where one is unwritten that the definition writes
     */
    void check() {
        try (Arena arena = Arena.ofConfined()) {
            Tensor[] expected = null;
            for (int i : outputs) {
                Tensor out = (Tensor) args.value(i);
                if (!out.dtype().isFloat()) continue; // -1 is a number like others
                MemorySegment actual = out.toHost(arena);
                long first = next(actual, out.dtype(), 0);
                if (first < 0) continue;
                if (expected == null) expected = define(arena);
                complain(i, out, actual, expected[i].segment(), first);
            }
        }
    }

    private void complain(int field, Tensor out, MemorySegment actual, MemorySegment expected, long from) {
        long first = -1, count = 0;
        for (long at = from; at >= 0; at = next(actual, out.dtype(), at + 1)) {
            if (isPoison(expected, out.dtype(), at)) continue;
            if (first < 0) first = at;
            count++;
        }
        if (count > 0)
            throw new IllegalStateException("kernel " + kernel + args.types() + Programs.values(args) + " left " + count + " of "
                    + out.count() + " elements of '" + kernel.fields().get(field).name() + "' unwritten, the first is element " + first);
    }

    /** The first poisoned element from {@code from} on, or -1. */
    private static long next(MemorySegment memory, DType dtype, long from) {
        long count = memory.byteSize() / dtype.bytes();
        for (long i = from; i < count; i++) if (isPoison(memory, dtype, i)) return i;
        return -1;
    }

    private static boolean isPoison(MemorySegment memory, DType dtype, long i) {
        return switch (dtype.bytes()) {
            case 2 -> memory.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i) == -1;
            case 4 -> memory.getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, i) == -1;
            default -> memory.getAtIndex(ValueLayout.JAVA_LONG_UNALIGNED, i) == -1;
        };
    }

    /** The arguments on the host after the plain definition has run. */
    private Tensor[] define(Arena arena) {
        Backend java = Backends.get("java");
        Object[] values = new Object[kernel.fields().size()];
        Tensor[] tensors = new Tensor[values.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = args.value(i);
            if (!(values[i] instanceof Tensor tensor)) continue;
            MemorySegment copy = arena.allocate(Math.max(1, tensor.bytes()), 64).asSlice(0, tensor.bytes());
            if (outputs.contains(i)) copy.fill(POISON);
            else copy.copyFrom(tensor.toHost(arena));
            Slab slab = new Slab(java, kernel.name(), copy.address(), tensor.bytes(), copy, () -> {});
            values[i] = tensors[i] = Tensor.in(slab, 0, tensor.shape(), tensor.dtype());
        }
        kernel.run(values);
        return tensors;
    }
}
