package dev.imu2clip.train;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.clip.CacheFolder;
import dev.imu2clip.clip.TextEncoder;
import dev.imu2clip.data.Batch;
import dev.imu2clip.data.BatchLoader;
import dev.imu2clip.data.DataSet;
import dev.imu2clip.data.Selection;
import dev.imu2clip.data.Split;
import dev.imu2clip.eval.ResultsFile;
import dev.imu2clip.imu.EncoderFile;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.io.InputException;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.optim.Adam;
import dev.imu2clip.optim.Schedule;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * The main job: trains an IMU encoder against the frozen text tower with symmetric InfoNCE, validates after every epoch, keeps the best
 * checkpoints, and evaluates the best one on the test recordings.
 *
 * <p>A run is a pure function of configuration, data, text features, device and number of threads. Stopped at any moment and resumed from
 * its last checkpoint it ends with the same bits.
 */
public final class Pretraining implements AutoCloseable {
    private final Config config;
    private final RunFolder run;
    private final Consumer<String> say;
    private final List<AutoCloseable> open = new ArrayList<>();

    private final Backend backend;
    private final DataSet data;
    private final Selection training;
    private final Selection validation;
    private final Selection test;
    private final TextFeatures trainingTexts;
    private final TextFeatures validationTexts;
    private final TextFeatures testTexts;
    private final ContrastiveModel model;
    private final ParameterStore store;
    private final Adam adam;
    private final Workspace workspace;
    private final Checkpoint.Origin origin;
    private final BatchLoader trainLoader;
    private final BatchLoader validationLoader;
    private final MemorySegment batchTexts;
    private final int stepsPerEpoch;
    private final Schedule schedule;
    private Checkpoint.Position position = Checkpoint.Position.START;

    /**
     * Opens everything a run needs: data, text features, model.
     *
     * @param say    hears lines for people: what is trained on what
     * @param resume continue from the folder's last checkpoint
     * @throws InputException when something does not fit; nothing has been changed then
     */
    public Pretraining(Config config, RunFolder run, boolean resume, Consumer<String> say) {
        this.config = config;
        this.run = run;
        this.say = say;
        boolean ready = false;
        try {
            requireSupported(config);
            backend = Backends.get(config.run().device());
            say.accept("device     " + backend.name() + ": " + backend.describe());
            Backends.passedOver(backend).forEach(say);
            open.add(run.lock());
            if (!resume && Files.exists(run.last()))
                throw new InputException(run.path() + ": holds a run already. Continue it with --resume, or give another --out");
            if (resume && !Files.exists(run.last()))
                throw new InputException(run.path() + ": holds no checkpoint to resume from (" + run.last() + ")");
            data = keep(DataSet.open(Path.of(config.run().data())));
            training = select(Split.TRAINING);
            validation = select(Split.VALIDATION);
            test = select(Split.TEST);
            try (TextEncoder texts = openTexts(config, backend, say)) {
                trainingTexts = TextFeatures.of(training.windows(), texts, _ -> {});
                validationTexts = TextFeatures.of(validation.windows(), texts, _ -> {});
                testTexts = TextFeatures.of(test.windows(), texts, _ -> {});
            }
            ImuEncoder encoder = ImuEncoder.create(config.model().imuEncoderName());
            for (Selection selection : List.of(training, validation, test))
                ImuEmbedder.checkLength(encoder, selection.windows().samples(data.rateHz()), data.folder());
            trainingTexts.requireWidth(encoder);
            model = new ContrastiveModel(encoder, config.loss().temperatureMode().equals("log"), config.loss().temperatureInit(), config.loss().temperatureLearned());
            store = keep(ParameterStore.allocate(backend, model, true)).initialise(config.run().seed());
            if (!config.train().pathLoadPretrainedImuEncoder().isEmpty())
                EncoderFile.fill(store, ContrastiveModel.ENCODER, Path.of(config.train().pathLoadPretrainedImuEncoder()));
            adam = keep(new Adam(store, settings(config)));
            workspace = keep(new Workspace(backend, "step"));
            int batchSize = config.train().batchSize();
            trainLoader = keep(new BatchLoader(data, training.windows(), BatchLoader.Options.training(batchSize, config.run().seed())));
            // Shuffled once and for all: recordings one after the other would put like windows into one batch.
            int validationBatch = Math.min(batchSize, validation.windows().size());
            validationLoader = keep(new BatchLoader(data, validation.windows(), new BatchLoader.Options(validationBatch, config.run().seed(), true, true, 2)));
            stepsPerEpoch = Math.max(1, (int) Math.floor(trainLoader.steps() * config.train().limitTrainBatches()));
            schedule = new Schedule(Schedule.Kind.valueOf(config.optim().schedule().toUpperCase(Locale.ROOT)), config.optim().warmupSteps(),
                    (long) stepsPerEpoch * config.train().maxEpochs(), 0);
            Arena arena = Arena.ofShared();
            open.add(arena::close);
            batchTexts = arena.allocate(4L * batchSize * trainingTexts.distinct().size(), 64);
            origin = new Checkpoint.Origin(training.windows().fingerprint(), validation.windows().fingerprint(), trainingTexts.fingerprint(), backend.name());
            if (resume) resume();
            say.accept(String.format(Locale.ROOT, "encoder    %s, %,d parameters, windows of %d samples", encoder.name(),
                    encoder.parameters().values().stream().mapToLong(p -> p.shape().count()).sum(), trainLoader.samples()));
            ready = true;
        } finally {
            if (!ready) close();
        }
    }

    private <T extends AutoCloseable> T keep(T resource) {
        open.add(resource);
        return resource;
    }

    private static void requireSupported(Config config) {
        if (!config.train().sourceModality().equals("imu") || !config.train().targetModalities().equals(List.of("text")))
            throw new InputException("train_hparams: only source_modality imu with target_modalities [text] can be trained so far, not "
                    + config.train().sourceModality() + " with " + config.train().targetModalities());
    }

    private Selection select(Split split) {
        Selection selection = data.select(split);
        say.accept(String.format(Locale.ROOT, "%-10s %,d windows, %d distinct texts, of %d recordings", split.id(), selection.windows().size(),
                selection.windows().texts().texts().size(), data.split(split).size()));
        selection.rejections().summary().forEach(say);
        if (split == Split.TRAINING && selection.windows().texts().texts().size() == 1)
            say.accept("all training windows have the same text: there is nothing to tell apart, and nothing will be learned");
        return selection;
    }

    static TextEncoder openTexts(Config config, Backend backend, Consumer<String> say) {
        TextEncoder encoder = TextEncoder.open(backend, path(config.run().clip()), path(config.run().vocab()), 0);
        if (encoder.notice() != null) say.accept(encoder.notice());
        return encoder.cachedIn(CacheFolder.path(), say);
    }

    private static Path path(String setting) {
        return setting.isEmpty() ? null : Path.of(setting);
    }

    private static Adam.Settings settings(Config config) {
        Config.Optim o = config.optim();
        return new Adam.Settings(o.lr(), o.beta1(), o.beta2(), o.eps(), o.weightDecay(), o.optimizer().equals("adamw"), o.gradClip());
    }

    private void resume() {
        Checkpoint.Header header = Checkpoint.header(run.last());
        List<String> differences = new ArrayList<>(config.trainingDifferences(header.config()));
        if (!origin.training().equals(header.origin().training()) || !origin.validation().equals(header.origin().validation())) differences.add("the data set's windows");
        if (!origin.features().equals(header.origin().features())) differences.add("the text embeddings (other CLIP weights, vocabulary or texts)");
        if (!differences.isEmpty())
            throw new InputException(run.last() + ": belongs to another training. Different: " + String.join("; ", differences) + ". Give the settings of then, or another --out");
        if (!origin.device().equals(header.origin().device()))
            say.accept("the run began on " + header.origin().device() + ": on " + origin.device() + " it continues, but not with the same bits");
        position = Checkpoint.load(run.last(), store, adam).position();
        say.accept("resumes    at epoch " + (position.epoch() + 1) + ", step " + position.step() + " (" + position.globalStep() + " steps done)");
    }

    /** Trains to the end, or until {@code stop}; then saves. Returns whether the end was reached. */
    public boolean train(StopRequest stop, TrainingProgress progress) {
        try (MetricsLog log = MetricsLog.open(run.metrics(), position.globalStep()); TensorBoardWriter board = TensorBoardWriter.open(run.path(), position.globalStep())) {
            for (int epoch = position.epoch(); epoch < config.train().maxEpochs(); epoch++)
                if (!trainEpoch(epoch, stop, progress, log, board)) return false;
        }
        return true;
    }

    private boolean trainEpoch(int epoch, StopRequest stop, TrainingProgress progress, MetricsLog log, TensorBoardWriter board) {
        int first = position.epoch() == epoch ? position.step() : 0;
        double lossSum = first == 0 ? 0 : position.lossSum();
        progress.epochStarts(epoch + 1, stepsPerEpoch, first);
        trainLoader.begin(epoch, first);
        for (int step = first; step < stepsPerEpoch; step++) {
            double loss = trainStep(trainLoader.next());
            lossSum += loss;
            if (!Double.isFinite(loss)) throw Checkpoint.diverged("the loss became " + loss + " in step " + adam.steps(), run.last());
            double temperature = model.temperature();
            progress.step(config.train().batchSize(), loss, temperature);
            if (adam.steps() % config.run().logEverySteps() == 0)
                write(log, board, new TreeMap<>(Map.of("train_loss", loss, "temperature", temperature,
                        "learning_rate", config.optim().lr() * schedule.factor(adam.steps() - 1))));
            position = new Checkpoint.Position(epoch, step + 1, adam.steps(), lossSum, position.best());
            boolean stopped = stop.requested() && step + 1 < stepsPerEpoch;
            int every = config.run().checkpointEverySteps();
            if (stopped || every > 0 && (step + 1) % every == 0 && step + 1 < stepsPerEpoch) saveLast();
            if (stopped) return false;
        }
        validate(epoch, lossSum / stepsPerEpoch, progress, log, board);
        return !stop.requested() || epoch + 1 == config.train().maxEpochs();
    }

    /** One step of the optimiser; returns the loss before it. */
    private double trainStep(Batch batch) {
        try (var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            store.watch(tape);
            Tensor loss = model.loss(tape, model.embed(tape, signals(tape, batch, trainLoader.samples())), texts(tape, batch, trainingTexts));
            store.gradients().clear();
            tape.backward(loss);
            adam.step(schedule.factor(adam.steps()));
            return loss.item();
        }
    }

    private static Tensor signals(Tape tape, Batch batch, int samples) {
        return tape.empty(DType.F32, batch.size(), ImuEncoder.CHANNELS, samples).set(batch.signals());
    }

    private Tensor texts(Tape tape, Batch batch, TextFeatures features) {
        features.copy(batch, batchTexts);
        long width = batchTexts.byteSize() / 4 / config.train().batchSize();
        return tape.empty(DType.F32, batch.size(), width).set(batchTexts.asSlice(0, 4 * width * batch.size()));
    }

    /** Loss and in-batch accuracies over the validation windows; then the checkpoints. */
    private void validate(int epoch, double trainLoss, TrainingProgress progress, MetricsLog log, TensorBoardWriter board) {
        double loss = 0;
        validationLoader.begin(0, 0);
        for (Batch batch = validationLoader.next(); batch != null; batch = validationLoader.next()) {
            try (var _ = workspace.step()) {
                Tape tape = new Tape(workspace);
                loss += model.loss(tape, model.embed(tape, signals(tape, batch, validationLoader.samples())), texts(tape, batch, validationTexts)).item();
            }
        }
        loss /= validationLoader.steps();
        if (!Double.isFinite(loss)) throw Checkpoint.diverged("the validation loss became " + loss + " in epoch " + (epoch + 1), run.last());
        var motion = ImuEmbedder.embed(model.encoder(), workspace, data, validation.windows(), _ -> {});
        Evaluation scores = Evaluation.of(motion, validationTexts, validation.windows());
        Map<String, Number> values = new LinkedHashMap<>();
        values.put("epoch", epoch + 1);
        values.put("train_loss_epoch", trainLoss);
        values.put("val_loss", loss);
        values.put("val_s_t_MRR", scores.retrieval().sourceToTarget().multiPositive().mrr());
        values.put("val_t_s_MRR", scores.retrieval().targetToSource().multiPositive().mrr());
        values.put("val_zero_shot_accuracy", scores.zeroShot().accuracy());
        write(log, board, values);
        progress.epochDone(epoch + 1, trainLoss, loss, model.temperature());
        keepBest(epoch, loss, (scores.retrieval().sourceToTarget().multiPositive().mrr() + scores.retrieval().targetToSource().multiPositive().mrr()) / 2);
    }

    private void write(MetricsLog log, TensorBoardWriter board, Map<String, Number> values) {
        log.append(adam.steps(), values);
        board.scalars(adam.steps(), values);
    }

    private void keepBest(int epoch, double loss, double mrr) {
        List<Checkpoint.Best> best = new ArrayList<>(position.best());
        Checkpoint.Best mine = new Checkpoint.Best(String.format(Locale.ROOT, "%s-epoch=%02d-val_loss=%.4f.safetensors", config.identifier(), epoch + 1, loss), epoch, loss, mrr);
        best.add(mine);
        best.sort((config.run().monitor().equals("val_loss") ? Comparator.comparingDouble(Checkpoint.Best::valLoss)
                : Comparator.comparingDouble(Checkpoint.Best::valMrr).reversed()).thenComparingInt(Checkpoint.Best::epoch));
        List<Checkpoint.Best> dropped = best.size() > config.run().keepBest() ? List.of(best.removeLast()) : List.of();
        position = new Checkpoint.Position(epoch + 1, 0, adam.steps(), 0, List.copyOf(best));
        if (best.contains(mine)) Checkpoint.save(run.checkpoints().resolve(mine.file()), config, position, origin, store, adam);
        saveLast();
        // Only when the last checkpoint no longer speaks of it.
        for (Checkpoint.Best gone : dropped) delete(run.checkpoints().resolve(gone.file()));
    }

    private void saveLast() {
        Checkpoint.save(run.last(), config, position, origin, store, adam);
    }

    private static void delete(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            // It costs space and nothing else.
        }
    }

    /** Evaluates the best checkpoint on the test recordings; writes encoder, results and curves. */
    public Evaluation finish() {
        if (!position.best().isEmpty()) EncoderFile.fill(store, ContrastiveModel.ENCODER, run.checkpoints().resolve(position.best().getFirst().file()));
        Map<String, String> about = new TreeMap<>();
        about.put("config", config.canonicalJson());
        about.put("text_features", origin.features());
        EncoderFile.save(run.encoder(config), model.encoder(), store, ContrastiveModel.ENCODER, about);
        var motion = ImuEmbedder.embed(model.encoder(), workspace, data, test.windows(), _ -> {});
        Evaluation evaluation = Evaluation.of(motion, testTexts, test.windows());
        Map<String, Object> extra = new LinkedHashMap<>();
        extra.put("encoder", run.encoder(config).getFileName().toString());
        extra.put("best", position.best().isEmpty() ? null : position.best().getFirst());
        extra.put("steps", adam.steps());
        extra.put("hashes", origin);
        extra.put("rejected_windows", Map.of("training", training.rejections().count(), "validation", validation.rejections().count(), "test", test.rejections().count()));
        extra.put("device", backend.name() + ": " + backend.describe());
        ResultsFile.write(run.results(), ResultsFile.document(evaluation.metrics(), config.toMap(), extra));
        if (Files.exists(run.metrics())) LossPlot.write(run.curves(), MetricsLog.read(run.metrics()), config.identifier()).ifPresent(say);
        return evaluation;
    }

    @Override
    public void close() {
        for (AutoCloseable resource : open.reversed()) {
            try {
                resource.close();
            } catch (RuntimeException e) {
                throw e;
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }
        open.clear();
    }
}
