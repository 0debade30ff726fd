package dev.imu2clip.train;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.clip.ClipWeights;
import dev.imu2clip.clip.TextBatch;
import dev.imu2clip.clip.TextEncoder;
import dev.imu2clip.clip.TextTower;
import dev.imu2clip.clip.TextTowerFolder;
import dev.imu2clip.clip.Tokenizer;
import dev.imu2clip.clip.Tuning;
import dev.imu2clip.data.Batch;
import dev.imu2clip.data.Modality;
import dev.imu2clip.io.InputException;
import dev.imu2clip.nn.LowRank;
import dev.imu2clip.ops.Gather;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

/** CLIP's text tower as a part of what is trained: what of it learns, its embeddings of a batch, and what is saved of it. */
public final class TunedText {
    private static final String FROZEN = "frozen";

    private final Config.Clip settings;
    private final double learningRate;
    private final TextTower tower;
    private final Tokenizer tokenizer;
    private final Set<String> learning;

    /** @param texts the encoder whose tower, which it keeps, is where this one starts */
    TunedText(Config config, TextEncoder texts) {
        settings = config.clip();
        learningRate = config.optim().lr() * settings.lrFactor();
        tower = new TextTower(texts.config());
        tokenizer = texts.tokenizer();
        learning = tower.tune(tuning(settings));
    }

    static boolean isTuned(Config config) {
        return !config.clip().tune().equals(FROZEN);
    }

    private static Tuning tuning(Config.Clip clip) {
        return switch (clip.tune()) {
            case "all" -> new Tuning.All();
            case "last_blocks" -> new Tuning.LastBlocks(clip.blocks());
            case "adapters" -> new Tuning.Adapters(clip.rank(), clip.alpha(), Set.copyOf(clip.adapt()), clip.blocks());
            default -> throw new IllegalStateException("clip.tune: " + clip.tune());
        };
    }

    /** @throws InputException for settings that contradict each other or cannot be done */
    static void requireSupported(Config config) {
        if (!isTuned(config)) return;
        Config.Clip clip = config.clip();
        List<String> frozen = config.train().freezeModalities();
        for (String modality : clip.tuneModalities())
            if (frozen.contains(modality))
                throw new InputException("clip.tune is " + clip.tune() + " for " + modality + ", but train_hparams.freeze_modalities names "
                        + modality + ". Take it out there or in clip.tune_modalities, or set clip.tune to " + FROZEN);
        if (!clip.tuneModalities().equals(List.of("text")))
            throw new InputException("clip.tune_modalities: only [text] can be tuned so far, not " + clip.tuneModalities());
        if (!Alignment.of(config).has(Modality.TEXT))
            throw new InputException("clip.tune is " + clip.tune() + ", but the run has no text: source_modality "
                    + config.train().sourceModality() + ", target_modalities " + config.train().targetModalities());
        if (clip.tune().equals("last_blocks") && clip.blocks() == 0)
            throw new InputException("clip.tune is last_blocks: set clip.blocks to how many, or tune all");
        if (clip.tune().equals("adapters") && clip.adapt().isEmpty())
            throw new InputException("clip.tune is adapters, but clip.adapt names no layers, for instance [q_proj, v_proj]");
    }

    TextTower tower() {
        return tower;
    }

    /** Factor on the learning rate for a parameter of the {@link ContrastiveModel}; 0 for a frozen one. */
    double rate(String name) {
        if (!name.startsWith(ContrastiveModel.TEXT)) return 1;
        return learning.contains(name.substring(ContrastiveModel.TEXT.length())) ? settings.lrFactor() : 0;
    }

    /** Whether a parameter of the {@link ContrastiveModel} starts with CLIP's weights and not with the seed's. */
    boolean isGiven(String name) {
        return name.startsWith(ContrastiveModel.TEXT) && !LowRank.names(name);
    }

    /** Embeddings of a batch's texts, (N, D), row i for window i; equal texts are embedded once. */
    Tensor embed(Tape tape, Batch batch, RunWindows windows) {
        List<int[]> tokens = windows.tokens();
        int[] texts = IntStream.range(0, batch.size()).map(i -> windows.textOfWindow()[batch.window(i)]).toArray();
        List<Integer> distinct = IntStream.of(texts).distinct().boxed()
                .sorted(Comparator.comparingInt(text -> tokens.get(text).length)).toList();
        int[] rows = IntStream.of(texts).map(distinct::indexOf).toArray();
        Tensor embedded = new TextBatch(distinct.stream().map(tokens::get).toList()).embed(tape, tower);
        return Gather.rows(tape, embedded, tape.empty(DType.I32, rows.length).set(MemorySegment.ofArray(rows)));
    }

    /** An encoder of the tower as it stands; nothing of it is cached. */
    TextEncoder encoder(Backend backend) {
        return TextEncoder.of(backend, tower, tokenizer);
    }

    /** Writes the tower as it stands, adapters merged. Returns the file's SHA-256, as {@link TextEncoder#identity} tells it. */
    String save(Path folder, Config config, String origin) {
        TextTowerFolder.write(folder, tower, tokenizer.vocabulary(), Map.of("config", config.canonicalJson(), "tuned_from_sha256", origin));
        try (ClipWeights written = ClipWeights.open(folder)) {
            return written.identity();
        }
    }

    /** For people: what learns, and how fast. */
    String describe() {
        long count = tower.parameters().entrySet().stream().filter(entry -> learning.contains(entry.getKey()))
                .mapToLong(entry -> entry.getValue().shape().count()).sum();
        String what = switch (tuning(settings)) {
            case Tuning.All() -> "all of it";
            case Tuning.LastBlocks(int blocks) -> "its last " + blocks + " blocks and what follows";
            case Tuning.Adapters(int rank, _, _, int blocks) -> "adapters of rank " + rank + " on " + String.join(", ", settings.adapt())
                    + (blocks == 0 ? "" : " of the last " + blocks + " blocks");
        };
        return String.format(Locale.ROOT, "learns: %s, %,d of %,d parameters, learning rate %.2g", what, count, tower.count(),
                learningRate);
    }
}
