package dev.imu2clip.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigTest {
    @TempDir
    Path folder;

    @Test
    void laterWins() throws IOException {
        Path file = write("train_hparams: {batch_size: 16, max_epochs: 15}\noptim:\n  lr: 1e-3\n");
        var config = Config.load(file, List.of("max_epochs=7", "optim.lr=5e-4"), Map.of("optim.lr", 1e-5));
        assertEquals(16, config.train().batchSize());
        assertEquals(7, config.train().maxEpochs());
        assertEquals(1e-5, config.optim().lr());
        assertEquals("mw2", config.model().imuEncoderName());
    }

    /** The layout of the reference's own files, joint training. */
    @Test
    void readsTheReferencesKeys() throws IOException {
        Path file = write("""
                model_hparams:
                  model_name: i2c
                  model_suffix: master
                  imu_encoder_name: mw2
                  video_encoder_name: clip_1frame
                  window_sec: 2.5
                  target_fps: 10
                  datasetname: ego4d
                  imu_sampling_rate: 200
                  final_embedding_size: 512
                  narration_cleaner: yes
                train_hparams:
                  source_modality: imu
                  target_modalities: ["video", "text"]
                  limit_train_batches: 1.0
                  batch_size: 16
                  max_epochs: 15
                  gpus: 8
                  num_workers_for_dm: 10
                  test_only: False
                  trainer_strategy: "ddp"
                  freeze_modality:
                    - video
                  path_load_pretrained_imu_encoder: null
                  zero_shot: false
                """);
        var config = Config.load(file, List.of(), Map.of());
        assertEquals(List.of("video", "text"), config.train().targetModalities());
        assertEquals(List.of("video"), config.train().freezeModalities());
        assertEquals("", config.train().pathLoadPretrainedImuEncoder());
        assertTrue(config.model().narrationCleaner());
        assertEquals("i2c_s_i_t_tv_se_mw2_w_2.5_master", config.identifier());
        assertEquals(5.0, config.windowLength());
        assertEquals(5.0, Config.load(null, List.of("target_modalities=video", "window_sec=5"), Map.of()).windowLength());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "train_hparams:\\n  batchsize: 3            | x.yaml:2:3: unknown key 'batchsize' in train_hparams; did you mean 'batch_size'?",
            "train_hparms:\\n  batch_size: 3            | x.yaml:1:1: unknown section 'train_hparms'; did you mean 'train_hparams'?",
            "lr: 1e-3                                   | x.yaml:1:1: 'lr' belongs into the section 'optim'",
            "train_hparams:\\n  lr: 1e-3  | x.yaml:2:3: unknown key 'lr' in train_hparams; it belongs into the section 'optim'",
            "train_hparams:\\n  batch_size: many        | x.yaml:2:3: batch_size must be a whole number of at least 2, not 'many'",
            "train_hparams:\\n  batch_size: 1           | x.yaml:2:3: batch_size must be a whole number of at least 2, not 1",
            "train_hparams:\\n  batch_size: [1, 2]      | x.yaml:2:3: batch_size must be a whole number of at least 2, not a list",
            "optim:\\n  lr: .nan                        | x.yaml:2:3: lr must be a number above 0.0, not '.nan'",
            "optim:\\n  lr: NaN                         | x.yaml:2:3: lr must be a number above 0.0, not NaN",
            "optim:\\n  schedule: cosin | x.yaml:2:3: schedule cannot be 'cosin'; it is one of constant, cosine. Did you mean 'cosine'?",
            "train_hparams:\\n  test_only: maybe        | x.yaml:2:3: test_only must be true or false, not 'maybe'",
            "optim:\\n  lr: 1\\n  lr: 2                 | x.yaml:3:3: 'lr' is given twice. Remove one of them",
            "optim:\\n  lr: {a: 1}                      | x.yaml:2:7: expected a value or a list, not further keys",
            "- 1                                        | x.yaml:1:1: expected sections such as train_hparams:",
            "optim: 5                                   | x.yaml:1:8: expected settings of optim, indented, one per line",
            "optim:\\n  lr: [1        | x.yaml:3:1: is not YAML: expected ',' or ']', but got <stream end> (begun in line 2)",
            "optim:\\n\\tlr: 1 | x.yaml:2:1: is not YAML: found character '\\t(TAB)' that cannot start any token. "
                    + "(Do not use \\t(TAB) for indentation)",
    })
    void pointsAtTheMistake(String yaml, String message) throws IOException {
        Path file = write(yaml.replace("\\n", "\n").replace("\\t", "\t") + "\n");
        var error = assertThrows(InputException.class, () -> Config.load(file, List.of(), Map.of()));
        assertEquals(message, error.getMessage().replace(folder + "/", "").replace("\t", "\\t"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "lr              | --set lr: expected key=value, for instance optim.lr=1e-3",
            "=3              | --set =3: expected key=value, for instance optim.lr=1e-3",
            "batchsize=3     | --set batchsize=3: unknown key 'batchsize'; did you mean 'batch_size'?",
            "optin.lr=3      | --set optin.lr=3: unknown section 'optin'; did you mean 'optim'?",
            "optim.lr=-1     | --set optim.lr=-1: lr must be a number above 0.0, not -1",
    })
    void pointsAtTheMistakeInSet(String set, String message) {
        assertEquals(message, assertThrows(InputException.class, () -> Config.load(null, List.of(set), Map.of())).getMessage());
    }

    @Test
    void setTakesPathsAndLists() {
        var config = Config.load(null, List.of("data=C: odd/#path", "target_modalities=text,video", "freeze_modality=[]"), Map.of());
        assertEquals("C: odd/#path", config.run().data());
        assertEquals(List.of("text", "video"), config.train().targetModalities());
        assertEquals(List.of(), config.train().freezeModalities());
    }

    @Test
    void missingFileNamesTheEmbeddedOnes() {
        var error = assertThrows(InputException.class, () -> Config.load(Path.of("no/such.yaml"), List.of(), Map.of()));
        assertTrue(error.getMessage().contains("embedded configuration: default, hapt"), error.getMessage());
    }

    @Test
    void embeddedConfigurationsLoad() {
        // default.yaml shows a part of the defaults, for people to copy and change: it must not say anything else than they do.
        assertEquals(Config.defaults(), Config.load(Path.of("default"), List.of(), Map.of()));
        assertEquals(30, Config.load(Path.of("hapt"), List.of(), Map.of()).train().maxEpochs());
    }

    @Test
    void survivesJsonAndHashesItsMeaning() throws IOException {
        var config = Config.load(null, List.of("seed=9007199254740993", "lr=3e-4", "target_modalities=text,video"), Map.of());
        var map = new ObjectMapper().readValue(new ObjectMapper().writeValueAsString(config.toMap()), Map.class);
        @SuppressWarnings("unchecked")
        var back = Config.fromMap(map, "checkpoint");
        assertEquals(config, back);
        assertEquals(config.canonicalJson(), back.canonicalJson());
        assertNotEquals(config.canonicalJson(), Config.defaults().canonicalJson());
        assertTrue(config.canonicalJson().startsWith("{\"clip\":{\"adapt\":[\"q_proj\",\"v_proj\"],\"alpha\":16.0,"), config.canonicalJson());
    }

    @Test
    void tellsWhatAContinuationMayNotChange() {
        var here = Config.load(null, List.of("batch_size=16", "keep_best=1", "gpus=4"), Map.of());
        assertEquals(List.of("train_hparams.batch_size: 16 here, 32 there"), here.trainingDifferences(Config.defaults()));
    }

    /** docs/configuration.md is written from the annotations; {@code -Dimu2clip.update=true} writes it anew. */
    @Test
    void documentationListsEverySetting() throws IOException {
        Path file = Path.of("docs/configuration.md");
        String old = Files.exists(file) ? Files.readString(file) : "";
        String text = ConfigDocs.replaceTables(old);
        if (Boolean.getBoolean("imu2clip.update")) Files.writeString(file, text);
        else assertEquals(text, old, "docs/configuration.md is out of date: mvn test -Dtest=ConfigTest -Dimu2clip.update=true");
    }

    @Test
    void everyEncoderCanBeChosen() {
        for (String name : ImuEncoder.names())
            assertEquals(name, Config.load(null, List.of("imu_encoder_name=" + name), Map.of()).encoder().name());
        var config = Config.load(null, List.of("imu_encoder_name=patch_transformer", "final_embedding_size=64",
                "imu_encoder_args=patch_size=16,nhead=4"), Map.of());
        assertEquals(List.of("nhead=4", "patch_size=16", "size_embeddings=64"), config.encoder().arguments());
        assertEquals(64, config.encoder().width());
    }

    private Path write(String yaml) throws IOException {
        return Files.writeString(folder.resolve("x.yaml"), yaml);
    }
}
