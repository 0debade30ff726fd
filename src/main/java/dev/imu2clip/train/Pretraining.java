package dev.imu2clip.train;

import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.data.BatchLoader;
import dev.imu2clip.data.DataSet;
import dev.imu2clip.data.Modality;
import dev.imu2clip.data.Split;
import dev.imu2clip.data.WindowRule;
import dev.imu2clip.data.ego4d.Ego4dWindows;
import dev.imu2clip.eval.Embeddings;
import dev.imu2clip.eval.ResultsFile;
import dev.imu2clip.imu.EncoderFile;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import dev.imu2clip.optim.Schedule;

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
import java.util.stream.DoubleStream;

/**
 * The main job: trains an IMU encoder against texts or videos by symmetric InfoNCE, CLIP's towers frozen or its text tower tuned;
 * validates after every epoch, keeps the best checkpoints, and evaluates the best one on the test recordings. With {@code test_only}
 * nothing is trained.
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
    private final Alignment alignment;
    private final RunWindows training; // null where there is nothing to train, as the three that follow
    private final RunWindows validation;
    private final RunWindows test;
    private final ContrastiveTrainer trainer;
    private final BatchLoader trainLoader;
    private final Checkpoint.Origin origin;
    private final int stepsPerEpoch;
    private final Schedule schedule;
    private Checkpoint.Position position = Checkpoint.Position.START;

    /**
     * Opens everything a run needs: data, text features, model.
     *
     * @param resume   continue from the folder's last checkpoint; where the run was stopped before its first, begin again
     * @param say      hears lines for people: what is trained on what
     * @param progress hears how far the embedding of texts and videos has come
     * @throws InputException when something does not fit; nothing has been changed then
     */
    public Pretraining(Config config, RunFolder run, boolean resume, Consumer<String> say, Progress progress) {
        this.config = config;
        this.run = run;
        this.say = say;
        boolean ready = false;
        try {
            requireSupported(config);
            alignment = Alignment.of(config);
            backend = Backends.get(config.run().device());
            say.accept("device     " + backend.name() + ": " + backend.describe());
            Backends.passedOver(backend).forEach(say);
            ContrastiveTrainer.precision(backend, config); // before anything is read or embedded
            run.requireUsable(resume);
            data = keep(openData(config));
            boolean trains = !config.train().testOnly();
            String clip;
            try (FrozenEncoders encoders = new FrozenEncoders(config, backend, say)) {
                clip = encoders.identity();
                training = trains ? RunWindows.of(data, Split.TRAINING, encoders, say, progress) : null;
                validation = trains ? RunWindows.of(data, Split.VALIDATION, encoders, say, progress) : null;
                test = RunWindows.of(data, Split.TEST, encoders, say, progress);
                if (encoders.texts() != null && !TunedText.isTuned(config)) // a tuned tower embeds them whenever it has changed
                    for (RunWindows windows : windows()) windows.embedTexts(encoders.texts(), progress);
                trainLoader = trains ? keep(new BatchLoader(data, training.windows(),
                        BatchLoader.Options.training(config.train().batchSize(), config.run().seed()))) : null;
                trainer = keep(new ContrastiveTrainer(backend, config, encoders.texts()));
                requireAgreement(trainer.model().encoder(), encoders);
            }
            ImuEncoder encoder = trainer.model().encoder();
            stepsPerEpoch = trains ? Math.max(1, (int) Math.floor(trainLoader.steps() * config.train().limitTrainBatches())) : 0;
            schedule = new Schedule(Schedule.Kind.valueOf(config.optim().schedule().toUpperCase(Locale.ROOT)), config.optim().warmupSteps(),
                    Math.max(1, (long) stepsPerEpoch * config.train().maxEpochs()), 0);
            origin = new Checkpoint.Origin(trains ? training.fingerprint() : "", trains ? validation.fingerprint() : "", test.fingerprint(),
                    (trains ? training : test).targetFingerprint(), clip, backend.name(), Checkpoint.Origin.VERSION);
            open.addFirst(run.lock()); // closed last
            if (resume) resume();
            if (alignment.has(Modality.IMU))
                say.accept(String.format(Locale.ROOT, "encoder    %s, %,d parameters, windows of %d samples", encoder.name(), encoder.count(),
                        data.samples(test.windows())));
            if (trainer.text() != null) say.accept("text tower " + trainer.text().describe());
            ready = true;
        } finally {
            if (!ready) close();
        }
    }

    private <T extends AutoCloseable> T keep(T resource) {
        open.add(resource);
        return resource;
    }

    private List<RunWindows> windows() {
        return training == null ? List.of(test) : List.of(training, validation, test);
    }

    /** A folder in Ego4D's layout has the windows that the configuration asks for, any other those that it lists. */
    static DataSet openData(Config config) {
        Path folder = Path.of(config.run().data());
        WindowRule rule = !Ego4dWindows.isAt(folder) ? WindowRule.LISTED
                : new Ego4dWindows(config.model().windowSec(), Alignment.of(config).modalities(), Ego4dWindows.Sampling.ALL);
        return DataSet.open(folder, config.model().imuSamplingRate(), rule);
    }

    /** What a configuration may say and cannot be done is refused, never passed over. */
    private static void requireSupported(Config config) {
        Config.Train train = config.train();
        if (!Alignment.of(config).has(Modality.IMU) && !train.testOnly())
            throw new InputException("train_hparams: neither source_modality " + train.sourceModality() + " nor target_modalities "
                    + train.targetModalities() + " is imu, the modality whose encoder learns. Add it, or set test_only to evaluate CLIP alone");
        if (train.zeroShot() || !train.listModalities().isEmpty())
            throw new InputException("train_hparams: zero_shot and list_modalities belong to downstream runs, which cannot be run yet; "
                    + "pretrain always reports zero-shot classification");
        if (train.freezeModalities().contains("imu") && !train.testOnly())
            throw new InputException("train_hparams.freeze_modalities: with imu frozen there is nothing to train; use evaluate");
        config.encoder(); // fails where it cannot be made
        TunedText.requireSupported(config);
    }

    /** The data's windows must be those that the configuration speaks of. */
    private void requireAgreement(ImuEncoder encoder, FrozenEncoders encoders) {
        for (RunWindows windows : windows())
            if (alignment.has(Modality.IMU)) ImuEmbedder.checkLength(encoder, data.samples(windows.windows()), data.folder());
        if (alignment.has(Modality.IMU)) encoders.requireWidth(encoder);
        double seconds = data.samples(test.windows()) / (double) data.rateHz();
        if (Math.abs(seconds - config.windowLength()) > 1e-6)
            throw new InputException(data.folder() + ": its windows have " + seconds + " s, but model_hparams.window_sec "
                    + config.model().windowSec()
                    + " asks for " + config.windowLength() + " s. Set window_sec to "
                            + config.model().windowSec() * seconds / config.windowLength());
        if (config.model().finalEmbeddingSize() != encoder.width())
            throw new InputException("model_hparams.final_embedding_size is " + config.model().finalEmbeddingSize() + ", but the encoder "
                    + encoder.name() + " gives " + encoder.width());
    }

    private void resume() {
        if (!Files.exists(run.last())) {
            say.accept("resumes    " + run.path() + " was stopped before its first checkpoint: begins again");
            return;
        }
        Checkpoint.Header header = Checkpoint.header(run.last());
        List<String> differences = new ArrayList<>(config.trainingDifferences(header.config()));
        Checkpoint.Origin then = header.origin();
        if (training == null) then = origin; // what was trained on does not matter to who only tests
        if (!origin.training().equals(then.training()) || !origin.validation().equals(then.validation())) differences.add("the data set");
        if (!origin.texts().equals(then.texts())) differences.add("the texts' tokens, the videos or CLIP's weights");
        if (!differences.isEmpty())
            throw new InputException(run.last() + ": belongs to another training. Different: " + String.join("; ", differences)
                    + ". Give the settings of then, or another --out");
        if (!origin.device().equals(then.device()))
            say.accept("the run began on " + then.device() + ": on " + origin.device() + " it continues, but not with the same bits");
        position = Checkpoint.load(run.last(), trainer.store(), trainer.adam()).position();
        say.accept("resumes    at epoch " + (position.epoch() + 1) + ", step " + position.step() + " (" + position.globalStep()
                + " steps done)");
    }

    /** Trains to the end, or until {@code stop}; then saves. Returns whether the end was reached. */
    public boolean train(StopRequest stop, TrainingProgress progress) {
        // Stopped between an epoch's last step and the end of its validation: the validation is done, and logged, again.
        boolean validates = position.step() == stepsPerEpoch;
        long stepsDone = position.globalStep();
        try (MetricsLog log = MetricsLog.open(run.metrics(), stepsDone,
                line -> !(validates && line.path("step").asLong() == stepsDone && line.has("val_loss")));
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
            double temperature = trainer.temperature();
            progress.step(config.train().batchSize(), loss, temperature);
            if (done % config.run().logEverySteps() == 0)
                write(log, board, values(Map.of("train_loss", loss, "temperature", temperature,
                        "learning_rate", config.optim().lr() * schedule.factor(done - 1)), "train", trainer.targetLosses()));
            position = new Checkpoint.Position(epoch, step + 1, done, lossSum, position.best());
            boolean stopped = stop.requested();
            int every = config.run().checkpointEverySteps();
            // The last step is always saved: a stop during validation then costs the validation alone.
            if (stopped || every > 0 && (step + 1) % every == 0 || step + 1 == stepsPerEpoch) save(run.last());
            if (stopped) return false;
        }
        validate(epoch, lossSum / stepsPerEpoch, progress, log, board);
        return !stop.requested() || epoch + 1 == config.train().maxEpochs();
    }

    /** Loss, retrieval and zero-shot accuracy on the validation windows; then the checkpoints. */
    private void validate(int epoch, double trainLoss, TrainingProgress progress, MetricsLog log, TensorBoardWriter board) {
        trainer.embedTexts(validation);
        Map<Modality, Embeddings> embedded = trainer.embed(data, validation);
        double[] losses = trainer.losses(embedded, validation, config.train().batchSize(), config.run().seed());
        double loss = DoubleStream.of(losses).sum();
        if (!Double.isFinite(loss)) throw Checkpoint.diverged("the validation loss became " + loss + " in epoch " + (epoch + 1),
                run.last());
        Evaluation scores = Evaluation.of(alignment, embedded, validation);
        Map<String, Number> values = new LinkedHashMap<>();
        values.put("epoch", epoch + 1);
        values.put("train_loss_epoch", trainLoss);
        values.put("val_loss", loss);
        values.put("val_s_t_MRR", scores.first().sourceToTarget().multiPositive().mrr());
        values.put("val_t_s_MRR", scores.first().targetToSource().multiPositive().mrr());
        if (scores.zeroShot() != null) values.put("val_zero_shot_accuracy", scores.zeroShot().accuracy());
        write(log, board, values(values, "val", losses));
        progress.epochDone(epoch + 1, trainLoss, loss, trainer.model().temperature());
        keepBest(epoch, loss, scores.mrr());
    }

    /** With each target's loss under the reference's name, {@code train_i2t_loss}, where there are several. */
    private Map<String, Number> values(Map<String, ? extends Number> values, String prefix, double[] losses) {
        Map<String, Number> all = new TreeMap<>(values);
        if (losses.length > 1)
            for (int i = 0; i < losses.length; i++) all.put(prefix + "_" + alignment.pair(alignment.targets().get(i)) + "_loss", losses[i]);
        return all;
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
        while (best.size() > config.run().keepBest()) best.removeLast();
        position = new Checkpoint.Position(epoch + 1, 0, trainer.adam().steps(), 0, List.copyOf(best));
        if (best.contains(mine)) save(run.checkpoints().resolve(file));
        save(run.last());
        // Only now, when the last checkpoint no longer speaks of the others.
        run.deleteStale(config.identifier(), position.best());
    }

    private void save(Path file) {
        Checkpoint.save(file, config, position, origin, trainer.store(), trainer.adam());
    }

    /** Evaluates the best checkpoint on the test recordings; writes encoder, tuned text tower, results and curves. */
    public Evaluation finish() {
        if (!position.best().isEmpty())
            Checkpoint.fill(run.checkpoints().resolve(position.best().getFirst().file()), trainer.store());
        String clip = trainer.text() == null ? origin.clip() : trainer.text().save(run.textTower(config), config, origin.clip());
        boolean learned = alignment.has(Modality.IMU) && Files.exists(run.last());
        if (learned)
            for (Path file : List.of(run.encoder(config), run.referenceEncoder(config)))
                EncoderFile.save(file, trainer.model().encoder(), trainer.store(), ContrastiveModel.ENCODER,
                        Map.of("config", config.canonicalJson(), "clip_sha256", clip));
        trainer.embedTexts(test);
        Evaluation evaluation = Evaluation.of(alignment, trainer.embed(data, test), test);
        Map<String, Object> extra = new LinkedHashMap<>();
        if (learned) extra.put("encoder", run.encoder(config).getFileName().toString());
        if (trainer.text() != null) extra.put("text_tower", run.textTower(config).getFileName().toString());
        extra.put("best_checkpoint", position.best().isEmpty() ? null : position.best().getFirst().toMap());
        extra.put("steps", trainer.adam().steps());
        extra.put("hashes", origin);
        Map<String, Integer> rejected = new TreeMap<>(Map.of("test", test.rejections().count()));
        if (training != null) {
            rejected.put("training", training.rejections().count());
            rejected.put("validation", validation.rejections().count());
        }
        extra.put("rejected_windows", rejected);
        extra.put("device", backend.name() + ": " + backend.describe());
        ResultsFile.write(run.results(), ResultsFile.document(evaluation.metrics(), config.toMap(), extra));
        ResultsFile.write(run.referenceResults(config, evaluation.first().candidates()),
                ResultsFile.document(ResultsFile.referenceMetrics(evaluation.first()), config.toMap(), Map.of()));
        if (Files.exists(run.metrics())) LossPlot.write(run.curves(), MetricsLog.read(run.metrics()), config.identifier()).ifPresent(say);
        return evaluation;
    }

    @Override
    public void close() {
        IllegalStateException failure = null;
        for (AutoCloseable resource : open.reversed()) {
            try {
                resource.close();
            } catch (Exception e) {
                // The others are closed all the same.
                if (failure == null) failure = new IllegalStateException("closing failed", e);
                else failure.addSuppressed(e);
            }
        }
        open.clear();
        if (failure != null) throw failure;
    }
}
