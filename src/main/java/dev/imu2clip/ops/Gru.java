package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.ops.MatMul.Operand;
import dev.imu2clip.ops.MatMul.Product;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;

/**
 * Gated recurrent unit (Cho et al., arXiv 1406.1078), in the form that cuDNN and PyTorch compute:
 * <pre>
 * r  = sigmoid(W_ir x + b_ir + W_hr h + b_hr)
 * z  = sigmoid(W_iz x + b_iz + W_hz h + b_hz)
 * n  = tanh(W_in x + b_in + r * (W_hn h + b_hn))
 * h' = (1 - z) * n + z * h
 * </pre>
 * Gates are stacked r, z, n. Sequences are time-major, (T, N, features): a step is then one block of memory.
 */
public final class Gru {
    private static final Kernel FORWARD = new Kernel("gru_forward", "in gates_x, in w_hh, in b_hh, inout hidden, out? saved, "
            + "size steps, size batch, size units, size reverse", Gru::forward);
    private static final Kernel BACKWARD = new Kernel("gru_backward", "in w_hh, in hidden, in saved, in? dy, inout dh, "
            + "out dgates_x, out dgates_h, size steps, size batch, size units, size reverse", Gru::backward);

    /** Weights of one direction of one layer: (3H, in), (3H, H), (3H), (3H), as PyTorch names and stacks them. */
    public record Weights(Tensor wIh, Tensor wHh, Tensor bIh, Tensor bHh) {}

    /** All states (T, N, H) and the one after the last step (N, H); for a reversed direction that is the state at time 0. */
    public record Output(Tensor sequence, Tensor last) {}

    private Gru() {}

    /**
     * One direction of one layer, from a zero initial state; differentiates in x and the weights.
     *
     * @param x       (T, N, in)
     * @param reverse from the last time step to the first
     * @throws IllegalArgumentException where x and the weights do not fit
     */
    public static Output layer(Tape tape, Tensor x, Weights w, boolean reverse) {
        Require.rank("gru", "x (T, N, features)", x, 3);
        Require.rank("gru", "the input weights (3H, in)", w.wIh, 2);
        Require.rank("gru", "the recurrent weights (3H, H)", w.wHh, 2);
        long steps = x.size(0), batch = x.size(1), units = w.wHh.size(1), gates = 3 * units;
        if (units < 1 || w.wIh.size(1) != x.size(2) || w.wIh.size(0) != gates || w.wHh.size(0) != gates || w.bIh.count() != gates
                || w.bHh.count() != gates)
            throw new IllegalArgumentException("gru: x " + x.shape() + ", weights " + w.wIh.shape() + " and " + w.wHh.shape() + ", biases "
                    + w.bIh.shape() + " and " + w.bHh.shape() + " do not fit: needed are weights (3H, " + x.size(2)
                    + ") and (3H, H) and biases (3H,), H at least 1");
        Tensor gatesX = MatMul.linear(tape, x, w.wIh, w.bIh);
        Tensor hidden = tape.empty(x.dtype(), steps + 1, batch, units);
        hidden.rows(reverse ? steps : 0, reverse ? steps + 1 : 1).clear();
        boolean differentiate = tape.watches(gatesX, w.wHh, w.bHh);
        Tensor saved = differentiate ? tape.empty(x.dtype(), steps, batch, 4 * units) : null;
        FORWARD.run(gatesX, w.wHh, w.bHh, hidden, saved, steps, batch, units, reverse);
        Tensor sequence = reverse ? hidden.rows(0, steps) : hidden.rows(1, steps + 1);
        Tensor last = hidden.rows(reverse ? 0 : steps, reverse ? 1 : steps + 1).reshape(batch, units);
        tape.record("gru", new Tensor[] {sequence, last}, (dy, d) -> {
            Tensor dh = tape.like(last);
            if (dy[1] == null) dh.clear();
            else dh.set(dy[1]);
            Tensor dGatesH = tape.like(gatesX);
            Tensor dGatesX = d[0] != null ? d[0] : tape.like(gatesX);
            BACKWARD.run(w.wHh, hidden, saved, dy[0], dh, dGatesX, dGatesH, steps, batch, units, reverse);
            long rows = steps * batch;
            // The state before each step stands one slot earlier in the direction of the recurrence.
            Tensor before = reverse ? hidden.rows(1, steps + 1) : hidden.rows(0, steps);
            if (d[1] != null) new Product(1, gates, units, rows).run(Operand.of(dGatesH).transpose(), Operand.of(before), null, d[1]);
            if (d[2] != null) Reduce.sum(tape, dGatesH, null, d[2], 1, 1, rows, gates);
        }, new Tensor[] {gatesX}, w.wHh, w.bHh);
        return new Output(sequence, last);
    }

    private static void forward(Args a) {
        Reals gatesX = a.reals("gates_x"), w = a.reals("w_hh"), b = a.reals("b_hh");
        Reals hidden = a.reals("hidden"), saved = a.reals("saved");
        int steps = a.count("steps"), batch = a.count("batch"), units = a.count("units");
        boolean reverse = a.flag("reverse");
        for (int s = 0; s < steps; s++) {
            int t = reverse ? steps - 1 - s : s;
            for (int i = 0; i < batch; i++) {
                long before = ((long) (reverse ? t + 1 : t) * batch + i) * units;
                long after = ((long) (reverse ? t : t + 1) * batch + i) * units;
                long x = ((long) t * batch + i) * 3 * units, keep = ((long) t * batch + i) * 4 * units;
                for (int j = 0; j < units; j++) {
                    double hr = b.get(j), hz = b.get(units + j), hn = b.get(2 * units + j);
                    for (int k = 0; k < units; k++) {
                        double h = hidden.get(before + k);
                        hr += w.get((long) j * units + k) * h;
                        hz += w.get((long) (units + j) * units + k) * h;
                        hn += w.get((long) (2 * units + j) * units + k) * h;
                    }
                    double r = Activation.logistic(gatesX.get(x + j) + hr);
                    double z = Activation.logistic(gatesX.get(x + units + j) + hz);
                    double n = Math.tanh(gatesX.get(x + 2 * units + j) + r * hn);
                    hidden.set(after + j, (1 - z) * n + z * hidden.get(before + j));
                    if (saved != null) {
                        saved.set(keep + j, r);
                        saved.set(keep + units + j, z);
                        saved.set(keep + 2 * units + j, n);
                        saved.set(keep + 3 * units + j, hn);
                    }
                }
            }
        }
    }

    private static void backward(Args a) {
        Reals w = a.reals("w_hh"), hidden = a.reals("hidden"), saved = a.reals("saved"), dy = a.reals("dy"), dh = a.reals("dh");
        Reals dGatesX = a.reals("dgates_x"), dGatesH = a.reals("dgates_h");
        int steps = a.count("steps"), batch = a.count("batch"), units = a.count("units");
        boolean reverse = a.flag("reverse");
        for (int s = steps - 1; s >= 0; s--) {
            int t = reverse ? steps - 1 - s : s;
            for (int i = 0; i < batch; i++) {
                long row = (long) t * batch + i, before = ((long) (reverse ? t + 1 : t) * batch + i) * units;
                long gates = row * 3 * units, keep = row * 4 * units, state = (long) i * units;
                for (int j = 0; j < units; j++) {
                    double d = dh.get(state + j) + (dy == null ? 0 : dy.get(row * units + j));
                    double r = saved.get(keep + j), z = saved.get(keep + units + j);
                    double n = saved.get(keep + 2 * units + j), hn = saved.get(keep + 3 * units + j);
                    double dn = d * (1 - z) * (1 - n * n);
                    double dz = d * (hidden.get(before + j) - n) * z * (1 - z);
                    double dr = dn * hn * r * (1 - r);
                    dGatesX.set(gates + j, dr);
                    dGatesX.set(gates + units + j, dz);
                    dGatesX.set(gates + 2 * units + j, dn);
                    dGatesH.set(gates + j, dr);
                    dGatesH.set(gates + units + j, dz);
                    dGatesH.set(gates + 2 * units + j, dn * r);
                    dh.set(state + j, d * z);
                }
                for (int k = 0; k < units; k++) {
                    double sum = dh.get(state + k);
                    for (int g = 0; g < 3 * units; g++) sum += dGatesH.get(gates + g) * w.get((long) g * units + k);
                    dh.set(state + k, sum);
                }
            }
        }
    }
}
