package dev.imu2clip.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.imu2clip.data.DataSet;
import dev.imu2clip.data.Modality;
import dev.imu2clip.data.Split;
import dev.imu2clip.data.Window;
import dev.imu2clip.data.WindowTable;
import dev.imu2clip.data.ego4d.Ego4dWindows;
import dev.imu2clip.io.Progress;
import dev.imu2clip.media.WavFile;
import dev.imu2clip.train.WindowEncoder;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** From raw files in Ego4D's layout to results: generated from a seed, prepared, and run through every configuration of the reference. */
@Tag("heavy")
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class Ego4dEndToEndTest {
    private static final int[] SHOWN = {0, 500, 999};

    @TempDir
    static Path folder;

    private static String cacheBefore;
    private static Path data;

    @BeforeAll
    static void prepare() {
        cacheBefore = System.getProperty("imu2clip.cache");
        System.setProperty("imu2clip.cache", folder.resolve("cache").toString());
        data = folder.resolve("data");
        succeeds("sample", folder.resolve("raw").toString(), "--ego4d", "--videos", "6", "--minutes", "0.6", "--seed", "5");
        succeeds("prepare", "ego4d", folder.resolve("raw").toString(), data.toString(), "--reference-rate");
    }

    @AfterAll
    static void restoreCache() {
        if (cacheBefore == null) System.clearProperty("imu2clip.cache");
        else System.setProperty("imu2clip.cache", cacheBefore);
    }

    private static void succeeds(String... arguments) {
        BadInput.Outcome outcome = BadInput.run(arguments);
        assertEquals(0, outcome.code(), () -> String.join(" ", arguments) + "\n" + outcome);
    }

    /** tools/goldens/ego4d_pipeline.py: an implementation of its own, in NumPy, of what the reference does with these files. */
    @Test
    @Order(0)
    void selectsTheWindowsAndSamplesOfAnIndependentPipeline() throws IOException {
        JsonNode golden;
        try (var in = getClass().getResourceAsStream("/goldens/ego4d_windows.json")) {
            golden = new ObjectMapper().readTree(in);
        }
        compare(golden.path("narrated"), new Ego4dWindows(2.5, EnumSet.of(Modality.IMU, Modality.TEXT), Ego4dWindows.Sampling.ALL));
        compare(golden.path("unlabelled"), new Ego4dWindows(5, EnumSet.of(Modality.IMU), Ego4dWindows.Sampling.ALL));
    }

    private static void compare(JsonNode golden, Ego4dWindows rule) {
        Set<Modality> needed = EnumSet.of(Modality.IMU);
        try (DataSet set = DataSet.open(data, 200, rule)) {
            Map<String, List<Window>> ours = IntStream.range(0, 3).boxed()
                    .flatMap(split -> set.select(Split.values()[split], needed).windows().windows().stream())
                    .collect(Collectors.groupingBy(Window::uid));
            Map<String, List<JsonNode>> theirs = StreamSupport.stream(golden.spliterator(), false)
                    .collect(Collectors.groupingBy(window -> window.path("uid").asText()));
            assertEquals(theirs.keySet(), ours.keySet());
            assertTrue(golden.size() > 30, golden.size() + " windows");
            theirs.forEach((uid, windows) -> {
                assertEquals(windows.stream().map(w -> w.path("start").asDouble() + " " + w.path("end").asDouble() + " " + w.path("text").asText()).toList(),
                        ours.get(uid).stream().map(w -> w.start() + " " + w.end() + " " + w.text()).toList(), uid);
                for (int i = 0; i < windows.size(); i++) compare(windows.get(i), set, ours.get(uid).get(i));
            });
        }
    }

    private static void compare(JsonNode golden, DataSet set, Window window) {
        float[] block = new float[6 * 1000];
        set.read(window, block, 0);
        for (int channel = 0; channel < 6; channel++) {
            double sum = 0;
            for (int i = 0; i < 1000; i++) sum += block[channel * 1000 + i];
            near(golden.path("means").path(channel).asDouble(), sum / 1000, window);
            for (int i = 0; i < SHOWN.length; i++)
                near(golden.path("samples").path(channel * SHOWN.length + i).asDouble(), block[channel * 1000 + SHOWN[i]], window);
        }
    }

    private static void near(double expected, double actual, Window window) {
        assertEquals(expected, actual, 1e-5 * Math.max(1, Math.abs(expected)), window::toString);
    }

    @ParameterizedTest
    @Order(1)
    @CsvSource({"train_contrastive/default, i2c_s_i_t_t_se_mw2_w_2.5", "ego4d_imu2text_mw2, i2c_s_i_t_t_se_mw2_w_2.5_master",
        "./configs/train_contrastive/ego4d_imu2video_mw2.yaml, i2c_s_i_t_v_se_mw2_w_5.0_master",
        "ego4d_imu2text+video_mw2, i2c_s_i_t_tv_se_mw2_w_2.5_master", "aria_imu2video_mw2, i2cARIA_s_i_t_v_se_mw2_w_5.0_master"})
    void trains(String config, String identifier) throws IOException {
        Path run = folder.resolve(identifier);
        succeeds("pretrain", "--path_configs", config, "--data", data.toString(), "--out", run.toString(), "--max_epochs", "1", "--gpus", "1",
                "--num_workers_for_dm", "2", "--batch-size", "8");
        results(run, identifier);
        assertTrue(Files.exists(run.resolve(identifier + "_src_encoder.pt")));
    }

    @ParameterizedTest
    @Order(2)
    @CsvSource({"ego4d_imu2text_mw2_zeroshot_on_video, i2c_s_i_t_t_se_mw2_w_2.5_master, i2c_s_i_t_v_se_mw2_w_5.0_pt_s_i_t_t_ie_mw2_w_2.5_zeroshot_on_video",
        "ego4d_imu2video_mw2_zeroshot_on_text, i2c_s_i_t_v_se_mw2_w_5.0_master, i2c_s_i_t_t_se_mw2_w_2.5_pt_s_i_t_v_ie_mw2_w_5.0_zeroshot_on_text",
        "ego4d_imu2text+video_mw2_test_on_text, i2c_s_i_t_tv_se_mw2_w_2.5_master, i2c_s_i_t_t_se_mw2_w_2.5_master",
        "ego4d_imu2text+video_mw2_test_on_video, i2c_s_i_t_tv_se_mw2_w_2.5_master, i2c_s_i_t_v_se_mw2_w_5.0_master_joint_tv",
        "ego4d_text2video_zeroshot, , t2v_s_t_t_v_se_clip_w_2.5_master"})
    void testsWithoutTraining(String config, String encoder, String identifier) throws IOException {
        Path run = folder.resolve("test-" + config);
        String weights = encoder == null ? "" : folder.resolve(encoder).resolve(encoder + "_src_encoder.pt").toString();
        succeeds("pretrain", config, "--data", data.toString(), "--out", run.toString(), "--path_load_pretrained_imu_encoder", weights);
        results(run, identifier);
        assertFalse(Files.exists(run.resolve("metrics.jsonl")));
    }

    /** An encoder of sound as somebody would add it: how loud each 512th of a window is. */
    public static final class Loudness implements WindowEncoder {
        @Override
        public Modality modality() {
            return Modality.AUDIO;
        }

        @Override
        public int width() {
            return 512;
        }

        @Override
        public String identity() {
            return "loudness";
        }

        @Override
        public String identityOf(DataSet set, Set<String> uids) {
            return identity() + uids.size();
        }

        @Override
        public float[][] embed(DataSet set, WindowTable windows, Problems problems, Progress progress) {
            float[][] rows = new float[windows.size()][];
            for (int row = 0; row < rows.length; row++) {
                Window window = windows.get(row);
                try (WavFile sound = WavFile.open(set.layout().audio(window.uid()))) {
                    float[] samples = sound.window(window.start(), window.end());
                    rows[row] = new float[width()];
                    for (int i = 0; i < samples.length; i++) rows[row][(int) ((long) i * width() / samples.length)] += Math.abs(samples[i]);
                }
            }
            return rows;
        }

        @Override
        public void close() {}
    }

    @Test
    @Order(3)
    void soundHasASlot() throws Exception {
        Path services = Files.createDirectories(folder.resolve("slot/META-INF/services"));
        Files.writeString(services.resolve(WindowEncoder.class.getName()), Loudness.class.getName());
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        try (var loader = new URLClassLoader(new URL[] {folder.resolve("slot").toUri().toURL()}, before)) {
            thread.setContextClassLoader(loader);
            Path run = folder.resolve("sound");
            succeeds("pretrain", "--data", data.toString(), "--out", run.toString(), "--epochs", "1", "--batch-size", "4",
                    "--set", "target_modalities=[audio]", "--set", "window_sec=5");
            results(run, "i2c_s_i_t_a_se_mw2_w_5.0");
        } finally {
            thread.setContextClassLoader(before);
        }
    }

    private static void results(Path run, String identifier) throws IOException {
        JsonNode metrics = new ObjectMapper().readTree(run.resolve("results.json").toFile()).path("metrics");
        Path reference = run.resolve(identifier + "_candi_num_" + metrics.path("num_candidates") + ".json");
        JsonNode scores = new ObjectMapper().readTree(reference.toFile()).path("metrics");
        assertEquals(metrics.path("s_t_metrics").path("MRR"), scores.path("s_t_metrics").path("MRR"));
        double mrr = scores.path("t_s_metrics").path("MRR").asDouble();
        assertTrue(mrr > 0 && mrr <= 1, scores.toString());
    }
}
