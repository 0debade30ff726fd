package dev.imu2clip.train;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Precision;
import dev.imu2clip.backend.Recording;
import dev.imu2clip.clip.TextEncoder;
import dev.imu2clip.data.Batch;
import dev.imu2clip.data.DataSet;
import dev.imu2clip.eval.Embeddings;
import dev.imu2clip.imu.EncoderFile;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import dev.imu2clip.memory.Slab;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.ops.L2Normalize;
import dev.imu2clip.optim.Adam;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Locale;
import java.util.function.Function;

/** A model, its optimiser and their memory: takes batches, gives losses. */
public final class ContrastiveTrainer implements AutoCloseable {
    /** After the second like step a workspace allocates nothing any more. */
    private static final int EAGER_STEPS = 2;

    private final Backend backend;
    private final ContrastiveModel model;
    private final ParameterStore store;
    private final Adam adam;
    private final Workspace workspace;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment batchTexts;
    private final TunedText text;
    private final Slab reportMemory;
    private final Tensor report; // loss and temperature parameter: what a step tells the host, in one copy
    private FixedStep step;
    private double temperature = Double.NaN;

    /**
     * A new model on a device: initial weights from the seed, or the encoder's from the file that the configuration names.
     *
     * @param texts has CLIP's weights, where they are tuned; needed in this constructor only
     */
    public ContrastiveTrainer(Backend backend, Config config, TextEncoder texts) {
        this.backend = backend;
        ImuEncoder encoder = ImuEncoder.create(config.model().imuEncoderName());
        model = new ContrastiveModel(encoder, config.loss().temperatureMode().equals("log"), config.loss().temperatureInit(),
                config.loss().temperatureLearned());
        text = TunedText.isTuned(config) ? new TunedText(config, texts) : null;
        if (text != null) model.learn(text.tower());
        Precision precision = precision(backend, config);
        precision.choose(backend);
        store = ParameterStore.allocate(backend, model, name -> text == null ? 1 : text.rate(name), precision.dtype());
        adam = new Adam(store, settings(config.optim()));
        workspace = new Workspace(backend, "step");
        reportMemory = backend.allocate(8, "the report of a step");
        report = Tensor.in(reportMemory, 0, Shape.of(2), DType.F32);
        batchTexts = arena.allocate(4L * config.train().batchSize() * encoder.width(), 64);
        try {
            store.initialise(config.run().seed(), name -> text == null || !text.isGiven(name));
            if (text != null) texts.fill(text.tower());
            String pretrained = config.train().pathLoadPretrainedImuEncoder();
            if (!pretrained.isEmpty()) EncoderFile.fill(store, ContrastiveModel.ENCODER, Path.of(pretrained));
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    /** @throws InputException where the device cannot compute in what the configuration asks for */
    static Precision precision(Backend backend, Config config) {
        Precision precision = Precision.valueOf(config.train().precision().toUpperCase(Locale.ROOT));
        if (!Precision.of(backend).contains(precision))
            throw new InputException("train_hparams.precision is " + precision + ", but " + backend.name()
                    + " computes in fp32 only; choose fp32, or a CUDA device by run.device");
        return precision;
    }

    private static Adam.Settings settings(Config.Optim optim) {
        return new Adam.Settings(optim.lr(), optim.beta1(), optim.beta2(), optim.eps(), optim.weightDecay(),
                optim.optimizer().equals("adamw"),
                optim.gradClip());
    }

    /** One step of the optimiser, with {@code factor} on the learning rate; returns the loss before it. */
    public double step(Batch batch, LabelledWindows windows, double factor) {
        adam.prepare(factor);
        if (text == null) frozenStep(batch, windows);
        else update(tape -> loss(tape, signals(tape, batch), text.embed(tape, batch, windows)));
        float[] now = report.toFloats();
        temperature = model.temperature(now[1]);
        return now[0];
    }

    /** With frozen texts all steps are alike: the first ones show what memory they need, then one is recorded and replayed. */
    private void frozenStep(Batch batch, LabelledWindows windows) {
        if (step == null || step.signals.bytes() != batch.signals().byteSize()) {
            if (step != null) step.close();
            step = new FixedStep(batch);
        }
        for (int i = 0; i < batch.size(); i++) windows.copyText(batch.window(i), batchTexts, i);
        step.texts.set(batchTexts.asSlice(0, step.texts.bytes()));
        step.signals.set(batch.signals());
        step.run();
    }

    /** A step whose inputs keep their addresses. */
    private final class FixedStep implements AutoCloseable {
        private final Slab inputs;
        private final Tensor signals, texts;
        private Recording recording;
        private int eager;
        private long allocations;

        FixedStep(Batch batch) {
            Shape shape = signalShape(batch), vectors = Shape.of(batch.size(), model.encoder().width());
            long bytes = (4 * shape.count() + 63) / 64 * 64;
            inputs = backend.allocate(bytes + 4 * vectors.count(), "a batch");
            signals = Tensor.in(inputs, 0, shape, DType.F32);
            texts = Tensor.in(inputs, bytes, vectors, DType.F32);
        }

        void run() {
            // A workspace that took other memory since has moved what the recording works on.
            if (recording != null && allocations != workspace.allocations()) {
                recording.close();
                recording = null;
                eager = 0;
            }
            if (recording == null && eager++ < EAGER_STEPS) {
                work();
                return;
            }
            if (recording == null) {
                recording = backend.record(this::work);
                allocations = workspace.allocations();
            }
            recording.replay();
        }

        private void work() {
            update(tape -> loss(tape, signals, texts));
        }

        @Override
        public void close() {
            if (recording != null) recording.close();
            inputs.close();
        }
    }

    /** Forward, backward and the optimiser's update; the loss and the new temperature go to the report. */
    private void update(Function<Tape, Tensor> forward) {
        try (var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            store.watch(tape);
            Tensor loss = forward.apply(tape);
            store.gradients().clear();
            tape.backward(loss);
            adam.update();
            report.rows(0, 1).set(loss);
            report.rows(1, 2).set(model.temperatureValue());
        }
    }

    private Tensor loss(Tape tape, Tensor signals, Tensor texts) {
        return model.loss(tape, model.embed(tape, signals), texts);
    }

    private static Shape signalShape(Batch batch) {
        return Shape.of(batch.size(), ImuEncoder.CHANNELS, batch.signals().byteSize() / 4 / batch.size() / ImuEncoder.CHANNELS);
    }

    private static Tensor signals(Tape tape, Batch batch) {
        return tape.empty(DType.F32, signalShape(batch).sizes()).set(batch.signals());
    }

    /** The temperature after the last step. */
    public double temperature() {
        return Double.isNaN(temperature) ? model.temperature() : temperature;
    }

    /**
     * Mean loss over batches of embedded windows, in an order that is shuffled once and for all: recordings one after the other would put
     * like windows into one batch. Only full batches count, since the loss grows with their size; fewer windows than that are one batch.
     */
    public double loss(Embeddings motion, LabelledWindows windows, int batchSize, long seed) {
        int n = Math.min(batchSize, motion.rows()), width = motion.size(), batches = motion.rows() / n;
        int[] order = windows.windows().order(seed);
        double sum = 0;
        try (Arena scratch = Arena.ofConfined()) {
            MemorySegment rows = scratch.allocate(4L * n * width, 64), texts = scratch.allocate(4L * n * width, 64);
            for (int batch = 0; batch < batches; batch++) {
                for (int i = 0; i < n; i++) {
                    int window = order[batch * n + i];
                    MemorySegment.copy(motion.values(), window * width, rows, ValueLayout.JAVA_FLOAT, 4L * width * i, width);
                    windows.copyText(window, texts, i);
                }
                try (var _ = workspace.step()) {
                    Tape tape = new Tape(workspace);
                    Tensor embedded = L2Normalize.l2Normalize(tape, tape.empty(DType.F32, n, width).set(rows));
                    sum += model.loss(tape, embedded, tape.empty(DType.F32, n, width).set(texts)).item();
                }
            }
        }
        return sum / batches;
    }

    /** Embeddings of windows by the encoder as it stands. */
    public Embeddings embed(DataSet data, LabelledWindows windows) {
        return ImuEmbedder.embed(model.encoder(), workspace, data, windows.windows(), Progress.NONE);
    }

    /** Embeds the windows' texts again where the text tower is tuned, by the tower as it stands. */
    public void embedTexts(LabelledWindows windows) {
        if (text == null) return;
        try (TextEncoder encoder = text.encoder(backend)) {
            windows.embed(encoder, Progress.NONE);
        }
    }

    /** CLIP's text tower where it learns, else null. */
    public TunedText text() {
        return text;
    }

    public ContrastiveModel model() {
        return model;
    }

    public ParameterStore store() {
        return store;
    }

    public Adam adam() {
        return adam;
    }

    @Override
    public void close() {
        if (step != null) step.close();
        reportMemory.close();
        arena.close();
        workspace.close();
        adam.close();
        store.close();
    }
}
