package dev.imu2clip.check;

import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.memory.Slab;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.StringJoiner;

/**
 * One kernel call on a device, to be repeated there, and to be repeated by the kernel's definition in float64 on the same numbers. Tensors
 * that overlap are one block of memory there too, so that kernels that work in place do so everywhere.
 */
final class Call implements AutoCloseable {
    private static final byte POISON = (byte) 0xFF;
    /** Error is relative to the largest magnitude of a tensor, but to no less than this. */
    private static final double LEAST_MAGNITUDE = 0.01;

    private final Kernel kernel;
    private final Args args;
    private final Arena arena = Arena.ofConfined();
    private final List<Block> blocks = new ArrayList<>();

    /** The tensors of a call that share memory. */
    private final class Block {
        private final DType type;
        private final List<Tensor> tensors = new ArrayList<>();
        private final List<Tensor> outputs = new ArrayList<>();
        private long from, to;
        private boolean read;
        private List<MemorySegment> before;

        private Block(Tensor first) {
            type = first.dtype();
            from = first.address();
            to = from + first.bytes();
        }

        private void join(Tensor tensor, Kernel.Kind kind) {
            if (tensor.dtype() != type) throw new IllegalStateException("kernel " + kernel + " was given tensors of two types that overlap");
            from = Math.min(from, tensor.address());
            to = Math.max(to, tensor.address() + tensor.bytes());
            tensors.add(tensor);
            if (kind != Kernel.Kind.OUT) read = true;
            if (kind != Kernel.Kind.IN) outputs.add(tensor);
        }

        private boolean overlaps(Tensor tensor) {
            return tensor.address() < to && from < tensor.address() + tensor.bytes();
        }

        private DType exactType() {
            return type.isFloat() ? DType.F64 : type;
        }

        private long offset(Tensor tensor) {
            return (tensor.address() - from) / type.bytes();
        }
    }

    /** Keeps what the tensors hold now. */
    Call(Kernel kernel, Args args) {
        this.kernel = kernel;
        this.args = args;
        for (int i = 0; i < kernel.fields().size(); i++) {
            if (!(args.value(i) instanceof Tensor tensor)) continue;
            List<Block> shared = blocks.stream().filter(one -> one.overlaps(tensor)).toList();
            if (shared.size() > 1) throw new IllegalStateException("kernel " + kernel + " was given a tensor that overlaps two that are apart");
            Block block = shared.isEmpty() ? new Block(tensor) : shared.getFirst();
            if (shared.isEmpty()) blocks.add(block);
            block.join(tensor, kernel.fields().get(i).kind());
        }
        for (Block block : blocks) block.before = block.tensors.stream().map(tensor -> tensor.toHost(arena)).toList();
    }

    /** Sets the tensors back, and fills what is only written with NaN, so that what a kernel leaves out shows. */
    void prepare() {
        for (Block block : blocks)
            for (Tensor output : block.outputs) {
                MemorySegment content = block.before.get(block.tensors.indexOf(output));
                output.set(block.read ? content : arena.allocate(content.byteSize(), 8).fill(POISON));
            }
    }

    /** The tensors that the kernel writes, as they are now. */
    List<MemorySegment> outputs() {
        return blocks.stream().flatMap(block -> block.outputs.stream()).map(output -> output.toHost(arena)).toList();
    }

    /**
     * Runs the definition in float64 on what the tensors held.
     *
     * @return the largest error of what the device has computed, infinite where it has a NaN or another whole number
     */
    double compare(Backend java) {
        return define(java, false);
    }

    /** Lets the definition's results stand for the device's. */
    void replace(Backend java) {
        define(java, true);
    }

    private double define(Backend java, boolean replace) {
        List<Slab> slabs = new ArrayList<>();
        try {
            Object[] values = new Object[kernel.fields().size()];
            for (int i = 0; i < values.length; i++) values[i] = args.value(i);
            Tensor[] exact = new Tensor[blocks.size()];
            for (int b = 0; b < exact.length; b++) {
                Block block = blocks.get(b);
                Shape flat = Shape.of((block.to - block.from) / block.type.bytes());
                Slab slab = java.allocate(Math.max(1, flat.count() * block.exactType().bytes()), "the definition's numbers");
                slabs.add(slab);
                exact[b] = fill(block, Tensor.in(slab, 0, flat, block.exactType()));
                for (int i = 0; i < values.length; i++)
                    if (values[i] instanceof Tensor tensor && block.tensors.contains(tensor))
                        values[i] = exact[b].view(block.offset(tensor), tensor.shape().sizes());
            }
            kernel.run(values);
            double error = 0;
            for (int b = 0; b < exact.length; b++)
                for (Tensor output : blocks.get(b).outputs)
                    error = Math.max(error, settle(blocks.get(b), output, exact[b].view(blocks.get(b).offset(output), output.shape().sizes()),
                            replace));
            return error;
        } finally {
            slabs.forEach(Slab::close);
        }
    }

    private static Tensor fill(Block block, Tensor exact) {
        if (!block.read) exact.segment().fill(POISON);
        else for (int t = 0; t < block.tensors.size(); t++) {
            Reals from = Reals.of(block.before.get(t), block.type);
            Reals to = Reals.of(exact.view(block.offset(block.tensors.get(t)), block.tensors.get(t).shape().sizes()).segment(), exact.dtype());
            for (long i = 0, n = block.tensors.get(t).count(); i < n; i++) to.set(i, from.get(i));
        }
        return exact;
    }

    /** The error of one output. What neither the definition nor the device has written gets back what it held. */
    private double settle(Block block, Tensor output, Tensor exact, boolean replace) {
        MemorySegment now = output.toHost(arena);
        Reals expected = Reals.of(exact.segment(), exact.dtype()), actual = Reals.of(now, output.dtype());
        Reals before = Reals.of(block.before.get(block.tensors.indexOf(output)), output.dtype());
        double largest = LEAST_MAGNITUDE, difference = 0;
        boolean changed = replace;
        for (long i = 0, n = output.count(); i < n; i++) {
            double e = expected.get(i);
            if (!block.read && isPoison(exact.segment(), i, exact.dtype())) {
                // Left alone by the definition: what was there before stays, or it is the kernel's own affair.
                if (isPoison(now, i, output.dtype())) {
                    actual.set(i, before.get(i));
                    changed = true;
                }
                continue;
            }
            double d = Double.compare(e, actual.get(i)) == 0 ? 0 : Math.abs(e - actual.get(i));
            if (Double.isFinite(e)) largest = Math.max(largest, Math.abs(e));
            difference = Math.max(difference, Double.isNaN(d) || !block.type.isFloat() && d != 0 ? Double.POSITIVE_INFINITY : d);
            if (replace) actual.set(i, e);
        }
        if (changed) output.set(now);
        return difference / largest;
    }

    private static boolean isPoison(MemorySegment values, long i, DType type) {
        for (long at = i * type.bytes(); at < (i + 1) * type.bytes(); at++) if (values.get(ValueLayout.JAVA_BYTE, at) != POISON) return false;
        return true;
    }

    /** The sizes and shapes of the call, for people. */
    String sizes() {
        StringJoiner text = new StringJoiner(", ");
        for (int i = 0; i < kernel.fields().size(); i++) {
            Kernel.Field field = kernel.fields().get(i);
            if (field.kind() == Kernel.Kind.IN && args.value(i) instanceof Tensor tensor)
                text.add(field.name() + " " + Arrays.toString(tensor.shape().sizes()).replace(" ", ""));
        }
        if (text.length() == 0) for (int i = 0; i < kernel.fields().size(); i++)
            if (kernel.fields().get(i).kind() == Kernel.Kind.SIZE) text.add(kernel.fields().get(i).name() + " " + args.value(i));
        return text.toString();
    }

    @Override
    public void close() {
        arena.close();
    }
}
