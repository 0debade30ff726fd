package dev.imu2clip.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.data.DataSet;
import dev.imu2clip.data.Layout;
import dev.imu2clip.data.SampleDataSet;
import dev.imu2clip.imu.EncoderFile;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import dev.imu2clip.media.VideoWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs that align motion with video, with video and text at once, and text with video: CLIP of seeded random weights, generated films. */
@Tag("heavy")
class AlignedRunTest {
    private static final int SECONDS = 30;

    @TempDir
    static Path folder;

    private static String cacheBefore;
    private static Layout layout;
    private final List<String> said = new ArrayList<>();

    @BeforeAll
    static void make() {
        cacheBefore = System.getProperty("imu2clip.cache");
        System.setProperty("imu2clip.cache", folder.resolve("cache").toString());
        layout = new Layout(folder.resolve("data"));
        SampleDataSet.generate(layout.folder(), new SampleDataSet.Options(3, 4, SECONDS / 60.0, false));
        try (DataSet data = DataSet.open(layout.folder())) {
            for (String uid : data.recordings().keySet()) film(layout.video(uid), uid.hashCode());
        }
    }

    /** Every second looks different. */
    private static void film(Path file, long seed) {
        try {
            Files.createDirectories(file.getParent());
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        Random random = new Random(seed);
        byte[] picture = new byte[3 * 224 * 224];
        try (VideoWriter film = new VideoWriter(file, 224, 224, 10)) {
            for (int frame = 0; frame < 10 * SECONDS; frame++) {
                if (frame % 10 == 0) {
                    int x = random.nextInt(200), y = random.nextInt(200);
                    Arrays.fill(picture, (byte) random.nextInt(256));
                    for (int i = 0; i < 24 * 24; i++) picture[3 * ((y + i / 24) * 224 + x + i % 24)] = (byte) 255;
                }
                film.add(picture);
            }
            film.finish();
        }
    }

    @AfterAll
    static void restoreCache() {
        if (cacheBefore == null) System.clearProperty("imu2clip.cache");
        else System.setProperty("imu2clip.cache", cacheBefore);
    }

    private static Config config(Path data, String... sets) {
        List<String> all = new ArrayList<>(List.of("batch_size=4", "seed=5", "log_every_steps=1", "max_epochs=2"));
        all.addAll(List.of(sets));
        return Config.load(null, all, Map.of("run.data", data));
    }

    private JsonNode run(Config config, String name) throws IOException {
        RunFolder run = new RunFolder(folder.resolve(name));
        try (Pretraining pretraining = new Pretraining(config, run, false, said::add, Progress.NONE); StopRequest stop = StopRequest.install()) {
            if (!config.train().testOnly()) {
                try (TrainingProgress progress = TrainingProgress.create(config.train().maxEpochs())) {
                    assertTrue(pretraining.train(stop, progress));
                }
            }
            assertFalse(pretraining.finish().table().isBlank());
        }
        return json(run.results());
    }

    private static JsonNode json(Path file) throws IOException {
        return new ObjectMapper().readTree(file.toFile());
    }

    private static TreeSet<String> keys(JsonNode node) {
        TreeSet<String> keys = new TreeSet<>();
        node.fieldNames().forEachRemaining(keys::add);
        return keys;
    }

    @Test
    void alignsWithTextAndVideoAtOnce() throws IOException {
        Config config = config(layout.folder(), "target_modalities=[video, text]", "model_suffix=joint");
        JsonNode results = run(config, "joint");
        assertEquals("i2c_s_i_t_tv_se_mw2_w_2.5_joint", config.identifier());
        assertEquals(List.of("imu_text", "imu_video"), new ArrayList<>(keys(results.path("metrics").path("pairs"))));
        assertTrue(results.path("metrics").has("zero_shot"));

        List<String> lines = Files.readAllLines(folder.resolve("joint/metrics.jsonl"));
        int steps = 0, epochs = 0;
        for (String line : lines) {
            JsonNode values = new ObjectMapper().readTree(line);
            String prefix = values.has("train_loss") ? "train" : "val";
            if (prefix.equals("train")) steps++;
            else epochs++;
            double sum = values.path(prefix + "_i2t_loss").asDouble() + values.path(prefix + "_i2v_loss").asDouble();
            assertTrue(values.path(prefix + "_i2t_loss").asDouble() > 0 && values.path(prefix + "_i2v_loss").asDouble() > 0, line);
            assertEquals(values.path(prefix + "_loss").asDouble(), sum, 1e-5, line);
        }
        assertEquals(2, epochs);
        assertTrue(steps >= 4, lines.toString());

        // The reference's names and shapes.
        JsonNode reference = json(folder.resolve("joint/" + config.identifier() + "_candi_num_" + results.path("metrics").path("num_candidates")
                + ".json"));
        assertEquals(new TreeSet<>(List.of("configs", "metrics")), keys(reference));
        assertEquals(new TreeSet<>(List.of("num_candidates", "s_t_metrics", "t_s_metrics")), keys(reference.path("metrics")));
        assertEquals(new TreeSet<>(List.of("MRR", "R@1", "R@10", "R@50")), keys(reference.path("metrics").path("s_t_metrics")));
        try (var loaded = EncoderFile.load(folder.resolve("joint/" + config.identifier() + "_src_encoder.pt"), Backends.preferred())) {
            assertEquals("mw2", loaded.encoder().name());
        }

        // What was trained on both is tested on each: without training, by the weights that were named.
        JsonNode tested = run(config(layout.folder(), "target_modalities=[video]", "window_sec=5", "test_only=true",
                "path_load_pretrained_imu_encoder=" + folder.resolve("joint")), "tested");
        assertEquals(results.path("metrics").path("pairs").path("imu_video").path("s_t_metrics").path("MRR"),
                tested.path("metrics").path("s_t_metrics").path("MRR"));
        assertFalse(tested.path("metrics").has("zero_shot"));
        assertFalse(Files.exists(folder.resolve("tested/metrics.jsonl")));
    }

    /** The loss is symmetric: which side queries makes no difference to what is learned. */
    @Test
    void motionMayBeTheTarget() throws IOException {
        run(config(layout.folder(), "target_modalities=[video]", "window_sec=5"), "to-video");
        run(config(layout.folder(), "source_modality=video", "target_modalities=[imu]", "window_sec=5"), "from-video");
        JsonNode one = new ObjectMapper().readTree(Files.readAllLines(folder.resolve("to-video/metrics.jsonl")).getFirst());
        JsonNode other = new ObjectMapper().readTree(Files.readAllLines(folder.resolve("from-video/metrics.jsonl")).getFirst());
        assertEquals(one.path("train_loss").asDouble(), other.path("train_loss").asDouble(), 1e-5);
        assertTrue(said.stream().anyMatch(line -> line.matches("training +12 windows, of 2 recordings")), said.toString());
    }

    @Test
    void comparesTextWithVideoWithoutMotion() throws IOException {
        Config config = config(layout.folder(), "source_modality=text", "target_modalities=[video]", "test_only=true",
                "video_encoder_name=clip_avg_frames", "model_name=t2v", "model_suffix=master");
        JsonNode results = run(config, "clip-alone");
        assertEquals("t2v_s_t_t_v_se_clip_w_2.5_master", config.identifier());
        assertEquals(6, results.path("metrics").path("num_candidates").asInt());
        assertFalse(results.has("encoder"));
    }

    @Test
    void skipsWindowsWithoutUsableVideo() throws IOException {
        Path data = folder.resolve("broken");
        copy(layout.folder(), data);
        Layout broken = new Layout(data);
        List<String> uids;
        try (DataSet set = DataSet.open(data)) {
            uids = set.split(dev.imu2clip.data.Split.TRAINING);
        }
        byte[] film = Files.readAllBytes(broken.video(uids.getFirst()));
        Files.write(broken.video(uids.getFirst()), Arrays.copyOf(film, film.length / 2));
        Config config = config(data, "target_modalities=[video]", "window_sec=5");
        run(config, "half");
        assertTrue(said.stream().anyMatch(line -> line.contains("6 windows skipped: video damaged, or it ends before the window does (for instance "
                + uids.getFirst())), said.toString());
        Files.delete(broken.video(uids.getLast()));
        String message = assertThrows(InputException.class, () -> run(config, "none")).getMessage();
        assertTrue(message.contains("no window is left") && message.contains("video missing"), message);
    }

    private static void copy(Path from, Path to) throws IOException {
        try (var files = Files.walk(from)) {
            for (Path file : files.toList()) Files.copy(file, to.resolve(from.relativize(file).toString()));
        }
    }
}
