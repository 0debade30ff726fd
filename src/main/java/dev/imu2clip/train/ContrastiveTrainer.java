package dev.imu2clip.train;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.data.Batch;
import dev.imu2clip.data.BatchLoader;
import dev.imu2clip.data.DataSet;
import dev.imu2clip.eval.Embeddings;
import dev.imu2clip.imu.EncoderFile;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.optim.Adam;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/** A model, its optimiser and their memory: takes batches, gives losses. */
public final class ContrastiveTrainer implements AutoCloseable {
    private final ContrastiveModel model;
    private final ParameterStore store;
    private final Adam adam;
    private final Workspace workspace;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment batchTexts;

    /** A new model on a device: initial weights from the seed, or the encoder's from the file that the configuration names. */
    public ContrastiveTrainer(Backend backend, Config config) {
        ImuEncoder encoder = ImuEncoder.create(config.model().imuEncoderName());
        model = new ContrastiveModel(encoder, config.loss().temperatureMode().equals("log"), config.loss().temperatureInit(),
                config.loss().temperatureLearned());
        store = ParameterStore.allocate(backend, model, true);
        adam = new Adam(store, settings(config.optim()));
        workspace = new Workspace(backend, "step");
        batchTexts = arena.allocate(4L * config.train().batchSize() * encoder.width(), 64);
        try {
            store.initialise(config.run().seed());
            String pretrained = config.train().pathLoadPretrainedImuEncoder();
            if (!pretrained.isEmpty()) EncoderFile.fill(store, ContrastiveModel.ENCODER, Path.of(pretrained));
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    private static Adam.Settings settings(Config.Optim optim) {
        return new Adam.Settings(optim.lr(), optim.beta1(), optim.beta2(), optim.eps(), optim.weightDecay(), optim.optimizer().equals("adamw"),
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

    /** Mean loss over all batches of a loader. */
    public double loss(BatchLoader loader, LabelledWindows windows) {
        double sum = 0;
        loader.begin(0, 0);
        for (Batch batch = loader.next(); batch != null; batch = loader.next()) {
            try (var _ = workspace.step()) {
                sum += loss(new Tape(workspace), batch, windows).item();
            }
        }
        return sum / loader.steps();
    }

    private Tensor loss(Tape tape, Batch batch, LabelledWindows windows) {
        windows.copyTexts(batch, batchTexts);
        Tensor texts = tape.empty(DType.F32, batch.size(), windows.width()).set(batchTexts.asSlice(0, 4L * batch.size() * windows.width()));
        long samples = batch.signals().byteSize() / 4 / batch.size() / ImuEncoder.CHANNELS;
        Tensor signals = tape.empty(DType.F32, batch.size(), ImuEncoder.CHANNELS, samples).set(batch.signals());
        return model.loss(tape, model.embed(tape, signals), texts);
    }

    /** Embeddings of windows by the encoder as it stands. */
    public Embeddings embed(DataSet data, LabelledWindows windows) {
        return ImuEmbedder.embed(model.encoder(), workspace, data, windows.windows(), _ -> {});
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
