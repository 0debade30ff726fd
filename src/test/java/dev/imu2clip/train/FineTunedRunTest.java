package dev.imu2clip.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.clip.ClipWeights;
import dev.imu2clip.clip.TextConfig;
import dev.imu2clip.clip.TextTower;
import dev.imu2clip.clip.TextTowerFolder;
import dev.imu2clip.clip.Vocabulary;
import dev.imu2clip.data.SampleDataSet;
import dev.imu2clip.data.Split;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.nn.ParameterStore;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs that tune the text tower: a tiny CLIP, whole pre-training. */
@Tag("heavy")
class FineTunedRunTest {
    @TempDir
    static Path folder;

    private static String cacheBefore;

    @BeforeAll
    static void make() {
        cacheBefore = System.getProperty("imu2clip.cache");
        System.setProperty("imu2clip.cache", folder.resolve("cache").toString());
        SampleDataSet.generate(folder.resolve("data"), new SampleDataSet.Options(3, 5, 1, false));
        Backend backend = Backends.preferred();
        TextConfig config = new TextConfig(3, 32, 2, 64, 49408, 77, 512, true);
        TextTower tower = new TextTower(config);
        try (ParameterStore _ = tower.load(backend, ClipWeights.random(config, 1), true)) {
            TextTowerFolder.write(folder.resolve("clip"), tower, Vocabulary.bytesOnly(), Map.of());
        }
    }

    @AfterAll
    static void restoreCache() {
        if (cacheBefore == null) System.clearProperty("imu2clip.cache");
        else System.setProperty("imu2clip.cache", cacheBefore);
    }

    private static Config config(int epochs, String... sets) {
        List<String> all = new ArrayList<>(List.of("batch_size=8", "seed=5", "log_every_steps=1", "keep_best=1", "lr_factor=1"));
        all.addAll(List.of(sets));
        return Config.load(null, all, Map.of("run.data", folder.resolve("data"), "run.clip", folder.resolve("clip"),
                "train_hparams.max_epochs", epochs));
    }

    /** Trains and finishes; returns what was said. */
    private static String run(Config config, RunFolder out, boolean resume) {
        StringBuilder said = new StringBuilder();
        try (Pretraining pretraining = new Pretraining(config, out, resume, line -> said.append(line).append('\n'), Progress.NONE);
                StopRequest stop = StopRequest.install();
                TrainingProgress progress = new TrainingProgress(new PrintStream(OutputStream.nullOutputStream()), false,
                        config.train().maxEpochs())) {
            assertTrue(pretraining.train(stop, progress));
            pretraining.finish();
        }
        return said.toString();
    }

    private static RunFolder out(String name) {
        return new RunFolder(folder.resolve(name));
    }

    private static Map<String, float[]> tensors(Path file) {
        Map<String, float[]> content = new TreeMap<>();
        try (Safetensors tensors = Safetensors.open(file)) {
            tensors.names().forEach(name -> content.put(name, tensors.floats(name)));
        }
        return content;
    }

    private static void assertSame(Map<String, float[]> expected, Map<String, float[]> actual) {
        assertEquals(expected.keySet(), actual.keySet());
        expected.forEach((name, values) -> assertArrayEquals(values, actual.get(name), name));
    }

    @ParameterizedTest
    @ValueSource(strings = {"all", "last_blocks", "adapters"})
    void aRunThatContinuesEndsWithTheSameBits(String tune) throws IOException {
        String[] sets = {"tune=" + tune, "blocks=1", "grad_clip=1"};
        RunFolder whole = out("whole_" + tune), parts = out("parts_" + tune);
        run(config(3, sets), whole, false);
        run(config(1, sets), parts, false);
        run(config(3, sets), parts, true);
        Config config = config(3, sets);
        assertSame(tensors(whole.last()), tensors(parts.last()));
        Path model = Path.of("model.safetensors");
        assertSame(tensors(whole.textTower(config).resolve(model)), tensors(parts.textTower(config).resolve(model)));
        assertSame(tensors(whole.encoder(config)), tensors(parts.encoder(config)));

        // What is frozen was neither changed nor saved.
        Map<String, float[]> given = tensors(folder.resolve("clip").resolve(model));
        Map<String, float[]> tuned = tensors(whole.textTower(config).resolve(model));
        assertEquals(given.keySet(), tuned.keySet());
        given.forEach((name, values) -> {
            boolean last = name.contains("layers.2."), learns = switch (tune) {
                case "all" -> true;
                case "last_blocks" -> last || name.contains("final") || name.contains("projection");
                default -> last && (name.contains("q_proj.weight") || name.contains("v_proj.weight"));
            };
            if (!learns) assertArrayEquals(values, tuned.get(name), name);
            // The bias of the keys adds the same to all scores of a query: its gradient is rounding.
            else if (!name.endsWith("k_proj.bias")) assertNotEquals(List.of(boxed(values)), List.of(boxed(tuned.get(name))), name);
        });
        boolean tokensSaved = tensors(whole.last()).keySet().stream().anyMatch(name -> name.contains("token_embedding"));
        assertEquals(tune.equals("all"), tokensSaved);

        // The run's own tower is what evaluates it.
        JsonNode results = new ObjectMapper().readTree(Files.readString(whole.results()));
        assertEquals(whole.textTower(config).getFileName().toString(), results.get("text_tower").asText());
        RunEvaluation.Result again = RunEvaluation.evaluate(whole, null, Split.TEST, null, null, "auto", line ->
                assertFalse(line.contains("other CLIP weights"), line), Progress.NONE);
        assertEquals(results.get("metrics"), new ObjectMapper().valueToTree(again.document()).get("metrics"));
        StringBuilder notices = new StringBuilder();
        RunEvaluation.evaluate(whole, null, Split.TEST, folder.resolve("clip"), null, "auto", notices::append, Progress.NONE);
        assertTrue(notices.toString().contains("other CLIP weights"), notices.toString());
    }

    private static String boxed(float[] values) {
        return java.util.Arrays.toString(values);
    }

    /** Texts without a meaning hold the encoder back; where they may move, the same steps fit the training windows better. */
    @Test
    void tuningFitsTheTrainingDataBetter() throws IOException {
        Path mine = Files.createDirectory(folder.resolve("mine"));
        try (Stream<Path> files = Files.list(folder.resolve("clip"))) {
            for (Path file : files.toList()) Files.copy(file, mine.resolve(file.getFileName()));
        }
        String said = run(config(6, "tune=all").with("run.clip", mine), out("tuned"), false);
        assertTrue(said.contains("text tower learns: all of it"), said);
        run(config(6), out("frozen"), false);
        double tuned = trainLoss(out("tuned")), frozen = trainLoss(out("frozen"));
        assertTrue(tuned < 0.95 * frozen, "training loss of the last epoch: " + tuned + " tuned, " + frozen + " frozen");
        assertFalse(Files.exists(out("frozen").textTower(config(6))));
        // What the tower was tuned from is not needed any more.
        Files.delete(mine.resolve("model.safetensors"));
        RunEvaluation.evaluate(out("tuned"), null, Split.TEST, null, null, "auto",
                line -> assertFalse(line.contains("gone"), line), Progress.NONE);
    }

    private static double trainLoss(RunFolder run) {
        return MetricsLog.read(run.metrics()).stream().filter(line -> line.has("train_loss_epoch")).toList().getLast()
                .get("train_loss_epoch").asDouble();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "tune=all,freeze_modalities=[text]         | clip.tune is all for text, but train_hparams.freeze_modalities names text",
            "tune=all,tune_modalities=[video],freeze_modalities=[] | clip.tune_modalities: only [text] can be tuned so far, not [video]",
            "tune=all,tune_modalities=[video]          | for video, but train_hparams.freeze_modalities names video",
            "tune=all,tune_modalities=[]               | only [text] can be tuned so far, not []",
            "tune=last_blocks                          | set clip.blocks to how many",
            "tune=last_blocks,blocks=4                 | clip.blocks is 4, but this CLIP's tower has 3 blocks",
            "tune=adapters,adapt=[]                    | clip.adapt names no layers"})
    void whatCannotBeIsRefused(String sets, String message) {
        RunFolder out = out("refused");
        Config config = config(1, sets.strip().split(",(?![^\\[]*])"));
        String said = assertThrows(InputException.class, () -> run(config, out, false)).getMessage();
        assertTrue(said.contains(message.strip()), said);
        assertFalse(Files.exists(out.path()));
    }

    /** The reference's files name video alone, and CLIP's text tower is frozen there all the same. */
    @Test
    void whatFreezeModalitiesLeavesOutStaysFrozen() {
        assertFalse(TunedText.isTuned(config(1, "freeze_modalities=[]")));
        assertFalse(TunedText.isTuned(config(1, "freeze_modalities=[video]")));
        TunedText.requireSupported(config(1, "freeze_modalities=[text]"));
    }
}
