package dev.imu2clip.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.data.Split;
import dev.imu2clip.io.Npy;
import dev.imu2clip.tensor.Shape;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Data sets whose files are missing, damaged or empty. */
class BadRecordingsTest extends BadInput {
    @Test
    void aMissingDataFolder() throws IOException {
        pretrainRefuses(List.of("nowhere: is not a folder", "imu2clip import", "imu2clip sample"), "--data",
                folder.resolve("nowhere").toString());
        pretrainRefuses(List.of("is not a prepared data set: it has no dataset.json", "imu2clip import"), "--data",
                Files.createDirectories(made).toString());
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
        pretrainRefuses(List.of("splits/training.json", "no usable window in the training split: 36 windows skipped: ", damage.reason,
                damage.detail),
                "--data", data.toString());
    }

    @ParameterizedTest
    @EnumSource
    void oneRecordingIsSkippedAndCounted(Damage damage) throws IOException {
        Path data = copyOfData();
        damage.applyTo(data, uids(Split.TRAINING).getFirst());
        Outcome outcome = run("pretrain", "--data", data.toString(), "--epochs", "1", "--batch-size", "8", "--out",
                made.resolve("out").toString());
        assertEquals(0, outcome.code(), outcome.err());
        assertTrue(outcome.notices().lines().anyMatch(line -> line.startsWith("12 windows skipped: ") && line.contains(damage.reason)
                && line.contains(damage.detail)), outcome.notices());
        assertTrue(Files.readString(made.resolve("out/results.json")).contains("\"rejected_windows\""));
    }

    @ParameterizedTest
    @ValueSource(strings = {"training", "validation", "test"})
    void anEmptySplit(String split) throws IOException {
        Path data = copyOfData();
        Files.writeString(data.resolve("splits").resolve(split + ".json"), "[]");
        pretrainRefuses(List.of(split + ".json: no usable window in the " + split + " split: it names no recording"), "--data",
                data.toString());
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
        Files.writeString(data.resolve("windows.csv"),
                "video_uid,window_start,window_end,text,label\nsample_0000,1,6,\"walks,w\n".repeat(3));
        pretrainRefuses(List.of("windows.csv: is no valid UTF-8 CSV file", "line 2", "after closing quote", "make the data set again"),
                "--data", data.toString());
    }
}
