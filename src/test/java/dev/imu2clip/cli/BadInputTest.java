package dev.imu2clip.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.data.DataSet;
import dev.imu2clip.data.SampleDataSet;
import dev.imu2clip.data.Split;
import dev.imu2clip.io.Npy;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.train.RunFolder;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Whatever is given to a command, it answers with exit code 1 and one line on the error output that names the file or setting, the place,
 * what was expected and what to do; there is no stack trace, and the line never calls the fault ours.
 */
class BadInputTest {
    private static final String CACHE = "imu2clip.cache";
    private static final String ENCODER = "i2c_s_i_t_t_se_mw2_w_2.5_src_encoder.safetensors";

    @TempDir
    static Path folder;

    private static String cacheBefore;
    /** 36, 12 and 12 windows of 5 recordings. */
    private static Path good;
    /** A finished run on them. */
    private static Path run;

    private final Path made = folder.resolve("case" + System.nanoTime());

    private record Outcome(int code, String out, String err, String notices) {}

    @BeforeAll
    static void prepare() {
        cacheBefore = System.getProperty(CACHE);
        System.setProperty(CACHE, folder.resolve("cache").toString()); // texts are embedded once for all cases
        good = folder.resolve("good");
        run = folder.resolve("run");
        SampleDataSet.generate(good, new SampleDataSet.Options(3, 5, 1, false));
        Outcome outcome = run("pretrain", "--data", good.toString(), "--epochs", "1", "--batch-size", "8", "--out", run.toString());
        assertEquals(0, outcome.code, outcome.err);
    }

    @AfterAll
    static void restore() {
        if (cacheBefore == null) System.clearProperty(CACHE);
        else System.setProperty(CACHE, cacheBefore);
    }

    // ---- how a command is run and what is demanded of a refusal ----

    private static Outcome run(String... arguments) {
        StringWriter out = new StringWriter(), err = new StringWriter();
        ByteArrayOutputStream notices = new ByteArrayOutputStream(), tables = new ByteArrayOutputStream();
        PrintStream systemErr = System.err, systemOut = System.out;
        System.setErr(new PrintStream(notices, true, StandardCharsets.UTF_8));
        System.setOut(new PrintStream(tables, true, StandardCharsets.UTF_8));
        try {
            int code = Main.run(new PrintWriter(out), new PrintWriter(err), arguments);
            return new Outcome(code, out + tables.toString(StandardCharsets.UTF_8), err.toString(), notices.toString(StandardCharsets.UTF_8));
        } finally {
            System.setErr(systemErr);
            System.setOut(systemOut);
        }
    }

    /** Runs what must be refused in one line that holds all of {@code fragments}. */
    private static void refused(List<String> fragments, String... arguments) {
        Outcome outcome = run(arguments);
        String what = String.join(" ", arguments) + "\n" + outcome.err + outcome.notices;
        assertEquals(1, outcome.code, what);
        assertEquals(1, outcome.err.lines().count(), "one line: " + what);
        assertTrue(outcome.err.startsWith("imu2clip: "), what);
        assertFalse(outcome.err.contains("defect") || outcome.err.contains("Exception"), what);
        assertFalse((outcome.err + outcome.notices).contains("\tat "), what);
        for (String fragment : fragments) assertTrue(outcome.err.contains(fragment), "'" + fragment + "' is not in: " + what);
    }

    private void pretrainRefuses(List<String> fragments, String... more) {
        List<String> all = new ArrayList<>(List.of("pretrain"));
        all.addAll(List.of(more));
        Map.of("--epochs", "1", "--batch-size", "8", "--out", made.resolve("out").toString(), "--data", good.toString()).forEach((option, value) -> {
            if (!all.contains(option)) all.addAll(List.of(option, value));
        });
        refused(fragments, all.toArray(String[]::new));
        Path last = new RunFolder(Path.of(all.get(all.indexOf("--out") + 1))).last();
        assertFalse(Files.exists(last), "nothing was trained");
    }

    private static Path copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Path target = to.resolve(from.relativize(file).toString());
                Files.createDirectories(Files.isDirectory(file) ? target : target.getParent());
                if (!Files.isDirectory(file)) Files.copy(file, target);
            }
        }
        return to;
    }

    private Path copyOfData() throws IOException {
        return copy(good, made.resolve("data"));
    }

    private Path write(String name, String text) throws IOException {
        Files.createDirectories(made);
        return Files.writeString(made.resolve(name), text);
    }

    private static List<String> uids(Split split) {
        try (DataSet data = DataSet.open(good)) {
            return data.split(split);
        }
    }

    // ---- data ----

    @Test
    void aMissingDataFolder() throws IOException {
        pretrainRefuses(List.of("nowhere: is not a folder", "imu2clip import", "imu2clip sample"), "--data", folder.resolve("nowhere").toString());
        pretrainRefuses(List.of("is not a prepared data set: it has no dataset.json", "imu2clip import"), "--data", Files.createDirectories(made).toString());
        refused(List.of("nowhere: is not a folder"), "evaluate", "--run", run.toString(), "--data", folder.resolve("nowhere").toString());
        refused(List.of("labels.txt"), "import", "hapt", made.toString(), made.resolve("out").toString());
        refused(List.of("'hatp' is no known format", "hapt"), "import", "hatp", made.toString(), made.resolve("out").toString());
    }

    /** What can be wrong with one recording. */
    enum Damage {
        TRUNCATED("damaged", "is truncated") {
            @Override
            void apply(Path signal, Path clock) throws IOException {
                byte[] bytes = Files.readAllBytes(signal);
                Files.write(signal, Arrays.copyOf(bytes, bytes.length / 2));
            }
        },
        NO_NPY("damaged", "is not an npy file") {
            @Override
            void apply(Path signal, Path clock) throws IOException {
                Files.writeString(signal, "time,x,y,z\n0,1,2,3\n");
            }
        },
        LYING_HEADER("damaged", "npy") {
            @Override
            void apply(Path signal, Path clock) throws IOException {
                String text = Files.readString(signal, StandardCharsets.ISO_8859_1);
                Files.writeString(signal, text.replaceFirst("\\(6, \\d+\\), \\}    ", "(6, 9999999), }"), StandardCharsets.ISO_8859_1);
            }
        },
        NOT_A_NUMBER("NaN or infinite samples", "is NaN") {
            @Override
            void apply(Path signal, Path clock) {
                float[] values = Npy.floats(signal);
                Arrays.fill(values, 0, values.length / 6, Float.NaN);
                Npy.write(signal, Shape.of(6, values.length / 6), values);
            }
        },
        CLOCK_BACKWARDS("clock runs backwards", "has time 5.0 ms after 10.0 ms") {
            @Override
            void apply(Path signal, Path clock) {
                float[] times = Npy.floats(clock);
                double[] wrong = new double[times.length];
                for (int i = 0; i < wrong.length; i++) wrong[i] = i == 3 ? 5 : times[i];
                Npy.write(clock, Shape.of(wrong.length), wrong);
            }
        },
        FIVE_CHANNELS("wrong number of channels", "expected (6, N) or (N, 6)") {
            @Override
            void apply(Path signal, Path clock) {
                float[] values = Npy.floats(signal);
                Npy.write(signal, Shape.of(5, values.length / 6), Arrays.copyOf(values, values.length / 6 * 5));
            }
        },
        NO_CLOCK("signal or timestamp file missing", "_timestamps.npy: does not exist") {
            @Override
            void apply(Path signal, Path clock) throws IOException {
                Files.delete(clock);
            }
        };

        final String reason;
        final String detail;

        Damage(String reason, String detail) {
            this.reason = reason;
            this.detail = detail;
        }

        abstract void apply(Path signal, Path clock) throws IOException;

        void applyTo(Path data, String uid) throws IOException {
            Path signals = data.resolve("processed_imu");
            apply(signals.resolve(uid + ".npy"), signals.resolve(uid + "_timestamps.npy"));
        }
    }

    @ParameterizedTest
    @EnumSource
    void noRecordingCanBeUsed(Damage damage) throws IOException {
        Path data = copyOfData();
        for (String uid : uids(Split.TRAINING)) damage.applyTo(data, uid);
        pretrainRefuses(List.of("splits/training.json", "no usable window in the training split: 36 windows skipped: ", damage.reason, damage.detail),
                "--data", data.toString());
    }

    @ParameterizedTest
    @EnumSource
    void oneRecordingIsSkippedAndCounted(Damage damage) throws IOException {
        Path data = copyOfData();
        damage.applyTo(data, uids(Split.TRAINING).getFirst());
        Outcome outcome = run("pretrain", "--data", data.toString(), "--epochs", "1", "--batch-size", "8", "--out", made.resolve("out").toString());
        assertEquals(0, outcome.code, outcome.err);
        assertTrue(outcome.notices.lines().anyMatch(line -> line.startsWith("12 windows skipped: ") && line.contains(damage.reason)
                && line.contains(damage.detail)), outcome.notices);
        assertTrue(Files.readString(made.resolve("out/results.json")).contains("\"rejected_windows\""));
    }

    @ParameterizedTest
    @ValueSource(strings = {"training", "validation", "test"})
    void anEmptySplit(String split) throws IOException {
        Path data = copyOfData();
        Files.writeString(data.resolve("splits").resolve(split + ".json"), "[]");
        pretrainRefuses(List.of(split + ".json: no usable window in the " + split + " split: it names no recording"), "--data", data.toString());
    }

    @Test
    void aDamagedDescription() throws IOException {
        Path data = copyOfData();
        Files.writeString(data.resolve("splits/test.json"), "{\"a\": 1}");
        pretrainRefuses(List.of("test.json: must be a JSON list"), "--data", data.toString());
        Files.writeString(data.resolve("splits/test.json"), "[\"../../etc/passwd\"]");
        pretrainRefuses(List.of("test.json: '../../etc/passwd' cannot be the uid"), "--data", data.toString());
        Files.writeString(data.resolve("splits/test.json"), Files.readString(data.resolve("splits/training.json")));
        pretrainRefuses(List.of("is named twice, also in the training split"), "--data", data.toString());
        Files.writeString(data.resolve("dataset.json"), "{\"format\": ");
        pretrainRefuses(List.of("dataset.json: line 1: is no valid JSON", "make the data set again"), "--data", data.toString());
        Files.writeString(data.resolve("dataset.json"), "[".repeat(100_000));
        pretrainRefuses(List.of("dataset.json: is no valid JSON (Document nesting depth"), "--data", data.toString());
        Files.writeString(data.resolve("dataset.json"), "{\"format\": \"imu2clip prepared data set\", \"version\": 99}");
        pretrainRefuses(List.of("dataset.json: version is 99, this program reads 1"), "--data", data.toString());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
            "video_uid,window_start,window_end,text,label\\nsample_0000,zero,5,walks,w | line 2: window_start is 'zero', expected seconds as a number",
            "video_uid,window_start,text,label\\nsample_0000,1,walks,w | line 2: column 'window_end' is missing",
            "video_uid,window_start,window_end,text,label\\nsample_0000,1 | line 2: column 'window_end' is missing",
            "video_uid,window_start,window_end,text,label\\na/b,1,6,walks,w | 'a/b' cannot be the uid of a recording",
            "video_uid,window_start,window_end,text,label | has no window of its",
            "EMPTY | has no window of its",
            "video_uid,window_start,window_end,text,label\\nsample_0000,1,NaN,walks,w | line 2: window_end is 'NaN'"})
    void aDamagedWindowFile(String content, String message) throws IOException {
        Path data = copyOfData();
        Files.writeString(data.resolve("windows.csv"), content.replace("EMPTY", "").replace("\\n", "\n"));
        pretrainRefuses(List.of("windows.csv", message), "--data", data.toString());
    }

    @Test
    void aWindowFileThatIsNoText() throws IOException {
        Path data = copyOfData();
        Files.write(data.resolve("windows.csv"), new byte[] {'v', (byte) 0xFF, (byte) 0xFE, 0, '\n', 1, 2, (byte) 0xC3});
        pretrainRefuses(List.of("windows.csv: is no valid UTF-8 CSV file"), "--data", data.toString());
        Files.writeString(data.resolve("windows.csv"), "video_uid,window_start,window_end,text,label\nsample_0000,1,6,\"walks,w\n".repeat(3));
        pretrainRefuses(List.of("windows.csv: is no valid UTF-8 CSV file", "line 2", "after closing quote", "make the data set again"), "--data", data.toString());
    }

    @Test
    void aBatchLargerThanTheData() {
        pretrainRefuses(List.of("a batch of 37 windows cannot be filled from 36", "smaller batch size"), "--batch-size", "37");
        pretrainRefuses(List.of("a batch of 2147483647 windows"), "--batch-size", "2147483647");
    }

    /** Rewrites the windows of some splits to last so many seconds. */
    private Path withWindowsOf(double seconds, Split... splits) throws IOException {
        Path data = copyOfData();
        List<String> uids = Stream.of(splits).flatMap(split -> uids(split).stream()).toList();
        List<String> lines = new ArrayList<>();
        for (String line : Files.readAllLines(data.resolve("windows.csv"))) {
            String[] fields = line.split(",", 4);
            if (uids.contains(fields[0])) fields[2] = Double.toString(Double.parseDouble(fields[1]) + seconds);
            lines.add(String.join(",", fields));
        }
        Files.write(data.resolve("windows.csv"), lines);
        return data;
    }

    @Test
    void windowsOfALengthThatTheEncoderCannotTake() throws IOException {
        Path data = withWindowsOf(2, Split.values());
        pretrainRefuses(List.of(data + ": ", "mw2 takes windows of 978 to 1004 samples", "not 400", "mw2_time"), "--data", data.toString());
        refused(List.of(data + ": ", "mw2 takes windows of 978 to 1004 samples", "not 400"), "evaluate", "--run", run.toString(), "--data", data.toString());
        made.resolve("data").toFile().renameTo(made.resolve("short").toFile());
        Path tiny = withWindowsOf(0.5, Split.values());
        pretrainRefuses(List.of(tiny + ": ", "mw2_time needs windows of at least 132 samples, not 100"), "--data", tiny.toString(), "--set",
                "imu_encoder_name=mw2_time");
    }

    @ParameterizedTest
    @EnumSource
    void windowsOfAnotherLengthInOneSplitAreFoundBeforeTraining(Split split) throws IOException {
        Path data = withWindowsOf(2, split);
        pretrainRefuses(List.of(data + ": ", "978 to 1004 samples"), "--data", data.toString());
    }

    @Test
    void windowsOfTwoLengths() throws IOException {
        Path data = copyOfData();
        List<String> lines = new ArrayList<>(Files.readAllLines(data.resolve("windows.csv")));
        lines.replaceAll(line -> line.contains(uids(Split.TRAINING).getFirst() + ",6.0,11.0") ? line.replace(",11.0,", ",9.0,") : line);
        Files.write(data.resolve("windows.csv"), lines);
        pretrainRefuses(List.of("windows of different lengths cannot share a batch", "has 1000 samples", "has 600"), "--data", data.toString());
    }

    @Test
    void windowsThatAllHaveOneText() throws IOException {
        Path data = copyOfData();
        List<String> lines = new ArrayList<>();
        for (String line : Files.readAllLines(data.resolve("windows.csv")))
            lines.add(lines.isEmpty() ? line : String.join(",", line.split(",", 4)[0], line.split(",", 4)[1], line.split(",", 4)[2], "walks,walking"));
        Files.write(data.resolve("windows.csv"), lines);
        Outcome outcome = run("pretrain", "--data", data.toString(), "--epochs", "1", "--batch-size", "8", "--out", made.resolve("out").toString());
        assertEquals(0, outcome.code, outcome.err);
        assertTrue(outcome.notices.contains("all training windows have the same text"), outcome.notices);
        lines.replaceAll(line -> line.replace(",walks,", ",,"));
        Files.write(data.resolve("windows.csv"), lines);
        pretrainRefuses(List.of("no usable window in the training split: 36 windows skipped: no narration"), "--data", data.toString(), "--out",
                made.resolve("out2").toString());
    }

    // ---- settings ----

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
            "model_hparams:\\n  imu_encoder_name: mw3 | :2:3: imu_encoder_name cannot be 'mw3'; it is one of mw2, mw2_time. Did you mean 'mw2'?",
            "- a\\n- b | :1:1: expected sections such as train_hparams:",
            "train_hparams:\\n  source_modality: video | only source_modality imu with target_modalities [text] can be trained so far",
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
        for (String line : List.of("pretrain --epoch 3", "pretrain a.yaml b.yaml", "evaluate", "embed imu --in x.npy", "sample x --recordings many", "retrain")) {
            Outcome outcome = run(line.split(" "));
            assertEquals(2, outcome.code, line);
            assertTrue(outcome.err.startsWith("imu2clip: ") && outcome.err.contains("--help") && !outcome.err.contains("\tat "), outcome.err);
        }
    }

    // ---- weights ----

    /** A header that claims more than the file has. */
    private Path lying(String name) throws IOException {
        String header = "{\"__metadata__\":{\"format\":\"imu2clip checkpoint 1\"},\"net.0.weight\":{\"dtype\":\"F32\",\"shape\":[6],"
                + "\"data_offsets\":[0,1099511627776]}}";
        ByteBuffer bytes = ByteBuffer.allocate(8 + header.length() + 24).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(header.length()).put(header.getBytes(StandardCharsets.US_ASCII));
        Files.createDirectories(made);
        return Files.write(made.resolve(name), bytes.array());
    }

    @Test
    void aSafetensorsFileThatLies() throws IOException {
        String file = lying("lying.safetensors").toString();
        List<String> expected = List.of(file + ": tensor 'net.0.weight': data_offsets [0,1099511627776] do not lie in order inside the 24 bytes",
                "The file is damaged");
        pretrainRefuses(expected, "--clip", file);
        pretrainRefuses(expected, "--path_load_pretrained_imu_encoder", file);
        String in = made.resolve("x.npy").toString(), out = made.resolve("y.npy").toString();
        Npy.write(Path.of(in), Shape.of(1, 6, 1000), new float[6000]);
        refused(expected, "embed", "imu", "--encoder", file, "--in", in, "--out", out);
        refused(expected, "embed", "text", "--clip", file, "--in", write("lines.txt", "walks\n").toString(), "--out", out);
        assertFalse(Files.exists(Path.of(out)));
        Path damaged = copy(run, made.resolve("run"));
        Files.copy(Path.of(file), damaged.resolve("checkpoints/last.safetensors"), StandardCopyOption.REPLACE_EXISTING);
        List<String> checkpoint = List.of("last.safetensors: tensor 'net.0.weight'", "The file is damaged");
        refused(checkpoint, "pretrain", "--data", good.toString(), "--epochs", "1", "--batch-size", "8", "--out", damaged.toString(), "--resume");
        refused(checkpoint, "evaluate", "--run", damaged.toString());
    }

    @Test
    void aFileThatIsNoSafetensors() throws IOException {
        for (String content : List.of("", "PK\3\4 a zip archive of PyTorch", "\1\0\0\0\0\0\0\0{", "\uFFFF".repeat(40))) {
            Path file = write("weights.safetensors", content);
            pretrainRefuses(List.of(file + ": ", "The file is damaged or no safetensors file"), "--clip", file.toString());
            pretrainRefuses(List.of(file + ": "), "--path_load_pretrained_imu_encoder", file.toString());
        }
        pretrainRefuses(List.of("gone.safetensors: no such file"), "--clip", folder.resolve("gone.safetensors").toString());
        pretrainRefuses(List.of("gone.safetensors: no such file"), "--path_load_pretrained_imu_encoder", folder.resolve("gone.safetensors").toString());
        pretrainRefuses(List.of("gone: no such file"), "--vocab", folder.resolve("gone").toString());
    }

    @Test
    void aFileOfOtherTensors() throws IOException {
        Files.createDirectories(made);
        Path file = made.resolve("other.safetensors");
        Safetensors.write(file, Map.of(), List.of(Safetensors.Source.of("net.0.weight", new float[7], 7)));
        pretrainRefuses(List.of(file + ": tensor 'net.0.weight' has shape (7,), expected (6,)"), "--path_load_pretrained_imu_encoder", file.toString());
        pretrainRefuses(List.of(file + ": holds no CLIP text tower", "https://huggingface.co/openai/clip-vit-base-patch32"), "--clip", file.toString());
    }

    /** A real text tower, but one whose embeddings are not of the encoder's size. */
    @Test
    void clipWeightsOfAnotherWidth() throws Exception {
        Path clip = Files.createDirectories(made.resolve("clip"));
        Files.copy(Path.of(BadInputTest.class.getResource("/goldens/clip_text_tiny.safetensors").toURI()), clip.resolve("model.safetensors"));
        Files.writeString(clip.resolve("config.json"), "{\"text_config\": {\"num_attention_heads\": 2}}");
        pretrainRefuses(List.of("no CLIP vocabulary beside the weights", "--vocab"), "--clip", clip.toString());
        String vocabulary = tinyVocabulary(clip);
        List<String> expected = List.of("the CLIP weights give embeddings of 32 numbers, the encoder mw2 of 512", "ViT-B/32");
        pretrainRefuses(expected, "--clip", clip.toString(), "--vocab", vocabulary);
        refused(expected, "evaluate", "--run", run.toString(), "--clip", clip.toString(), "--vocab", vocabulary);
    }

    /** Bytes and special tokens, no merges. */
    private static String tinyVocabulary(Path folder) throws IOException {
        StringBuilder json = new StringBuilder();
        int id = 0, next = 256;
        for (String end : List.of("", "</w>"))
            for (int b = 0; b < 256; b++) {
                boolean printable = b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE;
                if (b == 0) next = 256;
                char symbol = printable ? (char) b : (char) next++;
                json.append(json.isEmpty() ? "{" : ",").append('"').append(symbol == '"' || symbol == '\\' ? "\\" : "").append(symbol).append(end).append("\":").append(id++);
            }
        json.append(",\"<|startoftext|>\":").append(id++).append(",\"<|endoftext|>\":").append(id).append('}');
        Files.writeString(folder.resolve("merges.txt"), "#version: 0.2\n");
        return Files.writeString(folder.resolve("vocab.json"), json).toString();
    }

    // ---- runs ----

    @Test
    void aRunFolderThatHoldsARun() {
        String[] again = {"pretrain", "--data", good.toString(), "--epochs", "1", "--batch-size", "8", "--out", run.toString()};
        refused(List.of(run + ": holds a run already", "--resume", "--out"), again);
        String[] resume = Arrays.copyOf(again, again.length + 3);
        System.arraycopy(new String[] {"--resume", "--seed", "5"}, 0, resume, again.length, 3);
        refused(List.of("last.safetensors: belongs to another training. Different: run.seed: 5 here, 0 there", "Give the settings of then"), resume);
        pretrainRefuses(List.of("holds no checkpoint to resume from"), "--resume");
    }

    @Test
    void aRunOnOtherData() throws IOException {
        Path data = withWindowsOf(4.9, Split.TRAINING);
        refused(List.of("Different: the data set's windows"), "pretrain", "--data", data.toString(), "--epochs", "1", "--batch-size", "8", "--out",
                run.toString(), "--resume");
    }

    @Test
    void aRunFolderInUse() throws Exception {
        RunFolder used = new RunFolder(made.resolve("used"));
        String[] arguments = {"pretrain", "--data", good.toString(), "--out", used.path().toString()};
        try (AutoCloseable _ = used.lock()) {
            refused(List.of(used.path() + ": another process is training in this folder", "--out"), arguments);
            Program other = Program.start(folder, arguments);
            assertEquals(1, other.exitCode(), other.output());
            assertTrue(other.output().contains("another process is training in this folder") && !other.output().contains("\tat "), other.output());
        }
    }

    @Test
    void aRunFolderThatCannotBeOne() throws IOException {
        Path file = write("file", "");
        pretrainRefuses(List.of(file + ": the run's folder cannot be used", "--out"), "--out", file.toString());
    }

    @Test
    void anUnfinishedRun() throws IOException {
        Path unfinished = copy(run, made.resolve("run"));
        Files.delete(unfinished.resolve(ENCODER));
        refused(List.of(unfinished + ": the run is not finished", "--resume"), "evaluate", "--run", unfinished.toString());
        refused(List.of("is not the folder of a run"), "evaluate", "--run", good.toString());
        refused(List.of("there is no split 'dev'; there is training, validation and test"), "evaluate", "--run", run.toString(), "--split", "dev");
    }

    @Test
    void checkpointsWithDamagedMetadata() throws IOException {
        Path damaged = copy(run, made.resolve("run"));
        Path last = damaged.resolve("checkpoints/last.safetensors");
        for (String[] change : new String[][] {{"position", "null"}, {"position", "{\"epoch\":-1,\"step\":0,\"globalStep\":0,\"lossSum\":0,\"best\":[]}"},
                {"position", "{\"epoch\":0}"}, {"origin", "[]"}, {"config", "{"}, {"config", ""}, {"origin", "null"}}) {
            try (Safetensors whole = Safetensors.open(run.resolve("checkpoints/last.safetensors"))) {
                Map<String, String> metadata = new TreeMap<>(whole.metadata());
                metadata.put(change[0], change[1]);
                Safetensors.write(last, metadata, List.of());
            }
            refused(List.of(last + ": its metadata is damaged", "Use another checkpoint"), "pretrain", "--data", good.toString(), "--epochs", "1",
                    "--batch-size", "8", "--out", damaged.toString(), "--resume");
        }
    }

    /** The learning rate is absurd, so the weights overflow; what was saved before is whole. */
    @ParameterizedTest
    @CsvSource({"1e3, log", "1e10, log", "1e30, raw"})
    void aTrainingThatDiverges(String rate, String temperature) {
        Path out = made.resolve("out");
        refused(List.of("the training diverged. Lower optim.lr, or set optim.grad_clip"), "pretrain", "--data", good.toString(), "--epochs", "3",
                "--batch-size", "8", "--out", out.toString(), "--set", "lr=" + rate, "--set", "checkpoint_every_steps=1", "--set", "temperature_mode=" + temperature);
        Path last = out.resolve("checkpoints/last.safetensors");
        if (!Files.exists(last)) return; // the first step already overflowed
        try (Safetensors saved = Safetensors.open(last)) {
            for (String name : saved.names())
                for (float value : saved.floats(name)) assertTrue(Float.isFinite(value), name + " holds " + value);
        }
        Path in = made.resolve("x.npy");
        Npy.write(in, Shape.of(1, 6, 1000), new float[6000]);
        assertEquals(0, run("embed", "imu", "--encoder", last.toString(), "--in", in.toString(), "--out", made.resolve("y.npy").toString()).code);
    }

    // ---- embedding ----

    private void embedRefuses(Path in, String... fragments) {
        Path out = made.resolve("out.npy");
        refused(List.of(fragments), "embed", "imu", "--encoder", run.resolve(ENCODER).toString(), "--in", in.toString(), "--out", out.toString());
        assertFalse(Files.exists(out), "a refused file leaves no result");
        try (Stream<Path> left = Files.list(made)) {
            assertTrue(left.noneMatch(file -> file.toString().endsWith(".tmp")));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void windowsThatCannotBeEmbedded() throws IOException {
        Files.createDirectories(made);
        Path in = made.resolve("x.npy");
        embedRefuses(in, in + ": does not exist");
        float[] values = new float[70 * 6 * 1000];
        values[66 * 6000 + 17] = Float.NaN;
        Npy.write(in, Shape.of(70, 6, 1000), values);
        embedRefuses(in, in + ": window 66 holds a value that is not finite");
        byte[] bytes = Files.readAllBytes(in);
        Files.write(in, Arrays.copyOf(bytes, bytes.length - 1));
        embedRefuses(in, in + ": is truncated");
        for (Shape shape : new Shape[] {Shape.of(6, 1000), Shape.of(2, 5, 1000), Shape.of(0, 6, 1000), Shape.of(6000), Shape.of(2, 1000, 6)}) {
            Npy.write(in, shape, new float[(int) shape.count()]);
            embedRefuses(in, in + ": has shape " + shape, "Expected windows as (N, 6, T)");
        }
        Npy.write(in, Shape.of(2, 6, 400), new float[4800]);
        embedRefuses(in, in + ": ", "mw2 takes windows of 978 to 1004 samples", "not 400");
        write("text.npy", "hello");
        embedRefuses(made.resolve("text.npy"), "npy");
        embedRefuses(made, "is a folder, not an npy file");
    }

    @Test
    void resultsThatCannotBeWritten() throws IOException {
        Path in = Files.createDirectories(made).resolve("x.npy");
        Npy.write(in, Shape.of(1, 6, 1000), new float[6000]);
        String encoder = run.resolve(ENCODER).toString();
        refused(List.of(made + ": cannot be written (it is a folder)"), "embed", "imu", "--encoder", encoder, "--in", in.toString(), "--out", made.toString());
        refused(List.of(": cannot be written (" + in + " is no folder)"), "embed", "imu", "--encoder", encoder, "--in", in.toString(), "--out", in.resolve("y.npy").toString());
        if (!Files.exists(Path.of("/dev/full"))) return;
        refused(List.of("/dev/full: cannot be written (No space left on device). Check free space"), "embed", "imu", "--encoder", encoder, "--in", in.toString(),
                "--out", "/dev/full");
        assertFalse(Files.isRegularFile(Path.of("/dev/full")), "a device stays a device");
    }

    @Test
    void textsThatCannotBeEmbedded() throws Exception {
        Path clip = Files.createDirectories(made.resolve("clip"));
        Files.copy(Path.of(BadInputTest.class.getResource("/goldens/clip_text_tiny.safetensors").toURI()), clip.resolve("model.safetensors"));
        Files.writeString(clip.resolve("config.json"), "{\"text_config\": {\"num_attention_heads\": 2}}");
        String[] embed = {"embed", "text", "--clip", clip.toString(), "--in", made.resolve("lines.txt").toString(), "--out", made.resolve("y.npy").toString()};
        refused(List.of("no CLIP vocabulary beside the weights"), embed);
        tinyVocabulary(clip);
        refused(List.of("lines.txt: no such file", "one text a line"), embed);
        write("lines.txt", "");
        refused(List.of("lines.txt: is empty", "one text a line"), embed);
        write("lines.txt", "short\n" + "long ".repeat(80) + "\n");
        refused(List.of("lines.txt, line 2: ", "--truncate"), embed);
        Files.write(made.resolve("lines.txt"), new byte[] {'a', (byte) 0xFF});
        refused(List.of("lines.txt: is not UTF-8 text"), embed);
        assertFalse(Files.exists(made.resolve("y.npy")));
        write("lines.txt", "walks\n\nruns\n");
        assertEquals(0, run(embed).code);
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
        String[] doctor = program(0, List.of(option), "doctor").lines().filter(line -> line.startsWith("Backend")).toArray(String[]::new);
        assertTrue(doctor[0].startsWith("Backend    [no] cpu: ") && doctor[0].contains(reason), doctor[0]);
        assertTrue(doctor[1].startsWith("Backend    [ok] java (java)"), doctor[1]);
        String[] embed = {"embed", "imu", "--encoder", run.resolve(ENCODER).toString(), "--in", made.resolve("x.npy").toString(), "--out",
                made.resolve("y.npy").toString(), "--device", "cpu"};
        Npy.write(made.resolve("x.npy"), Shape.of(1, 6, 1000), new float[6000]);
        String refused = program(1, List.of(option), embed);
        assertTrue(refused.startsWith("imu2clip: device 'cpu' cannot be used here: ") && refused.contains(reason) && refused.lines().count() == 1, refused);
    }

    @Test
    void aBackendThatIsForced() throws Exception {
        String[] embed = {"embed", "imu", "--encoder", run.resolve(ENCODER).toString(), "--in", made.resolve("x.npy").toString(), "--out",
                made.resolve("y.npy").toString()};
        Npy.write(made.resolve("x.npy"), Shape.of(1, 6, 1000), new float[6000]);
        String refused = program(1, List.of("-Dimu2clip.backend=tpu"), embed);
        assertTrue(refused.startsWith("imu2clip: -Dimu2clip.backend=tpu: no device 'tpu'; there is "), refused);
        refused = program(1, List.of("-Dimu2clip.backend=cpu", "-Dimu2clip.native=/nonexistent/lib.so"), embed);
        assertTrue(refused.contains("-Dimu2clip.backend=cpu: device 'cpu' cannot be used here: ") && refused.contains("/nonexistent/lib.so"), refused);
        // Left to itself it takes the definitions, and says why.
        String fallen = program(1, List.of("-Dimu2clip.native=/nonexistent/lib.so"), "pretrain", "--data", "nowhere", "--out", made.resolve("out").toString());
        assertTrue(fallen.contains("device     java: ") && fallen.contains("cpu cannot be used here: ") && fallen.contains("/nonexistent/lib.so"), fallen);
        try (Stream<Path> files = Files.list(folder)) {
            assertTrue(files.noneMatch(file -> file.getFileName().toString().startsWith("hs_err")), "the JVM crashed");
        }
    }
}
