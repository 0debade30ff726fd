package dev.imu2clip.optim;

import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.memory.Device;
import dev.imu2clip.memory.Slab;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

import java.util.List;

/**
 * Adam (Kingma and Ba, arXiv 1412.6980) and AdamW (Loshchilov and Hutter, arXiv 1711.05101) over a store's flat slabs: one
 * kernel updates every parameter of a {@link ParameterStore.Range}. Weight decay touches matrices only. Gradients can be clipped to a
 * global norm on the way. Frozen parameters have no moments and cost nothing.
 */
public final class Adam implements AutoCloseable {
    /** y (1) = sum of x². */
    static final Kernel SUM_OF_SQUARES = new Kernel("sum_of_squares", "in x, out wide y, size n", a -> {
        Reals x = a.reals("x");
        double sum = 0;
        for (long i = 0, n = a.size("n"); i < n; i++) sum += x.get(i) * x.get(i);
        a.reals("y").set(0, sum);
    });

    /** rates holds what changes every step: learning rate / (1 - beta1^t), sqrt(1 - beta2^t) and the learning rate itself. */
    static final Kernel UPDATE = new Kernel("adam", "inout wide value, in gradient, inout wide m, inout wide v, in wide rates, in? wide squared_norm, "
            + "real beta1, real beta2, real eps, real weight_decay, real max_norm, size decoupled, size n", Adam::define);

    /**
     * Adam's constants. The paper's names are in brackets.
     *
     * @param learningRate step size (alpha); factors of a schedule and of a parameter's range come on top
     * @param beta1        decay of the mean of gradients, in [0, 1)
     * @param beta2        decay of the mean of squared gradients, in [0, 1)
     * @param eps          added to the root of the corrected mean of squares, so that nothing is divided by zero
     * @param weightDecay  share of a matrix's values: added to the gradient, or times the learning rate taken off the values (AdamW);
     *                     0 for none
     * @param decoupled    whether the decay is AdamW's
     * @param maxNorm      largest norm of all gradients together: longer ones are scaled down to it; 0 for no clipping
     */
    public record Settings(double learningRate, double beta1, double beta2, double eps, double weightDecay, boolean decoupled,
                           double maxNorm) {
        /** PyTorch's defaults: beta 0.9 and 0.999, eps 1e-8, no decay, no clipping. */
        public static Settings of(double learningRate) {
            return new Settings(learningRate, 0.9, 0.999, 1e-8, 0, false, 0);
        }
    }

    private static final int RATES = 3;

    private final ParameterStore store;
    private final Settings settings;
    private final Slab state;
    private final Tensor m;
    private final Tensor v;
    private final Tensor rates; // a row for each range
    private final Tensor squaredNorm;
    private long steps;

    /**
     * Moments of zero for every trainable parameter, on the store's device.
     *
     * @throws IllegalStateException where the store is frozen
     */
    public Adam(ParameterStore store, Settings settings) {
        store.gradients(); // fails for a frozen store
        this.store = store;
        this.settings = settings;
        Device device = store.device();
        Shape flat = store.gradients().shape();
        long bytes = 4 * flat.count(), ranges = store.ranges().size();
        this.state = device.allocate(2 * bytes + 64 + RATES * 4 * ranges, "Adam's moments");
        this.m = Tensor.in(state, 0, flat, DType.F32);
        this.v = Tensor.in(state, bytes, flat, DType.F32);
        this.squaredNorm = Tensor.in(state, 2 * bytes, Shape.of(1), DType.F32);
        this.rates = Tensor.in(state, 2 * bytes + 64, Shape.of(ranges, RATES), DType.F32);
    }

    /** Updates every parameter from its gradient, with {@code factor} (a schedule's) on the learning rate. */
    public void step(double factor) {
        prepare(factor);
        update();
    }

    /**
     * The part of a step that changes from one to the next, as numbers for the device: {@link #update} is the other, which can be recorded
     * and replayed.
     */
    public void prepare(double factor) {
        steps++;
        double correction1 = 1 - Math.pow(settings.beta1, steps), correction2 = 1 - Math.pow(settings.beta2, steps);
        List<ParameterStore.Range> ranges = store.ranges();
        float[] now = new float[RATES * ranges.size()];
        for (int i = 0; i < ranges.size(); i++) {
            double rate = settings.learningRate * factor * ranges.get(i).rate();
            now[RATES * i] = (float) (rate / correction1);
            now[RATES * i + 1] = (float) Math.sqrt(correction2);
            now[RATES * i + 2] = (float) rate;
        }
        rates.set(now);
    }

    /** Updates every parameter from its gradient, at the rates that were prepared. */
    public void update() {
        List<ParameterStore.Range> ranges = store.ranges();
        Tensor norm = settings.maxNorm > 0 ? squaredNorm : null;
        if (norm != null) SUM_OF_SQUARES.run(store.gradients(), norm, store.gradients().count());
        for (int i = 0; i < ranges.size(); i++) update(ranges.get(i), rates.rows(i, i + 1), norm);
        store.refresh();
    }

    private void update(ParameterStore.Range range, Tensor rates, Tensor norm) {
        long from = range.from(), count = range.count();
        UPDATE.run(store.trainableValues().view(from, count), store.gradients().view(from, count), m.view(from, count),
                v.view(from, count), rates, norm, settings.beta1, settings.beta2, settings.eps, range.decayed() ? settings.weightDecay : 0,
                settings.maxNorm, settings.decoupled, count);
    }

    /** Steps taken so far. */
    public long steps() {
        return steps;
    }

    /** Running mean of the gradients, laid out as {@link ParameterStore#trainableValues}. */
    public Tensor firstMoment() {
        return m;
    }

    /** Running mean of the squared gradients, laid out as {@link ParameterStore#trainableValues}. */
    public Tensor secondMoment() {
        return v;
    }

    /** Continues from a saved state; the moments are set by the caller. */
    public void continueFrom(long steps) {
        this.steps = steps;
    }

    private static void define(Args a) {
        Reals value = a.reals("value"), gradient = a.reals("gradient"), m = a.reals("m"), v = a.reals("v"), rates = a.reals("rates");
        double beta1 = a.real("beta1"), beta2 = a.real("beta2"), eps = a.real("eps"), decay = a.real("weight_decay"), clip = 1;
        double rate = rates.get(0), root = rates.get(1), shrink = rates.get(2) * decay;
        boolean decoupled = a.flag("decoupled");
        if (a.tensor("squared_norm") != null) clip = Math.min(1, a.real("max_norm") / (Math.sqrt(a.reals("squared_norm").get(0)) + 1e-6));
        for (long i = 0, n = a.size("n"); i < n; i++) {
            double x = value.get(i), g = clip * gradient.get(i);
            if (decoupled) x -= shrink * x;
            else g += decay * x;
            double mean = beta1 * m.get(i) + (1 - beta1) * g, square = beta2 * v.get(i) + (1 - beta2) * g * g;
            m.set(i, mean);
            v.set(i, square);
            value.set(i, x - rate * mean / (Math.sqrt(square) / root + eps));
        }
    }

    @Override
    public void close() {
        state.close();
    }
}
