package dev.imu2clip.train;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.clip.TextEncoder;
import dev.imu2clip.data.Batch;
import dev.imu2clip.data.DataSet;
import dev.imu2clip.eval.Embeddings;
import dev.imu2clip.imu.EncoderFile;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.io.Progress;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.ops.L2Normalize;
import dev.imu2clip.optim.Adam;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/** A model, its optimiser and their memory: takes batches, gives losses. */
public final class ContrastiveTrainer implements AutoCloseable {
    private final Backend backend;
    private final ContrastiveModel model;
    private final ParameterStore store;
    private final Adam adam;
    private final Workspace workspace;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment batchTexts;
    private final TunedText text;

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
        store = ParameterStore.allocate(backend, model, name -> text == null ? 1 : text.rate(name));
        adam = new Adam(store, settings(config.optim()));
        workspace = new Workspace(backend, "step");
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

    private static Adam.Settings settings(Config.Optim optim) {
        return new Adam.Settings(optim.lr(), optim.beta1(), optim.beta2(), optim.eps(), optim.weightDecay(),
                optim.optimizer().equals("adamw"),
                optim.gradClip());
    }

    /** One step of the optimiser, with {@code factor} on the learning rate; returns the loss before it. */
    public double step(Batch batch, LabelledWindows windows, double factor) {
        try (var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            store.watch(tape);
            Tensor loss = loss(tape, batch, windows);
            store.gradients().clear();
            tape.backward(loss);
            adam.step(factor);
            return loss.item();
        }
    }

    private Tensor loss(Tape tape, Batch batch, LabelledWindows windows) {
        Tensor texts = text == null ? frozenTexts(tape, batch, windows) : text.embed(tape, batch, windows);
        long samples = batch.signals().byteSize() / 4 / batch.size() / ImuEncoder.CHANNELS;
        Tensor signals = tape.empty(DType.F32, batch.size(), ImuEncoder.CHANNELS, samples).set(batch.signals());
        return model.loss(tape, model.embed(tape, signals), texts);
    }

    private Tensor frozenTexts(Tape tape, Batch batch, LabelledWindows windows) {
        for (int i = 0; i < batch.size(); i++) windows.copyText(batch.window(i), batchTexts, i);
        return tape.empty(DType.F32, batch.size(), windows.width()).set(batchTexts.asSlice(0, 4L * batch.size() * windows.width()));
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
        arena.close();
        workspace.close();
        adam.close();
        store.close();
    }
}
