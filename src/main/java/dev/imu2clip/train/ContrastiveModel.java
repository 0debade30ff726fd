package dev.imu2clip.train;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.clip.TextTower;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.nn.Init;
import dev.imu2clip.nn.Module;
import dev.imu2clip.nn.Parameter;
import dev.imu2clip.ops.Cast;
import dev.imu2clip.ops.Elementwise;
import dev.imu2clip.ops.InfoNce;
import dev.imu2clip.ops.L2Normalize;
import dev.imu2clip.ops.Reduction;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

/**
 * What pre-training learns: an IMU encoder and the temperature of the symmetric InfoNCE loss that draws it to the texts' embeddings; where
 * CLIP is tuned, its text tower too.
 */
public final class ContrastiveModel extends Module {
    /** The encoder's parameters are called {@code encoder.<name>}, those of a text tower that learns {@code text.<name>}. */
    public static final String ENCODER = "encoder.", TEXT = "text.";
    private static final double MAX_LOG_SCALE = Math.log(100);
    /**
     * The learned number is log(1 / temperature) / 10. Adam's steps have the size of the learning rate whatever the parameter means, so
     * without this factor the temperature would need ten times as long as the raw one, which at 0.1 moves by ten times the learning rate,
     * relatively.
     */
    private static final double LOG_STEP = 10;

    private final ImuEncoder encoder;
    private final Parameter temperature;
    private final boolean logarithmic;
    private final boolean learned;

    /**
     * @param logarithmic learn CLIP's log(1 / temperature), clamped to log 100; otherwise the temperature itself, as the reference
     *                    does, which can cross zero
     * @param initial     temperature at the start
     * @param learned     whether gradients reach the temperature
     */
    public ContrastiveModel(ImuEncoder encoder, boolean logarithmic, double initial, boolean learned) {
        this.encoder = child("encoder", encoder);
        this.logarithmic = logarithmic;
        this.learned = learned;
        this.temperature = parameter(logarithmic ? "log_scale_tenth" : "temperature",
                new Init.Constant(logarithmic ? -Math.log(initial) / LOG_STEP : initial), 1);
    }

    /** Makes CLIP's text tower a part of what is learned; the caller embeds the texts with it. */
    public void learn(TextTower tower) {
        child("text", tower);
    }

    public ImuEncoder encoder() {
        return encoder;
    }

    /** Length 1, so that neither side of a dot product matters. (N, width), in float32 whatever the encoder computes in. */
    public Tensor embed(Tape tape, Tensor signals) {
        return L2Normalize.l2Normalize(tape, Cast.cast(tape, encoder.encode(tape, signals), DType.F32));
    }

    /**
     * Symmetric InfoNCE over the batch: cross-entropy of windows against targets plus that of targets against windows.
     *
     * @param embedded (N, D) from {@link #embed}
     * @param targets  (N, D): row i belongs to window i; any length
     * @return (1)
     */
    public Tensor loss(Tape tape, Tensor embedded, Tensor targets) {
        return InfoNce.inBatch(tape, embedded, L2Normalize.l2Normalize(tape, Cast.cast(tape, targets, DType.F32)), scale(tape), true, Reduction.MEAN);
    }

    private Tensor scale(Tape tape) {
        Tensor value = learned ? temperature.value() : tape.detach(temperature.value());
        if (logarithmic) {
            Tensor logScale = Elementwise.axpb(tape, value, LOG_STEP, 0);
            return Elementwise.exp(tape, Elementwise.clampMax(tape, logScale, MAX_LOG_SCALE));
        }
        return Elementwise.divide(tape, tape.full(DType.F32, 1, 1), value);
    }

    /** The temperature as it stands. */
    public double temperature() {
        return temperature(temperatureValue().item());
    }

    /** The number that is learned in its place: one float32. */
    Tensor temperatureValue() {
        return temperature.value();
    }

    /** The temperature that the learned number stands for. */
    double temperature(double value) {
        return logarithmic ? Math.exp(-Math.min(LOG_STEP * value, MAX_LOG_SCALE)) : value;
    }
}
