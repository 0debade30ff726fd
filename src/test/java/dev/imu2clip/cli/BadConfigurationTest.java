package dev.imu2clip.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.io.Npy;
import dev.imu2clip.tensor.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Settings, usage and devices that do not exist. */
class BadConfigurationTest extends BadInput {
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "train_hparams:\\n  max_epochs: [1, 2 | :2:20: is not YAML: expected",
            "train_hparams:\\n\\tmax_epochs: 1 | :2:1: is not YAML: ",
            "train_hparams:\\n  max_epoch: 3 | :2:3: unknown key 'max_epoch' in train_hparams; did you mean 'max_epochs'?",
            "train_hparam:\\n  max_epochs: 3 | :1:1: unknown section 'train_hparam'; did you mean 'train_hparams'?",
            "max_epochs: 3 | :1:1: 'max_epochs' belongs into the section 'train_hparams'",
            "model_hparams:\\n  max_epochs: 3 | :2:3: unknown key 'max_epochs' in model_hparams; it belongs into the section 'train_hparams'",
            "train_hparams:\\n  max_epochs: three | :2:3: max_epochs must be a whole number of at least 1, not 'three'",
            "train_hparams:\\n  max_epochs: [3] | :2:3: max_epochs must be a whole number of at least 1, not a list",
            "train_hparams:\\n  max_epochs: {a: 3} | :2:15: expected a value or a list, not further keys",
            "train_hparams:\\n  test_only: perhaps | :2:3: test_only must be true or false, not 'perhaps'",
            "train_hparams:\\n  max_epochs: 3\\n  max_epochs: 4 | :3:3: 'max_epochs' is given twice",
            "optim:\\n  lr: -1 | :2:3: lr must be a number above 0.0, not -1",
            "optim:\\n  schedule: cosin | did you mean 'cosine'?",
            "model_hparams:\\n  imu_encoder_name: mw3 | :2:3: imu_encoder_name cannot be 'mw3'; it is one of mw2, mw2_time, attention_pooled, time_distributed, "
                    + "patch_transformer, patch_rnn. Did you mean 'mw2'?",
            "- a\\n- b | :1:1: expected sections such as train_hparams:",
            "train_hparams:\\n  source_modality: video | neither source_modality video nor target_modalities [text] is imu",
            "train_hparams:\\n  target_modalities: [imu, text] | source_modality imu and target_modalities [imu, text] name a modality twice",
            "train_hparams:\\n  target_modalities: [] | target_modalities is empty",
            "train_hparams:\\n  target_modalities: [audio]\\nmodel_hparams:\\n  window_sec: 5 | there is no encoder of audio",
            "train_hparams:\\n  target_modalities: [video]\\nmodel_hparams:\\n  window_sec: 5 | video missing",
            "run:\\n  clip: \"a\\0b\" | cannot be a path"})
    void aWrongConfiguration(String yaml, String message) throws IOException {
        Path file = write("my.yaml", yaml.replace("\\n", "\n").replace("\\t", "\t"));
        String expected = message.startsWith(":") ? file + message : message;
        String wanted = expected.contains("did you mean 'cosine'") ? "Did you mean 'cosine'?" : expected;
        pretrainRefuses(List.of(wanted), file.toString());
    }

    @Test
    void aConfigurationThatIsNoFile() throws IOException {
        pretrainRefuses(List.of("nothing.yaml: no such configuration file", "default, hapt"), folder.resolve("nothing.yaml").toString());
        pretrainRefuses(List.of("is not a file"), Files.createDirectories(made).toString());
        Files.write(made.resolve("binary.yaml"), new byte[] {(byte) 0xFF, (byte) 0xFE, 0, 1});
        pretrainRefuses(List.of("binary.yaml: is not UTF-8 text"), made.resolve("binary.yaml").toString());
        pretrainRefuses(List.of("--set oops: expected key=value"), "--set", "oops");
        pretrainRefuses(List.of("--set bach_size=3: unknown key 'bach_size'; did you mean 'batch_size'?"), "--set", "bach_size=3");
    }

    @Test
    void wrongUsageHasExitCodeTwo() {
        for (String line : List.of("pretrain --epoch 3", "pretrain a.yaml b.yaml", "evaluate", "embed imu --in x.npy",
                "sample x --recordings many", "retrain")) {
            Outcome outcome = run(line.split(" "));
            assertEquals(2, outcome.code(), line);
            assertTrue(outcome.err().startsWith("imu2clip: ") && outcome.err().contains("--help") && !outcome.err().contains("\tat "),
                    outcome.err());
        }
    }

    // ---- devices ----

    @Test
    void devicesThatDoNotExist() {
        for (String device : List.of("gpu", ":", "java:3", "cpu:mmx", "cuda:7"))
            pretrainRefuses(List.of("device '" + device + "'"), "--device", device);
        pretrainRefuses(List.of("no device 'gpu'; there is ", "java"), "--device", "gpu");
        refused(List.of("no device 'gpu'"), "evaluate", "--run", run.toString(), "--device", "gpu");
    }

    private static String program(int code, List<String> options, String... arguments) throws Exception {
        Program program = Program.start(folder, List.of(), options, arguments);
        assertEquals(code, program.exitCode(), program.output());
        assertFalse(program.output().contains("\tat "), program.output());
        return program.output();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "-Dimu2clip.native=/nonexistent/lib.so | /nonexistent/lib.so",
            "-Dimu2clip.native=pom.xml | pom.xml",
            "-Dimu2clip.isa=avx1024 | imu2clip.isa=avx1024 is no instruction set known here: avx512, avx2, baseline",
            "-Dimu2clip.threads=0 | imu2clip.threads=0 is not a whole number from 1",
            "-Dimu2clip.threads=many | imu2clip.threads=many is not a whole number"})
    void kernelsThatCannotBeLoaded(String option, String reason) throws Exception {
        String[] doctor = program(0, List.of(option), "doctor").lines()
                .filter(line -> line.matches("Backend    \\[\\w+] (cpu|java)\\b.*")).toArray(String[]::new);
        assertTrue(doctor[0].startsWith("Backend    [no] cpu: ") && doctor[0].contains(reason), doctor[0]);
        assertTrue(doctor[1].startsWith("Backend    [ok] java (java)"), doctor[1]);
        String[] embed = {"embed", "imu", "--encoder", run.resolve(ENCODER).toString(), "--in", made.resolve("x.npy").toString(), "--out",
                made.resolve("y.npy").toString(), "--device", "cpu"};
        Npy.write(made.resolve("x.npy"), Shape.of(1, 6, 1000), new float[6000]);
        String refused = program(1, List.of(option), embed);
        assertTrue(refused.startsWith("imu2clip: device 'cpu' cannot be used here: ") && refused.contains(reason)
                && refused.lines().count() == 1, refused);
    }

    @Test
    void aBackendThatIsForced() throws Exception {
        String[] embed = {"embed", "imu", "--encoder", run.resolve(ENCODER).toString(), "--in", made.resolve("x.npy").toString(), "--out",
                made.resolve("y.npy").toString()};
        Npy.write(made.resolve("x.npy"), Shape.of(1, 6, 1000), new float[6000]);
        String refused = program(1, List.of("-Dimu2clip.backend=tpu"), embed);
        assertTrue(refused.startsWith("imu2clip: -Dimu2clip.backend=tpu: no device 'tpu'; there is "), refused);
        refused = program(1, List.of("-Dimu2clip.backend=cpu", "-Dimu2clip.native=/nonexistent/lib.so"), embed);
        assertTrue(refused.contains("-Dimu2clip.backend=cpu: device 'cpu' cannot be used here: ")
                && refused.contains("/nonexistent/lib.so"), refused);
        // Left to itself it takes the definitions, and says why.
        String fallen = program(1, List.of("-Dimu2clip.native=/nonexistent/lib.so"), "pretrain", "--data", "nowhere", "--out",
                made.resolve("out").toString());
        assertTrue(fallen.contains("device     java: ") && fallen.contains("cpu cannot be used here: ")
                && fallen.contains("/nonexistent/lib.so"), fallen);
        try (Stream<Path> files = Files.list(folder)) {
            assertTrue(files.noneMatch(file -> file.getFileName().toString().startsWith("hs_err")), "the JVM crashed");
        }
    }
}
