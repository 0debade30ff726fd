package dev.imu2clip.autograd;

import dev.imu2clip.backend.Kernel;
import dev.imu2clip.memory.Device;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Reverse-mode differentiation as an explicit, append-only list: every op whose inputs lead back to a watched tensor appends an entry,
 * and {@link #backward} walks the list from the end. A tape that watches nothing records nothing, which is how frozen models run.
 * Every op takes the tape first, because the tape also knows the workspace where results go.
 *
 * <p>Gradients. A backward kernel <em>writes</em> the gradients of its inputs; it never adds. Where a tensor already has a gradient from
 * another use, the tape hands the kernel a scratch tensor and adds it on. So the common case, one use, costs no zeroing and no adding.
 */
public final class Tape {
    private static final Kernel ACCUMULATE = new Kernel("accumulate", "in x, inout y, size n", a -> {
        Reals x = a.reals("x"), y = a.reals("y");
        for (long i = 0, n = a.size("n"); i < n; i++) y.add(i, x.get(i));
    });

    private static final Kernel FILL = new Kernel("fill", "out x, real value, size n", a -> {
        Reals x = a.reals("x");
        for (long i = 0, n = a.size("n"); i < n; i++) x.set(i, a.real("value"));
    });

    /** Computes the gradients of an op's inputs: {@code dx[i]} is where that of input i goes, or null where it is not wanted. */
    @FunctionalInterface
    public interface Backward {
        void run(Tensor dy, Tensor[] dx);
    }

    /** The same for an op of several outputs: {@code dy[i]} is null where no gradient reached output i. */
    @FunctionalInterface
    public interface BackwardOfMany {
        void run(Tensor[] dy, Tensor[] dx);
    }

    /** @param parameters how many of the inputs, the last ones, are parameters whose gradients may be wider than they are */
    private record Entry(String op, Tensor[] outputs, Tensor[] inputs, int parameters, BackwardOfMany backward) {
        boolean takesWide(int input) {
            return input >= inputs.length - parameters;
        }
    }

    /** What the tape knows of a tensor that gradients flow to. */
    private static final class Node {
        /** Where a leaf's gradient must go; null for results of ops. */
        final Tensor home;
        /** The gradient, once something has been written to it. */
        Tensor gradient;

        Node(Tensor home) {
            this.home = home;
        }
    }

    private final Workspace workspace;
    private final List<Entry> entries = new ArrayList<>();
    private final Map<Tensor, Node> nodes = new IdentityHashMap<>();
    private boolean usedUp;
    private Tensor randomKey;
    private long drawn;

    public Tape(Workspace workspace) {
        this.workspace = workspace;
    }

    public Workspace workspace() {
        return workspace;
    }

    public Device device() {
        return workspace.device();
    }

    /** A tensor of this step, with unspecified content. */
    public Tensor empty(DType dtype, long... sizes) {
        return Tensor.in(workspace, Shape.of(sizes), dtype);
    }

    /** A tensor of this step like another in shape and type, with unspecified content. */
    public Tensor like(Tensor other) {
        return Tensor.in(workspace, other.shape(), other.dtype());
    }

    /** A tensor of this step, filled with one value. */
    public Tensor full(DType dtype, double value, long... sizes) {
        Tensor tensor = empty(dtype, sizes);
        FILL.run(tensor, value, tensor.count()); // by a kernel: a step that is recorded copies nothing from the host
        return tensor;
    }

    /**
     * Runs a frozen part of a model and gives back all memory it took but the result's.
     *
     * @param result a tensor of the result's shape and type, for instance the input of a residual block
     * @throws IllegalStateException where gradients flow to something in it, since backward would need that memory
     */
    public Tensor keepOnlyResult(Tensor result, Supplier<Tensor> body) {
        int recorded = entries.size();
        Tensor kept = like(result);
        try (var _ = workspace.scratch()) {
            kept.set(body.get());
        }
        if (entries.size() != recorded)
            throw new IllegalStateException("gradients flow through this part ('" + entries.getLast().op + "'): keep all of it");
        return kept;
    }

    // ---- random numbers ----

    /**
     * From here on what is random in training (dropout) is random.
     *
     * @param key int32 (2): the key of this step's Philox sequence, see {@link Randomness}
     */
    public Tape drawFrom(Tensor key) {
        if (key.dtype() != DType.I32 || key.count() != 2) throw new IllegalArgumentException("a key is int32 (2,), not " + key);
        randomKey = key;
        return this;
    }

    /** The key of the step's Philox sequence, or null where nothing is to be random. */
    public Tensor randomKey() {
        return randomKey;
    }

    /** The first of that many Philox counters which nothing else on this tape uses. */
    public long draw(long counters) {
        long first = drawn;
        drawn += counters;
        return first;
    }

    // ---- recording ----

    /**
     * From here on gradients flow to {@code leaf}; {@link #backward} writes them to {@code gradient}, which is of its type or of the wide
     * one ({@link DType#wide}).
     */
    public void watch(Tensor leaf, Tensor gradient) {
        if (!isWide(leaf, gradient)) requireLike("gradient", leaf, gradient);
        nodes.put(leaf, new Node(gradient));
    }

    private static boolean isWide(Tensor leaf, Tensor gradient) {
        return gradient.dtype() != leaf.dtype() && gradient.dtype() == leaf.dtype().wide() && gradient.shape().equals(leaf.shape());
    }

    private static void requireLike(String what, Tensor of, Tensor tensor) {
        if (!of.shape().equals(tensor.shape()) || of.dtype() != tensor.dtype())
            throw new IllegalArgumentException("the " + what + " of " + of + " cannot be " + tensor);
    }

    /** Whether gradients flow to any of these tensors (nulls are skipped): only then does an op need to save things for its backward. */
    public boolean watches(Tensor... tensors) {
        if (nodes.isEmpty()) return false;
        for (Tensor tensor : tensors) if (tensor != null && nodes.containsKey(tensor)) return true;
        return false;
    }

    /** Appends an op with one output. Inputs may be null. Returns the output. */
    public Tensor record(String op, Tensor output, Backward backward, Tensor... inputs) {
        return record(op, output, backward, inputs, new Tensor[0]);
    }

    /**
     * Appends an op with one output and parameters: behind the inputs' gradients stand those of the parameters, which the backward writes
     * in the type that it finds: the parameters' or the wide one.
     */
    public Tensor record(String op, Tensor output, Backward backward, Tensor[] inputs, Tensor... parameters) {
        record(op, new Tensor[] {output}, (dy, dx) -> backward.run(dy[0], dx), inputs, parameters);
        return output;
    }

    /** Appends an op with several outputs. */
    public void record(String op, Tensor[] outputs, BackwardOfMany backward, Tensor[] inputs, Tensor... parameters) {
        Tensor[] all = Arrays.copyOf(inputs, inputs.length + parameters.length);
        System.arraycopy(parameters, 0, all, inputs.length, parameters.length);
        if (!watches(all)) return;
        for (Tensor output : outputs) nodes.put(output, new Node(null));
        entries.add(new Entry(op, outputs, all, parameters.length, backward));
    }

    /** Declares that an op has no backward: a gradient that would flow through it is an error and not silently lost. */
    public Tensor recordConstant(String op, Tensor output, Tensor... inputs) {
        if (watches(inputs)) throw new UnsupportedOperationException("op '" + op + "' has no backward, but gradients flow to its input");
        return output;
    }

    /** The same elements, without a copy, as a tensor that gradients do not flow to: a constant from here on (a stop-gradient). */
    public Tensor detach(Tensor tensor) {
        return tensor.reshape(tensor.shape().sizes());
    }

    /** Appends a view: the gradient of the source is that of the view in another shape, without a copy where possible. */
    public Tensor recordView(Tensor view, Tensor source) {
        if (!watches(source)) return view;
        nodes.put(view, new Node(null));
        entries.add(new Entry("view", new Tensor[] {view}, new Tensor[] {source}, 0, null));
        return view;
    }

    // ---- backward ----

    /** Differentiates a one-element loss. */
    public void backward(Tensor loss) {
        if (loss.count() != 1) throw new IllegalArgumentException("backward() needs a loss of one element, got shape " + loss.shape());
        backward(loss, full(loss.dtype(), 1, loss.shape().sizes()));
    }

    /** Differentiates {@code sum(output * cotangent)}. The tape is used up. */
    public void backward(Tensor output, Tensor cotangent) {
        Node root = nodes.get(output);
        if (root == null) throw new IllegalStateException("no watched tensor leads to this output: there is nothing to differentiate");
        if (usedUp) throw new IllegalStateException("this tape was differentiated already: record a new one");
        requireLike("cotangent", output, cotangent);
        usedUp = true;
        root.gradient = root.home == null ? cotangent : root.home.set(cotangent);
        for (int i = entries.size() - 1; i >= 0; i--) {
            Entry entry = entries.get(i);
            Tensor[] dy = new Tensor[entry.outputs.length];
            boolean reached = false;
            for (int o = 0; o < dy.length; o++) {
                dy[o] = nodes.get(entry.outputs[o]).gradient;
                reached |= dy[o] != null;
            }
            if (reached) differentiate(entry, dy);
        }
        entries.clear();
    }

    private void differentiate(Entry entry, Tensor[] dy) {
        int n = entry.inputs.length;
        Tensor[] dx = new Tensor[n];
        boolean[] add = new boolean[n];
        for (int i = 0; i < n; i++) {
            Node node = entry.inputs[i] == null ? null : nodes.get(entry.inputs[i]);
            if (node == null) continue;
            if (node.gradient != null) add[i] = true;
            else if (entry.backward == null && node.home == null) node.gradient = dy[0].reshape(entry.inputs[i].shape().sizes());
            else if (node.home != null && isWide(entry.inputs[i], node.home) && !entry.takesWide(i)) {
                add[i] = true;
                node.gradient = node.home.clear();
            } else node.gradient = dx[i] = node.home != null ? node.home : like(entry.inputs[i]);
        }
        try (var _ = workspace.scratch()) {
            for (int i = 0; i < n; i++)
                if (add[i]) dx[i] = like(entry.takesWide(i) ? nodes.get(entry.inputs[i]).gradient : entry.inputs[i]);
            if (entry.backward == null) {
                if (dx[0] != null) dx[0].set(dy[0]);
            } else entry.backward.run(dy, dx);
            for (int i = 0; i < n; i++) if (add[i]) ACCUMULATE.run(dx[i], nodes.get(entry.inputs[i]).gradient, dx[i].count());
        }
    }

    /** The gradient of a watched tensor or of a result, after {@link #backward}; null where none reached it. */
    public Tensor gradient(Tensor tensor) {
        Node node = nodes.get(tensor);
        return node == null ? null : node.gradient;
    }
}
