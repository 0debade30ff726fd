package dev.imu2clip.cli;

import dev.imu2clip.clip.ClipFiles;
import dev.imu2clip.data.SampleDataSet;
import dev.imu2clip.io.InputException;
import dev.imu2clip.train.Checkpoint;
import dev.imu2clip.train.Config;
import dev.imu2clip.train.Evaluation;
import dev.imu2clip.train.Pretraining;
import dev.imu2clip.train.RunFolder;
import dev.imu2clip.train.StopRequest;
import dev.imu2clip.train.TrainingProgress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import picocli.CommandLine;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "pretrain", mixinStandardHelpOptions = true, sortOptions = false,
        description = {"Trains an IMU encoder so that a window's embedding lies near its text's, then evaluates it.",
                "Without arguments: a generated sample data set, on the best device there is.", ""},
        footerHeading = "%nExamples:%n",
        footer = {"  imu2clip pretrain",
                "  imu2clip pretrain hapt --data data/hapt --seed 0",
                "  imu2clip pretrain ego4d_imu2text+video_mw2 --data data/ego4d",
                "  imu2clip pretrain my.yaml --epochs 30 --set optim.lr=1e-3 --set schedule=cosine",
                "  imu2clip pretrain --data DIR --clip clip-vit-base-patch32/model.safetensors --out runs/real",
                "  imu2clip pretrain --data DIR --clip DIR --set tune=adapters --set lr_factor=1     CLIP's text tower learns too",
                "  imu2clip pretrain --resume --out runs/real       go on after a stop, bit for bit",
                "", "The run's folder holds checkpoints, metrics.jsonl, TensorBoard events, results.json and the loss curves.",
                "Settings: docs/configuration.md"})
final class PretrainCommand implements Callable<Integer> {
    @Parameters(arity = "0..1", paramLabel = "CONFIG.yaml",
            description = "Configuration file, or the name of an embedded one: default, hapt, and the reference's, such as "
            + "ego4d_imu2text_mw2 (docs/ego4d.md).")
    Path config;

    @Option(names = "--data", paramLabel = "DIR", description = "Prepared data set; default: a generated sample.")
    String data;

    @Option(names = "--clip", paramLabel = "FILE",
            description = "CLIP weights, a file or folder; default: those of $IMU2CLIP_CLIP, else the downloaded ones, else random "
                    + "ones, whose texts carry no meaning.")
    String clip;

    @Option(names = "--vocab", paramLabel = "FILE",
            description = "CLIP's vocabulary: bpe_simple_vocab_16e6.txt.gz, or a folder with vocab.json "
            + "and merges.txt; default: beside the weights.")
    String vocab;

    @Option(names = "--out", paramLabel = "RUN", description = "Folder of the run; default: a new one in runs/.")
    String out;

    @Option(names = {"--epochs", "--max_epochs"}, paramLabel = "N", description = "Passes over the training windows.")
    String epochs;

    @Option(names = "--batch-size", paramLabel = "N", description = "Windows in a step.")
    String batchSize;

    @Option(names = "--seed", paramLabel = "N", description = "Seed of weights, order and dropout.")
    String seed;

    @Option(names = "--device", paramLabel = "D", description = "Device, as 'imu2clip doctor' lists them; default: the best.")
    String device;

    @Option(names = "--resume", description = "Go on from the last checkpoint in RUN.")
    boolean resume;

    @Option(names = "--set", paramLabel = "KEY=VALUE", description = "Any setting; may be repeated.")
    List<String> sets = new ArrayList<>();

    @ArgGroup(validate = false, heading = "%nNames of the reference:%n")
    ReferenceOptions reference = new ReferenceOptions();

    static final class ReferenceOptions {
        @Option(names = "--path_configs", paramLabel = "FILE", description = "The same as CONFIG.yaml.")
        Path config;

        @Option(names = "--gpus", paramLabel = "N", description = "Accepted, without effect.")
        String gpus;

        @Option(names = "--num_workers_for_dm", paramLabel = "N", description = "Accepted, without effect.")
        String workers;

        @Option(names = "--test_only", arity = "0..1", fallbackValue = "true", paramLabel = "BOOL", description = "Evaluate, do not train.")
        String testOnly;

        @Option(names = "--zero_shot", arity = "0..1", fallbackValue = "true", paramLabel = "BOOL",
                description = "Classify by the nearest label text.")
        String zeroShot;

        @Option(names = "--path_load_pretrained_imu_encoder", paramLabel = "FILE", description = "Encoder weights to start from.")
        String encoder;
    }

    /** Defaults (of a run that continues: its own settings), file, {@code --set}, options. */
    Config config(Config base) {
        Map<String, Object> options = new LinkedHashMap<>();
        options.put("run.data", data);
        options.put("run.clip", clip);
        options.put("run.vocab", vocab);
        options.put("run.out", out);
        options.put("run.seed", seed);
        options.put("run.device", device);
        options.put("train_hparams.max_epochs", epochs);
        options.put("train_hparams.batch_size", batchSize);
        options.put("train_hparams.gpus", reference.gpus);
        options.put("train_hparams.num_workers_for_dm", reference.workers);
        options.put("train_hparams.test_only", reference.testOnly);
        options.put("train_hparams.zero_shot", reference.zeroShot);
        options.put("train_hparams.path_load_pretrained_imu_encoder", reference.encoder);
        options.values().removeIf(Objects::isNull);
        return Config.load(base, config != null ? config : reference.config, sets, options);
    }

    @Override
    public Integer call() {
        Consumer<String> say = System.err::println;
        Config config = config(Config.defaults());
        boolean evaluateOnly = config.train().testOnly();
        // What is tested is the encoder that was named, else the one of a run that is there; CLIP alone needs none.
        boolean testsRun = evaluateOnly && config.usesImu() && config.train().pathLoadPretrainedImuEncoder().isEmpty();
        RunFolder run = config.run().out().isEmpty() ? RunFolder.choose(Path.of("runs"), config.identifier(), resume || testsRun)
                : new RunFolder(Path.of(config.run().out()));
        boolean goesOn = resume || testsRun && Files.exists(run.last());
        // A run that goes on keeps the weights it began with, also random ones.
        if (goesOn && Files.exists(run.last())) config = config(Checkpoint.header(run.last()).config());
        else if (config.run().clip().isEmpty()) config = config.with("run.clip", ClipFiles.find().map(ClipFiles::path).orElse(""));
        if (testsRun && !goesOn)
            throw new InputException("test_only: there is nothing to test. Give --path_load_pretrained_imu_encoder, or the --out of a run");
        if (config.run().data().isEmpty()) config = config.with("run.data", sampleData(say).toString());
        config = absolute(config);
        try (Pretraining pretraining = open(config, run, goesOn, say); StopRequest stop = StopRequest.install()) {
            boolean finished = evaluateOnly;
            if (!evaluateOnly) {
                try (TrainingProgress progress = TrainingProgress.create(config.train().maxEpochs())) {
                    finished = pretraining.train(stop, progress);
                }
            }
            if (!finished) {
                say.accept("stopped and saved to " + run.last() + "; go on with: ./imu2clip pretrain --resume --out " + quoted(run.path()));
                return CommandLine.ExitCode.OK;
            }
            Evaluation evaluation = pretraining.finish();
            System.out.print(evaluation.table());
            String curves = Files.exists(run.curves()) ? ", curves in " + run.curves() : "";
            String tower = Files.exists(run.textTower(config)) ? ", tuned text tower in " + run.textTower(config) : "";
            String encoder = Files.exists(run.encoder(config)) ? ", encoder in " + run.encoder(config) : "";
            System.out.println("results in " + run.results() + curves + encoder + tower);
        }
        return CommandLine.ExitCode.OK;
    }

    private static Pretraining open(Config config, RunFolder run, boolean goesOn, Consumer<String> say) {
        try (ProgressLine texts = new ProgressLine("embedding")) {
            return new Pretraining(config, run, goesOn, say, texts);
        }
    }

    /** A run is resumed and evaluated from any folder, so it remembers where its files are, not how they were called. */
    private static Config absolute(Config config) {
        Config result = config.with("run.data", absolute(config.run().data()));
        if (!config.run().clip().isEmpty()) result = result.with("run.clip", absolute(config.run().clip()));
        if (!config.run().vocab().isEmpty()) result = result.with("run.vocab", absolute(config.run().vocab()));
        return result;
    }

    private static String absolute(String path) {
        return Path.of(path).toAbsolutePath().normalize().toString();
    }

    private static String quoted(Path path) {
        return path.toString().matches("[A-Za-z0-9_./=@%+-]+") ? path.toString() : "'" + path.toString().replace("'", "'\\''") + "'";
    }

    /** The demo's data: made once, then used again. A half-made one is made anew. */
    private static Path sampleData(Consumer<String> say) {
        Path folder = Path.of("data", "sample");
        if (!Files.exists(folder.resolve("dataset.json"))) {
            say.accept("no --data given: generating a sample data set in " + folder);
            SampleDataSet.Options d = SampleDataSet.Options.DEFAULT;
            try (ProgressLine progress = new ProgressLine("generating")) {
                SampleDataSet.generate(folder, new SampleDataSet.Options(d.seed(), d.recordings(), d.minutes(), true), progress);
            }
        }
        return folder;
    }
}
