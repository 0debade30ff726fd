package dev.imu2clip.nn;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.ops.Elementwise;
import dev.imu2clip.ops.Layout;
import dev.imu2clip.ops.MatMul;
import dev.imu2clip.tensor.Tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * Low-rank updates of a {@link Linear} layer (Hu et al., arXiv 2106.09685): {@code (alpha / r) (x A^T) B^T}. The layer's output may
 * consist of several equal parts, such as queries, keys and values, of which each has an update of its own or none. The
 * parameters are the model's, under the layers' names with {@link #A} and {@link #B}.
 */
public final class LowRank {
    /** Names of the two parameters of an update, behind that of the layer, as in loralib and PEFT. */
    public static final String A = ".lora_A.weight", B = ".lora_B.weight";

    /**
     * The update of one part.
     *
     * @param a (r, in); starts as a linear layer's weight does, {@link Init#uniformOf} in
     * @param b (out, r); starts with zeros, so that nothing is changed at first
     */
    public record Update(Parameter a, Parameter b) {}

    private final int rank;
    private final double scale;
    private final List<Update> parts;
    private final List<Update> updates;

    /**
     * @param rank  r
     * @param alpha the updates are scaled by alpha / r
     * @param parts the update of each part of the output, or null
     */
    public LowRank(int rank, double alpha, List<Update> parts) {
        this.rank = rank;
        this.scale = alpha / rank;
        this.parts = new ArrayList<>(parts);
        this.updates = parts.stream().filter(Objects::nonNull).toList();
    }

    long in() {
        return updates.getFirst().a.shape().size(1);
    }

    long out() {
        return partOut() * parts.size();
    }

    private long partOut() {
        return updates.getFirst().b.shape().size(0);
    }

    /** Whether a parameter of this name belongs to an update. */
    public static boolean names(String parameter) {
        return parameter.endsWith(A) || parameter.endsWith(B);
    }

    /**
     * Two products for all parts together: with all A one below the other, and with the B of each part in its own rows and columns.
     * What that adds to the work, products with zeros, is less than passing over the output once for each part.
     */
    Tensor forward(Tape tape, Tensor x) {
        Tensor down = updates.size() == 1 ? updates.getFirst().a.value()
                : Layout.concat(tape, 0, updates.stream().map(update -> update.a.value()).toArray(Tensor[]::new));
        Tensor[] rows = new Tensor[parts.size()];
        int before = 0;
        for (int i = 0; i < rows.length; i++) {
            Update update = parts.get(i);
            rows[i] = update == null ? zeros(tape, x, updates.size()) : inColumns(tape, update.b.value(), before++, updates.size());
        }
        Tensor up = Elementwise.axpb(tape, rows.length == 1 ? rows[0] : Layout.concat(tape, 0, rows), scale, 0);
        return MatMul.linear(tape, MatMul.linear(tape, x, down, null), up, null);
    }

    /** B with zeros for the other updates to its left and right. */
    private Tensor inColumns(Tape tape, Tensor b, int before, int updates) {
        List<Tensor> columns = new ArrayList<>();
        if (before > 0) columns.add(zeros(tape, b, before));
        columns.add(b);
        if (before + 1 < updates) columns.add(zeros(tape, b, updates - before - 1));
        return columns.size() == 1 ? b : Layout.concat(tape, 1, columns.toArray(Tensor[]::new));
    }

    private Tensor zeros(Tape tape, Tensor like, int updates) {
        return tape.empty(like.dtype(), partOut(), (long) updates * rank).clear();
    }

    /**
     * Adds an update to the weight it belongs to, {@code W + (alpha / r) B A}, in double.
     *
     * @param weight (out, in), row-major
     * @param a      (r, in)
     * @param b      (out, r)
     */
    public static void merge(float[] weight, float[] a, float[] b, int rank, double alpha) {
        int in = a.length / rank, out = b.length / rank;
        double[] row = new double[in];
        for (int o = 0; o < out; o++) {
            for (int i = 0; i < in; i++) row[i] = weight[o * in + i];
            for (int r = 0; r < rank; r++) {
                double factor = alpha / rank * b[o * rank + r];
                for (int i = 0; i < in; i++) row[i] += factor * a[r * in + i];
            }
            for (int i = 0; i < in; i++) weight[o * in + i] = (float) row[i];
        }
    }
}
