package dev.imu2clip.train;

import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.data.DataSet;
import dev.imu2clip.data.Modality;
import dev.imu2clip.data.Split;
import dev.imu2clip.eval.Embeddings;
import dev.imu2clip.eval.ResultsFile;
import dev.imu2clip.imu.EncoderFile;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import dev.imu2clip.memory.Workspace;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;

/** Evaluates a finished run's encoder on the run's own or on other data. */
public final class RunEvaluation {
    /** The scores, and the whole document as results.json has it. */
    public record Result(Evaluation evaluation, Map<String, Object> document) {}

    private RunEvaluation() {}

    /**
     * @param data  a prepared data set, or null for the run's
     * @param clip  CLIP weights, or null for the run's; its tuned ones where it tuned them
     * @param vocab vocabulary, or null for the run's
     */
    public static Result evaluate(RunFolder run, Path data, Split split, Path clip, Path vocab, String device, Consumer<String> say,
                                  Progress progress) {
        if (!Files.exists(run.last()))
            throw new InputException(run.path() + ": is not the folder of a run (there is no " + run.last() + ")");
        Config config = Checkpoint.header(run.last()).config();
        if (data != null) config = config.with("run.data", data);
        if (clip != null) config = config.with("run.clip", clip);
        else if (TunedText.isTuned(config)) config = config.with("run.clip", run.textTower(config)).with("run.vocab", "");
        if (vocab != null) config = config.with("run.vocab", vocab);
        Alignment alignment = Alignment.of(config);
        Path file = run.encoder(config);
        if (!Files.exists(file)) throw new InputException(run.path() + ": the run is not finished (there is no " + file
                + "). Finish it with: ./imu2clip pretrain --resume --out " + run.path());
        Backend backend = Backends.get(device);
        try (EncoderFile.Loaded loaded = EncoderFile.load(file, backend);
                DataSet set = Pretraining.openData(config);
                Workspace workspace = new Workspace(backend, "evaluation")) {
            RunWindows windows;
            try (FrozenEncoders encoders = new FrozenEncoders(config, backend, say)) {
                windows = RunWindows.of(set, split, encoders, say, progress);
                if (encoders.texts() != null) windows.embedTexts(encoders.texts(), progress);
                String trained = loaded.metadata().get("clip_sha256");
                if (trained != null && !trained.equals(encoders.identity()))
                    say.accept("the encoder was trained against other CLIP weights: its embeddings and these do not share a space");
                encoders.requireWidth(loaded.encoder());
            }
            ImuEmbedder.checkLength(loaded.encoder(), set.samples(windows.windows()), set.folder());
            Map<Modality, Embeddings> embedded = new EnumMap<>(Modality.class);
            for (Modality modality : alignment.modalities())
                embedded.put(modality, modality == Modality.IMU
                        ? ImuEmbedder.embed(loaded.encoder(), workspace, set, windows.windows(), progress) : windows.features(modality).all());
            Evaluation evaluation = Evaluation.of(alignment, embedded, windows);
            Map<String, Object> extra = new LinkedHashMap<>();
            extra.put("encoder", file.toString());
            extra.put("data", set.folder().toString());
            extra.put("split", split.id());
            extra.put("windows", windows.fingerprint());
            extra.put("rejected_windows", windows.rejections().count());
            extra.put("device", backend.name() + ": " + backend.describe());
            return new Result(evaluation, ResultsFile.document(evaluation.metrics(), config.toMap(), extra));
        }
    }
}
