package dev.imu2clip.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.data.DataSet;
import dev.imu2clip.data.SampleDataSet;
import dev.imu2clip.data.Split;
import dev.imu2clip.train.RunFolder;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/**
 * What tests of bad input stand on. Whatever is given to a command, it answers with exit code 1 and one line on the error output that names
 * the file or setting, the place, what was expected and what to do; there is no stack trace, and the line never calls the fault ours.
 */
abstract class BadInput {
    private static final String CACHE = "imu2clip.cache";
    static final String ENCODER = "i2c_s_i_t_t_se_mw2_w_2.5_src_encoder.safetensors";

    /** Made once for all these tests. */
    static Path folder;
    /** 36, 12 and 12 windows of 5 recordings. */
    static Path good;
    /** A finished run on them. */
    static Path run;

    private static String cacheBefore;

    /** A folder of a test's own, not made yet. */
    final Path made = folder.resolve("case" + System.nanoTime());

    record Outcome(int code, String out, String err, String notices) {}

    @BeforeAll
    static void prepare() throws IOException {
        cacheBefore = System.getProperty(CACHE);
        boolean first = folder == null;
        if (first) folder = temporary();
        System.setProperty(CACHE, folder.resolve("cache").toString()); // texts are embedded once for all cases
        if (!first) return;
        good = folder.resolve("good");
        run = folder.resolve("run");
        SampleDataSet.generate(good, new SampleDataSet.Options(3, 5, 1, false));
        Outcome outcome = run("pretrain", "--data", good.toString(), "--epochs", "1", "--batch-size", "8", "--out", run.toString());
        assertEquals(0, outcome.code(), outcome.err());
    }

    private static Path temporary() throws IOException {
        Path made = Files.createTempDirectory("imu2clip-bad-input");
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try (Stream<Path> files = Files.walk(made)) {
                files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }));
        return made;
    }

    @AfterAll
    static void restore() {
        if (cacheBefore == null) System.clearProperty(CACHE);
        else System.setProperty(CACHE, cacheBefore);
    }

    static Outcome run(String... arguments) {
        StringWriter out = new StringWriter(), err = new StringWriter();
        ByteArrayOutputStream notices = new ByteArrayOutputStream(), tables = new ByteArrayOutputStream();
        PrintStream systemErr = System.err, systemOut = System.out;
        System.setErr(new PrintStream(notices, true, StandardCharsets.UTF_8));
        System.setOut(new PrintStream(tables, true, StandardCharsets.UTF_8));
        try {
            int code = Main.run(new PrintWriter(out), new PrintWriter(err), arguments);
            return new Outcome(code, out + tables.toString(StandardCharsets.UTF_8), err.toString(),
                    notices.toString(StandardCharsets.UTF_8));
        } finally {
            System.setErr(systemErr);
            System.setOut(systemOut);
        }
    }

    /** Runs what must be refused in one line that holds all of {@code fragments}. */
    static void refused(List<String> fragments, String... arguments) {
        Outcome outcome = run(arguments);
        String what = String.join(" ", arguments) + "\n" + outcome.err() + outcome.notices();
        assertEquals(1, outcome.code(), what);
        assertEquals(1, outcome.err().lines().count(), "one line: " + what);
        assertTrue(outcome.err().startsWith("imu2clip: "), what);
        assertFalse(outcome.err().contains("defect") || outcome.err().contains("Exception"), what);
        assertFalse((outcome.err() + outcome.notices()).contains("\tat "), what);
        for (String fragment : fragments) assertTrue(outcome.err().contains(fragment), "'" + fragment + "' is not in: " + what);
    }

    void pretrainRefuses(List<String> fragments, String... more) {
        List<String> all = new ArrayList<>(List.of("pretrain"));
        all.addAll(List.of(more));
        Map.of("--epochs", "1", "--batch-size", "8", "--out", made.resolve("out").toString(), "--data", good.toString()).forEach((option,
                value) -> {
            if (!all.contains(option)) all.addAll(List.of(option, value));
        });
        refused(fragments, all.toArray(String[]::new));
        Path last = new RunFolder(Path.of(all.get(all.indexOf("--out") + 1))).last();
        assertFalse(Files.exists(last), "nothing was trained");
    }

    static Path copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Path target = to.resolve(from.relativize(file).toString());
                Files.createDirectories(Files.isDirectory(file) ? target : target.getParent());
                if (!Files.isDirectory(file)) Files.copy(file, target);
            }
        }
        return to;
    }

    Path copyOfData() throws IOException {
        return copy(good, made.resolve("data"));
    }

    Path write(String name, String text) throws IOException {
        Files.createDirectories(made);
        return Files.writeString(made.resolve(name), text);
    }

    static List<String> uids(Split split) {
        try (DataSet data = DataSet.open(good)) {
            return data.split(split);
        }
    }

    /** Rewrites the windows of some splits to last so many seconds. */
    Path withWindowsOf(double seconds, Split... splits) throws IOException {
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

    /** Bytes and special tokens, no merges. */
    static String tinyVocabulary(Path folder) throws IOException {
        StringBuilder json = new StringBuilder();
        int id = 0, next = 256;
        for (String end : List.of("", "</w>"))
            for (int b = 0; b < 256; b++) {
                boolean printable = b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE;
                if (b == 0) next = 256;
                char symbol = printable ? (char) b : (char) next++;
                json.append(json.isEmpty() ? "{" : ",").append('"').append(symbol == '"' || symbol == '\\' ? "\\" : "").append(symbol)
                        .append(end).append("\":").append(id++);
            }
        json.append(",\"<|startoftext|>\":").append(id++).append(",\"<|endoftext|>\":").append(id).append('}');
        Files.writeString(folder.resolve("merges.txt"), "#version: 0.2\n");
        return Files.writeString(folder.resolve("vocab.json"), json).toString();
    }
}
