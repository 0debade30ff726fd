package dev.imu2clip.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.imu2clip.data.Modality;
import dev.imu2clip.imu.ImuEncoder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;

/**
 * Everything a run can be told. {@code model_hparams} and {@code train_hparams} have the reference's keys, the other sections are ours;
 * {@code docs/configuration.md} lists them all. Later wins: defaults, the YAML file, {@code --set}, the command's own options.
 */
public record Config(Model model, Train train, Optim optim, Loss loss, Clip clip, Run run) {

    /** Section {@code model_hparams}. */
    public record Model(
            @Setting(value = "i2c", help = "first part of the run's identifier") String modelName,
            @Setting(value = "\"\"", help = "last part of the run's identifier") String modelSuffix,
            @Setting(value = "mw2", encoders = true, help = "IMU encoder, see [encoders.md](encoders.md); `mw2` is the one that the "
                    + "reference trains") String imuEncoderName,
            @Setting(value = "[]", help = "its arguments that are not to have their defaults, for instance `patch_size=16`")
            List<String> imuEncoderArgs,
            @Setting(value = "clip_1frame", choices = {"clip_1frame", "clip_avg_frames"},
                    help = "how a window's frames become one embedding: the middle one's, or, as in the reference, the sum of three frames'")
            String videoEncoderName,
            @Setting(value = "2.5", min = 0, aboveMin = true,
                    help = "half the length of a narration's window, the whole length of one without narration, in seconds")
            double windowSec,
            @Setting(value = "10", min = 1, help = "frames of a window that the choice is made among, evenly spaced; in spite of its name not a rate")
            int targetFps,
            @Setting(value = "sample", help = "name of the data set, for the records; `run.data` says where it is",
                    shapesTraining = false) String datasetname,
            @Setting(value = "200", min = 1, help = "samples per second that the encoder sees") int imuSamplingRate,
            @Setting(value = "512", min = 1, max = 8192, help = "numbers in an embedding; CLIP ViT-B/32 has 512") int finalEmbeddingSize,
            @Setting(value = "false", help = "clean narrations (accepted; Ego4D's are always cleaned, as the reference does)", shapesTraining = false)
            boolean narrationCleaner) {}

    /** Section {@code train_hparams}. */
    public record Train(
            @Setting(value = "imu", choices = {"imu", "text", "video", "audio"}, help = "modality that queries") String sourceModality,
            @Setting(value = "[text]", choices = {"imu", "text", "video", "audio"},
                    help = "modalities it is aligned with") List<String> targetModalities,
            @Setting(value = "[]", choices = {"imu", "text", "video", "audio"},
                    help = "modalities of a downstream run") List<String> listModalities,
            @Setting(value = "1.0", min = 0, max = 1, aboveMin = true, help = "share of the training batches used in an epoch")
            double limitTrainBatches,
            @Setting(value = "32", min = 2, help = "windows in a step; the others in the batch are each one's negatives") int batchSize,
            @Setting(value = "5", min = 1, help = "passes over the training windows") int maxEpochs,
            @Setting(value = "1", min = 0, help = "accepted for the reference's sake; `run.device` chooses",
                    shapesTraining = false) int gpus,
            @Setting(value = "10", min = 0, help = "accepted for the reference's sake; the loader chooses its threads itself",
                    shapesTraining = false) int numWorkersForDm,
            @Setting(value = "false", help = "no training, only the evaluation", shapesTraining = false) boolean testOnly,
            @Setting(value = "ddp", help = "accepted for the reference's sake", shapesTraining = false) String trainerStrategy,
            @Setting(value = "fp32", choices = {"fp32", "tf32", "bf16"}, help = "what is computed in: float32; float32 with factors of "
                    + "products rounded to TF32; bfloat16 with float32 weights, sums and gradients. The CPU computes in float32 only") String precision,
            @Setting(value = "[video]", choices = {"imu", "text", "video", "audio"}, alias = "freeze_modality",
                    help = "modalities whose encoder is not trained; CLIP's towers are only where `clip.tune` says so") List<String> freezeModalities,
            @Setting(value = "\"\"", help = "encoder weights to start from (safetensors, .pt or .ckpt)",
                    shapesTraining = false)
            String pathLoadPretrainedImuEncoder,
            @Setting(value = "false", help = "classify by the nearest label text instead of a trained head") boolean zeroShot) {}

    /** Section {@code optim}. */
    public record Optim(
            @Setting(value = "adam", choices = {"adam", "adamw"}, help = "`adamw` takes weight decay out of the gradient") String optimizer,
            @Setting(value = "2e-4", min = 0, aboveMin = true, help = "learning rate, after warm-up") double lr,
            @Setting(value = "0.9", min = 0, max = 0.999999, help = "decay of the mean of gradients") double beta1,
            @Setting(value = "0.999", min = 0, max = 0.999999, help = "decay of the mean of their squares") double beta2,
            @Setting(value = "1e-8", min = 0, aboveMin = true, help = "added to the root of that mean") double eps,
            @Setting(value = "0", min = 0, help = "weight decay") double weightDecay,
            @Setting(value = "0", min = 0, help = "largest norm of the whole gradient; 0: not limited") double gradClip,
            @Setting(value = "constant", choices = {"constant", "cosine"},
                    help = "learning rate after warm-up; `cosine` falls to 0 at the end")
            String schedule,
            @Setting(value = "0", min = 0, help = "steps in which the learning rate rises from 0") int warmupSteps) {}

    /** Section {@code loss}. */
    public record Loss(
            @Setting(value = "log", choices = {"log", "raw"}, help = "`log` learns CLIP's clamped logarithm of 1 / temperature; `raw` the "
                    + "temperature itself, as the reference does: it can cross zero") String temperatureMode,
            @Setting(value = "0.1", min = 0, aboveMin = true, help = "temperature at the start") double temperatureInit,
            @Setting(value = "true", help = "whether the temperature is learned") boolean temperatureLearned) {}

    /**
     * Section {@code clip}: whether CLIP itself learns. Not what {@code freeze_modalities} leaves out: the reference freezes CLIP's text
     * tower always, though its files name video alone.
     */
    public record Clip(
            @Setting(value = "frozen", choices = {"frozen", "all", "last_blocks", "adapters"}, help = "what of CLIP learns: nothing, "
                    + "everything, the last blocks with what follows them, or low-rank adapters (LoRA)") String tune,
            @Setting(value = "[text]", choices = {"text", "video"},
                    help = "whose towers; `freeze_modalities` must not name them") List<String> tuneModalities,
            @Setting(value = "0", min = 0, help = "how many of the last blocks learn or are adapted; 0: all, for adapters only") int blocks,
            @Setting(value = "[q_proj, v_proj]", choices = {"q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"},
                    help = "linear layers of a block that get adapters") List<String> adapt,
            @Setting(value = "8", min = 1, help = "rank of an adapter") int rank,
            @Setting(value = "16", min = 0, aboveMin = true, help = "what an adapter adds is scaled by alpha / rank") double alpha,
            @Setting(value = "clip", choices = {"clip", "none"}, help = "what is done with a video frame's colours: CLIP's own normalisation, or "
                    + "none, as the reference does") String frameNormalization,
            @Setting(value = "0.05", min = 0, aboveMin = true,
                    help = "factor on `optim.lr` for what of CLIP learns; adapters take up to 1") double lrFactor) {}

    /** Section {@code run}. Paths may change when a run continues: a checkpoint knows the data and the weights by their content. */
    public record Run(
            @Setting(value = "\"\"", help = "folder of the prepared data set; empty: a generated sample",
                    shapesTraining = false) String data,
            @Setting(value = "\"\"", help = "CLIP weights; empty: those of `IMU2CLIP_CLIP`, else the downloaded ones, else seeded random "
                    + "ones, whose texts carry no meaning",
                    shapesTraining = false) String clip,
            @Setting(value = "\"\"", help = "CLIP's vocabulary (`bpe_simple_vocab_16e6.txt.gz`, or a folder with `vocab.json` and "
                    + "`merges.txt`); empty: found beside the weights", shapesTraining = false) String vocab,
            @Setting(value = "\"\"", help = "folder of the run; empty: `runs/` and the identifier", shapesTraining = false) String out,
            @Setting(value = "0", help = "seed of initial weights, order of windows and dropout") long seed,
            @Setting(value = "auto", help = "device; `doctor` lists them. Another device rounds differently",
                    shapesTraining = false) String device,
            @Setting(value = "10", min = 1, help = "steps between two lines of the training log", shapesTraining = false) int logEverySteps,
            @Setting(value = "0", min = 0, help = "steps between two checkpoints inside an epoch; 0: only after each epoch",
                    shapesTraining = false) int checkpointEverySteps,
            @Setting(value = "3", min = 1, help = "checkpoints kept, the best by `monitor`", shapesTraining = false) int keepBest,
            @Setting(value = "val_mrr", choices = {"val_mrr", "val_loss"},
                    help = "what makes a checkpoint the best: multi-positive retrieval in "
                    + "both directions, or, as in the reference, the loss, which repeated narrations in a batch distort") String monitor) {}

    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS);

    public static Config defaults() {
        return new ConfigBinder().config();
    }

    /**
     * @param source a YAML file, the name of an embedded configuration ({@code default}, {@code hapt}), or null
     * @param sets {@code key=value} pairs; the section may be left out where only one has the key
     * @param options dotted keys and values from the command's own options
     * @throws dev.imu2clip.io.InputException with file, line and column, or the option, and what was expected
     */
    public static Config load(Path source, List<String> sets, Map<String, ?> options) {
        return load(defaults(), source, sets, options);
    }

    /** The same on top of other values than the defaults: those of a run that continues. */
    public static Config load(Config base, Path source, List<String> sets, Map<String, ?> options) {
        var binder = base.binder();
        if (source != null) ConfigYaml.read(source, binder);
        sets.forEach(binder::set);
        options.forEach((key, value) -> binder.put(key, value, "command line"));
        return binder.config();
    }

    /** What {@link #toMap} gave, possibly after a trip through JSON. */
    public static Config fromMap(Map<String, ?> sections, String place) {
        var binder = new ConfigBinder();
        sections.forEach((section, settings) -> {
            if (settings instanceof Map<?, ?> map) map.forEach((key, value) -> binder.put(section + "." + key, value, place));
        });
        return binder.config();
    }

    /** The same with one setting changed, by its dotted key. */
    public Config with(String key, Object value) {
        var binder = binder();
        binder.put(key, value, "the program");
        return binder.config();
    }

    private ConfigBinder binder() {
        var binder = new ConfigBinder();
        toMap().forEach((section, settings) -> settings.forEach((name, old) -> binder.put(section + "." + name, old, "the configuration")));
        return binder;
    }

    /** Sections and settings under their YAML names, in the order of the documentation. */
    public Map<String, Map<String, Object>> toMap() {
        Map<String, Map<String, Object>> sections = new LinkedHashMap<>();
        for (ConfigKey key : ConfigKey.ALL)
            sections.computeIfAbsent(key.section(), s -> new LinkedHashMap<>()).put(key.name(), key.get(this));
        return sections;
    }

    /** The same settings give the same bytes: keys sorted, no spaces. */
    public String canonicalJson() {
        try {
            return JSON.writeValueAsString(toMap());
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    /**
     * The settings that train other weights than {@code other}'s, as {@code key: 32 here, 16 there}.
     * Empty where one may continue the other.
     */
    public List<String> trainingDifferences(Config other) {
        List<String> differences = new ArrayList<>();
        for (ConfigKey key : ConfigKey.ALL)
            if (key.shapesTraining() && !Objects.equals(key.get(this), key.get(other))
                    && !(key.dotted().equals("train_hparams.max_epochs") && isExtensible()))
                differences.add(key.dotted() + ": " + key.get(this) + " here, " + key.get(other) + " there");
        return differences;
    }

    /** Whether a run may simply go on for more epochs: the learning rate must not depend on where it ends. */
    private boolean isExtensible() {
        return optim.schedule.equals("constant");
    }

    /**
     * A new IMU encoder as configured.
     *
     * @throws dev.imu2clip.io.InputException where it cannot have those arguments
     */
    public ImuEncoder encoder() {
        return ImuEncoder.create(model.imuEncoderName, model.finalEmbeddingSize, model.imuEncoderArgs);
    }

    /** Seconds in a window: with narrations they reach {@code window_sec} to either side, without they are {@code window_sec} long. */
    public double windowLength() {
        boolean text = train.sourceModality.equals("text") || train.targetModalities.contains("text");
        return text ? 2 * model.windowSec : model.windowSec;
    }

    /** Whether motion is among the modalities: without it there is no encoder to train or to test. */
    public boolean usesImu() {
        return Alignment.of(this).has(Modality.IMU);
    }

    /** The reference's name of a run, for instance {@code i2c_s_i_t_t_se_mw2_w_2.5_master}. */
    public String identifier() {
        String targets = train.targetModalities.stream().map(t -> t.substring(0, 1)).sorted().collect(Collectors.joining());
        String encoder = switch (train.sourceModality) {
            case "imu" -> model.imuEncoderName;
            case "video" -> model.videoEncoderName;
            default -> "clip"; // the reference has no name here, and stops
        };
        String name = model.modelName + "_s_" + train.sourceModality.charAt(0) + "_t_" + targets + "_se_" + encoder + "_w_" + model.windowSec;
        return model.modelSuffix.isEmpty() ? name : name + "_" + model.modelSuffix;
    }
}
