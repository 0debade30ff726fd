package dev.imu2clip.train;

import dev.imu2clip.autograd.Randomness;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Precision;
import dev.imu2clip.backend.Recording;
import dev.imu2clip.clip.TextEncoder;
import dev.imu2clip.data.Batch;
import dev.imu2clip.data.DataSet;
import dev.imu2clip.data.Modality;
import dev.imu2clip.eval.Embeddings;
import dev.imu2clip.imu.EncoderFile;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import dev.imu2clip.memory.Slab;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.ops.Cast;
import dev.imu2clip.ops.Elementwise;
import dev.imu2clip.ops.L2Normalize;
import dev.imu2clip.optim.Adam;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.IntStream;

/** A model, its optimiser and their memory: takes batches, gives losses. */
public final class ContrastiveTrainer implements AutoCloseable {
    /** After the second like step a workspace allocates nothing any more. */
    private static final int EAGER_STEPS = 2;

    private final Backend backend;
    private final ContrastiveModel model;
    private final ParameterStore store;
    private final Adam adam;
    private final Workspace workspace;
    private final Randomness randomness;
    private final Arena arena = Arena.ofShared();
    private final Alignment alignment;
    /** Modalities whose embeddings do not change while the run learns. */
    private final List<Modality> frozen;
    private final MemorySegment batchRows;
    private final TunedText text;
    private final Slab reportMemory;
    private final Tensor report; // loss, temperature parameter, loss of each target: what a step tells the host, in one copy
    private FixedStep step;
    private double temperature = Double.NaN;
    private double[] targetLosses = {};

    /**
     * A new model on a device: initial weights from the seed, or the encoder's from the file that the configuration names.
     *
     * @param texts has CLIP's weights, where they are tuned; needed in this constructor only
     */
    public ContrastiveTrainer(Backend backend, Config config, TextEncoder texts) {
        this.backend = backend;
        alignment = Alignment.of(config);
        frozen = alignment.modalities().stream()
                .filter(m -> m != Modality.IMU && !(m == Modality.TEXT && TunedText.isTuned(config))).toList();
        ImuEncoder encoder = config.encoder();
        model = new ContrastiveModel(encoder, config.loss().temperatureMode().equals("log"), config.loss().temperatureInit(),
                config.loss().temperatureLearned());
        text = TunedText.isTuned(config) ? new TunedText(config, texts) : null;
        if (text != null) model.learn(text.tower());
        Precision precision = precision(backend, config);
        precision.choose(backend);
        store = ParameterStore.allocate(backend, model, name -> text == null ? 1 : text.rate(name), precision.dtype());
        adam = new Adam(store, settings(config.optim()));
        workspace = new Workspace(backend, "step");
        randomness = new Randomness(backend, config.run().seed());
        long reported = 2 + alignment.targets().size();
        reportMemory = backend.allocate(4 * reported, "the report of a step");
        report = Tensor.in(reportMemory, 0, Shape.of(reported), DType.F32);
        batchRows = arena.allocate(4L * config.train().batchSize() * encoder.width(), 64);
        try {
            store.initialise(config.run().seed(), name -> text == null || !text.isGiven(name));
            if (text != null) texts.fill(text.tower());
            String pretrained = config.train().pathLoadPretrainedImuEncoder();
            if (!pretrained.isEmpty()) EncoderFile.fill(encoder, store, ContrastiveModel.ENCODER, Path.of(pretrained));
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
    public double step(Batch batch, RunWindows windows, double factor) {
        adam.prepare(factor);
        randomness.prepare(adam.steps());
        if (text == null) frozenStep(batch, windows);
        else update(tape -> {
            Map<Modality, Tensor> vectors = new EnumMap<>(Modality.class);
            for (Modality modality : frozen)
                vectors.put(modality, tape.empty(DType.F32, batch.size(), model.encoder().width()).set(rows(batch, windows, modality)));
            vectors.put(Modality.TEXT, text.embed(tape, batch, windows));
            return losses(tape, signals(tape, batch), vectors);
        });
        float[] now = report.toFloats();
        temperature = model.temperature(now[1]);
        targetLosses = IntStream.range(2, now.length).mapToDouble(i -> now[i]).toArray();
        return now[0];
    }

    /** The last step's loss of each target, in the order of the alignment; their sum is the loss. */
    public double[] targetLosses() {
        return targetLosses;
    }

    /** The embeddings of a batch's windows, (n, width), in a place of this trainer's. */
    private MemorySegment rows(Batch batch, RunWindows windows, Modality modality) {
        Features features = windows.features(modality);
        for (int i = 0; i < batch.size(); i++) features.copy(batch.window(i), batchRows, i);
        return batchRows.asSlice(0, 4L * batch.size() * features.rows().size());
    }

    /** With frozen texts all steps are alike: the first ones show what memory they need, then one is recorded and replayed. */
    private void frozenStep(Batch batch, RunWindows windows) {
        if (step == null || step.signals.bytes() != batch.signals().byteSize()) {
            if (step != null) step.close();
            step = new FixedStep(batch);
        }
        step.vectors.forEach((modality, vectors) -> vectors.set(rows(batch, windows, modality)));
        step.signals.set(batch.signals());
        step.run();
    }

    /** A step whose inputs keep their addresses. */
    private final class FixedStep implements AutoCloseable {
        private final Slab inputs;
        private final Tensor signals;
        private final Map<Modality, Tensor> vectors = new EnumMap<>(Modality.class);
        private Recording recording;
        private int eager;
        private long allocations;

        FixedStep(Batch batch) {
            Shape shape = signalShape(batch), rows = Shape.of(batch.size(), model.encoder().width());
            long at = (4 * shape.count() + 63) / 64 * 64, stride = (4 * rows.count() + 63) / 64 * 64;
            inputs = backend.allocate(at + stride * frozen.size(), "a batch");
            signals = Tensor.in(inputs, 0, shape, DType.F32);
            for (int i = 0; i < frozen.size(); i++) vectors.put(frozen.get(i), Tensor.in(inputs, at + i * stride, rows, DType.F32));
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
            update(tape -> losses(tape, signals, vectors));
        }

        @Override
        public void close() {
            if (recording != null) recording.close();
            inputs.close();
        }
    }

    /** Forward, backward and the optimiser's update; the losses and the new temperature go to the report. */
    private void update(Function<Tape, List<Tensor>> forward) {
        try (var _ = workspace.step()) {
            Tape tape = new Tape(workspace).drawFrom(randomness.key());
            store.watch(tape);
            List<Tensor> losses = forward.apply(tape);
            Tensor loss = losses.stream().reduce((a, b) -> Elementwise.add(tape, a, b)).orElseThrow();
            store.gradients().clear();
            tape.backward(loss);
            adam.update();
            report.rows(0, 1).set(loss);
            report.rows(1, 2).set(model.temperatureValue());
            for (int i = 0; i < losses.size(); i++) report.rows(2 + i, 3 + i).set(losses.get(i));
        }
    }

    private List<Tensor> losses(Tape tape, Tensor signals, Map<Modality, Tensor> vectors) {
        return losses(tape, vectors, model.embed(tape, signals));
    }

    /**
     * The loss of the source with each target.
     *
     * @param vectors (n, width) of each other modality, of any length
     * @param motion  (n, width) of length 1, or null in a run without
     */
    private List<Tensor> losses(Tape tape, Map<Modality, Tensor> vectors, Tensor motion) {
        Modality source = alignment.source();
        // The loss is symmetric: motion may stand on the left whichever of the two it is.
        Tensor left = source == Modality.IMU ? motion : L2Normalize.l2Normalize(tape, Cast.cast(tape, vectors.get(source), DType.F32));
        return alignment.targets().stream().map(target -> target == Modality.IMU ? model.loss(tape, motion, vectors.get(source))
                : model.loss(tape, left, vectors.get(target))).toList();
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
     * Mean loss of each target over batches of embedded windows, in an order that is shuffled once and for all: recordings one after the other would put
     * like windows into one batch. Only full batches count, since the loss grows with their size; fewer windows than that are one batch.
     */
    public double[] losses(Map<Modality, Embeddings> embedded, RunWindows windows, int batchSize, long seed) {
        int count = windows.windows().size(), n = Math.min(batchSize, count), width = model.encoder().width(), batches = count / n;
        int[] order = windows.windows().order(seed);
        double[] sums = new double[alignment.targets().size()];
        try (Arena scratch = Arena.ofConfined()) {
            MemorySegment rows = scratch.allocate(4L * n * width, 64);
            for (int batch = 0; batch < batches; batch++) {
                int first = batch * n;
                try (var _ = workspace.step()) {
                    Tape tape = new Tape(workspace);
                    Map<Modality, Tensor> vectors = new EnumMap<>(Modality.class);
                    embedded.forEach((modality, all) -> {
                        for (int i = 0; i < n; i++)
                            MemorySegment.copy(all.values(), order[first + i] * width, rows, ValueLayout.JAVA_FLOAT, 4L * width * i, width);
                        vectors.put(modality, tape.empty(DType.F32, n, width).set(rows));
                    });
                    Tensor motion = vectors.get(Modality.IMU);
                    List<Tensor> losses = losses(tape, vectors, motion == null ? null : L2Normalize.l2Normalize(tape, motion));
                    for (int i = 0; i < sums.length; i++) sums[i] += losses.get(i).item() / batches;
                }
            }
        }
        return sums;
    }

    /** Embeddings of windows in all modalities of the run: of motion by the encoder as it stands. */
    public Map<Modality, Embeddings> embed(DataSet data, RunWindows windows) {
        Map<Modality, Embeddings> embedded = new EnumMap<>(Modality.class);
        for (Modality modality : alignment.modalities())
            embedded.put(modality, modality == Modality.IMU
                    ? ImuEmbedder.embed(model.encoder(), workspace, data, windows.windows(), Progress.NONE)
                    : windows.features(modality).all());
        return embedded;
    }

    /** Embeds the windows' texts again where the text tower is tuned, by the tower as it stands. */
    public void embedTexts(RunWindows windows) {
        if (text == null) return;
        try (TextEncoder encoder = text.encoder(backend)) {
            windows.embedTexts(encoder, Progress.NONE);
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
        randomness.close();
        workspace.close();
        adam.close();
        store.close();
    }
}
