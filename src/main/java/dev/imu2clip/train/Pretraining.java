package dev.imu2clip.train;

import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.clip.CacheFolder;
import dev.imu2clip.clip.TextEncoder;
import dev.imu2clip.data.BatchLoader;
import dev.imu2clip.data.DataSet;
import dev.imu2clip.data.Split;
import dev.imu2clip.eval.ResultsFile;
import dev.imu2clip.imu.EncoderFile;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.io.InputException;
import dev.imu2clip.optim.Schedule;

import java.io.IOException;
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
    private final LabelledWindows training;
    private final LabelledWindows validation;
    private final LabelledWindows test;
    private final ContrastiveTrainer trainer;
    private final BatchLoader trainLoader;
    private final BatchLoader validationLoader;
    private final Checkpoint.Origin origin;
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
            try (TextEncoder texts = openTexts(config, backend, say)) {
                training = LabelledWindows.of(data, Split.TRAINING, texts, say);
                validation = LabelledWindows.of(data, Split.VALIDATION, texts, say);
                test = LabelledWindows.of(data, Split.TEST, texts, say);
            }
            int batchSize = config.train().batchSize();
            long seed = config.run().seed();
            trainLoader = keep(new BatchLoader(data, training.windows(), BatchLoader.Options.training(batchSize, seed)));
            // Shuffled once and for all: recordings one after the other would put like windows into one batch.
            int validationBatch = Math.min(batchSize, validation.windows().size());
            validationLoader = keep(new BatchLoader(data, validation.windows(), new BatchLoader.Options(validationBatch, seed, true, true, 2)));
            trainer = keep(new ContrastiveTrainer(backend, config));
            ImuEncoder encoder = trainer.model().encoder();
            for (LabelledWindows windows : List.of(training, validation, test)) windows.requireFits(encoder, data);
            stepsPerEpoch = Math.max(1, (int) Math.floor(trainLoader.steps() * config.train().limitTrainBatches()));
            schedule = new Schedule(Schedule.Kind.valueOf(config.optim().schedule().toUpperCase(Locale.ROOT)), config.optim().warmupSteps(),
                    (long) stepsPerEpoch * config.train().maxEpochs(), 0);
            origin = new Checkpoint.Origin(training.windows().fingerprint(), validation.windows().fingerprint(), training.textFingerprint(),
                    backend.name());
            if (resume) resume();
            say.accept(String.format(Locale.ROOT, "encoder    %s, %,d parameters, windows of %d samples", encoder.name(), encoder.count(),
                    trainLoader.samples()));
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

    static TextEncoder openTexts(Config config, Backend backend, Consumer<String> say) {
        TextEncoder encoder = TextEncoder.open(backend, path(config.run().clip()), path(config.run().vocab()), 0);
        if (encoder.notice() != null) say.accept(encoder.notice());
        return encoder.cachedIn(CacheFolder.path(), say);
    }

    private static Path path(String setting) {
        return setting.isEmpty() ? null : Path.of(setting);
    }

    private void resume() {
        Checkpoint.Header header = Checkpoint.header(run.last());
        List<String> differences = new ArrayList<>(config.trainingDifferences(header.config()));
        Checkpoint.Origin then = header.origin();
        if (!origin.training().equals(then.training()) || !origin.validation().equals(then.validation())) differences.add("the data set's windows");
        if (!origin.features().equals(then.features())) differences.add("the text embeddings (other CLIP weights, vocabulary or texts)");
        if (!differences.isEmpty())
            throw new InputException(run.last() + ": belongs to another training. Different: " + String.join("; ", differences)
                    + ". Give the settings of then, or another --out");
        if (!origin.device().equals(then.device()))
            say.accept("the run began on " + then.device() + ": on " + origin.device() + " it continues, but not with the same bits");
        position = Checkpoint.load(run.last(), trainer.store(), trainer.adam()).position();
        say.accept("resumes    at epoch " + (position.epoch() + 1) + ", step " + position.step() + " (" + position.globalStep() + " steps done)");
    }

    /** Trains to the end, or until {@code stop}; then saves. Returns whether the end was reached. */
    public boolean train(StopRequest stop, TrainingProgress progress) {
        try (MetricsLog log = MetricsLog.open(run.metrics(), position.globalStep());
                TensorBoardWriter board = TensorBoardWriter.open(run.path(), position.globalStep())) {
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
            long done = trainer.adam().steps();
            double loss = trainer.step(trainLoader.next(), training, schedule.factor(done++));
            lossSum += loss;
            if (!Double.isFinite(loss)) throw Checkpoint.diverged("the loss became " + loss + " in step " + done, run.last());
            double temperature = trainer.model().temperature();
            progress.step(config.train().batchSize(), loss, temperature);
            if (done % config.run().logEverySteps() == 0)
                write(log, board, new TreeMap<>(Map.of("train_loss", loss, "temperature", temperature,
                        "learning_rate", config.optim().lr() * schedule.factor(done - 1))));
            position = new Checkpoint.Position(epoch, step + 1, done, lossSum, position.best());
            boolean stopped = stop.requested() && step + 1 < stepsPerEpoch;
            int every = config.run().checkpointEverySteps();
            if (stopped || every > 0 && (step + 1) % every == 0 && step + 1 < stepsPerEpoch) save(run.last());
            if (stopped) return false;
        }
        validate(epoch, lossSum / stepsPerEpoch, progress, log, board);
        return !stop.requested() || epoch + 1 == config.train().maxEpochs();
    }

    /** Loss, retrieval and zero-shot accuracy on the validation windows; then the checkpoints. */
    private void validate(int epoch, double trainLoss, TrainingProgress progress, MetricsLog log, TensorBoardWriter board) {
        double loss = trainer.loss(validationLoader, validation);
        if (!Double.isFinite(loss)) throw Checkpoint.diverged("the validation loss became " + loss + " in epoch " + (epoch + 1), run.last());
        Evaluation scores = Evaluation.of(trainer.embed(data, validation), validation);
        double forward = scores.retrieval().sourceToTarget().multiPositive().mrr(), back = scores.retrieval().targetToSource().multiPositive().mrr();
        Map<String, Number> values = new LinkedHashMap<>();
        values.put("epoch", epoch + 1);
        values.put("train_loss_epoch", trainLoss);
        values.put("val_loss", loss);
        values.put("val_s_t_MRR", forward);
        values.put("val_t_s_MRR", back);
        values.put("val_zero_shot_accuracy", scores.zeroShot().accuracy());
        write(log, board, values);
        progress.epochDone(epoch + 1, trainLoss, loss, trainer.model().temperature());
        keepBest(epoch, loss, (forward + back) / 2);
    }

    private void write(MetricsLog log, TensorBoardWriter board, Map<String, Number> values) {
        log.append(trainer.adam().steps(), values);
        board.scalars(trainer.adam().steps(), values);
    }

    private void keepBest(int epoch, double loss, double mrr) {
        List<Checkpoint.Best> best = new ArrayList<>(position.best());
        String file = String.format(Locale.ROOT, "%s-epoch=%02d-val_loss=%.4f.safetensors", config.identifier(), epoch + 1, loss);
        Checkpoint.Best mine = new Checkpoint.Best(file, epoch, loss, mrr);
        best.add(mine);
        best.sort((config.run().monitor().equals("val_loss") ? Comparator.comparingDouble(Checkpoint.Best::valLoss)
                : Comparator.comparingDouble(Checkpoint.Best::valMrr).reversed()).thenComparingInt(Checkpoint.Best::epoch));
        List<Checkpoint.Best> dropped = best.size() > config.run().keepBest() ? List.of(best.removeLast()) : List.of();
        position = new Checkpoint.Position(epoch + 1, 0, trainer.adam().steps(), 0, List.copyOf(best));
        if (best.contains(mine)) save(run.checkpoints().resolve(file));
        save(run.last());
        // Only when the last checkpoint no longer speaks of it.
        for (Checkpoint.Best gone : dropped) delete(run.checkpoints().resolve(gone.file()));
    }

    private void save(Path file) {
        Checkpoint.save(file, config, position, origin, trainer.store(), trainer.adam());
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
        if (!position.best().isEmpty())
            EncoderFile.fill(trainer.store(), ContrastiveModel.ENCODER, run.checkpoints().resolve(position.best().getFirst().file()));
        EncoderFile.save(run.encoder(config), trainer.model().encoder(), trainer.store(), ContrastiveModel.ENCODER,
                Map.of("config", config.canonicalJson(), "text_features", origin.features()));
        Evaluation evaluation = Evaluation.of(trainer.embed(data, test), test);
        Map<String, Object> extra = new LinkedHashMap<>();
        extra.put("encoder", run.encoder(config).getFileName().toString());
        extra.put("best", position.best().isEmpty() ? null : position.best().getFirst());
        extra.put("steps", trainer.adam().steps());
        extra.put("hashes", origin);
        extra.put("rejected_windows", new TreeMap<>(Map.of("training", training.rejections().count(), "validation", validation.rejections().count(),
                "test", test.rejections().count())));
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
