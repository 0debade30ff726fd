package dev.imu2clip.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.data.Split;
import dev.imu2clip.io.Npy;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.train.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Run folders that are taken, unfinished or damaged, and a training that diverges. */
class BadRunTest extends BadInput {
    @Test
    void aRunFolderThatHoldsARun() {
        String[] again = {"pretrain", "--data", good.toString(), "--epochs", "1", "--batch-size", "8", "--out", run.toString()};
        refused(List.of(run + ": holds a run already", "--resume", "--out"), again);
        String[] resume = Arrays.copyOf(again, again.length + 3);
        System.arraycopy(new String[] {"--resume", "--seed", "5"}, 0, resume, again.length, 3);
        refused(List.of("last.safetensors: belongs to another training. Different: run.seed: 5 here, 0 there",
                "Give the settings of then"), resume);
        pretrainRefuses(List.of("holds no run to resume", "--out"), "--resume");
    }

    /** The same windows and texts, but signals in other units. */
    @Test
    void aRunOnOtherData() throws IOException {
        Path data = copyOfData();
        for (String uid : uids(Split.TRAINING)) {
            Path file = data.resolve("processed_imu").resolve(uid + ".npy");
            float[] values = Npy.floats(file);
            for (int i = 0; i < values.length; i++) values[i] /= 9.80665f;
            Npy.write(file, Npy.header(file).shape(), values);
        }
        refused(List.of("Different: the data set"), "pretrain", "--data", data.toString(), "--out", run.toString(), "--resume");
    }

    @Test
    void windowsOfAnotherLengthThanTheConfigurationSays() {
        pretrainRefuses(List.of("its windows have 5.0 s", "window_sec 1.0 asks for 2.0 s", "Set window_sec to 2.5"), "--set",
                "window_sec=1");
    }

    @Test
    void whatCannotBeHonouredIsRefused() {
        pretrainRefuses(List.of("freeze_modalities", "nothing to train"), "--set", "freeze_modalities=[imu]");
        pretrainRefuses(List.of("embeddings of 512 numbers, the encoder mw2 of 128"), "--set", "final_embedding_size=128");
        pretrainRefuses(List.of("zero_shot"), "--zero_shot");
        pretrainRefuses(List.of("nothing to test"), "--test_only");
    }

    @Test
    void aRunFolderInUse() throws Exception {
        RunFolder used = new RunFolder(made.resolve("used"));
        String[] arguments = {"pretrain", "--data", good.toString(), "--out", used.path().toString()};
        try (AutoCloseable _ = used.lock()) {
            refused(List.of(used.path() + ": another process is training in this folder", "--out"), arguments);
            Program other = Program.start(folder, arguments);
            assertEquals(1, other.exitCode(), other.output());
            assertTrue(other.output().contains("another process is training in this folder") && !other.output().contains("\tat "),
                    other.output());
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
        refused(List.of("there is no split 'dev'; there is training, validation and test"), "evaluate", "--run", run.toString(),
                "--split", "dev");
    }

    @Test
    void checkpointsWithDamagedMetadata() throws IOException {
        Path damaged = copy(run, made.resolve("run"));
        Path last = damaged.resolve("checkpoints/last.safetensors");
        for (String[] change : new String[][] {{"position", "null"}, {"position",
                "{\"epoch\":-1,\"step\":0,\"globalStep\":0,\"lossSum\":0,\"best\":[]}"},
                {"position", "{\"epoch\":0}"}, {"origin", "[]"}, {"config", "{"}, {"config", ""}, {"origin", "null"}}) {
            try (Safetensors whole = Safetensors.open(run.resolve("checkpoints/last.safetensors"))) {
                Map<String, String> metadata = new TreeMap<>(whole.metadata());
                metadata.put(change[0], change[1]);
                Safetensors.write(last, metadata, List.of());
            }
            refused(List.of(last + ": its metadata is damaged", "Use another checkpoint"), "pretrain", "--data", good.toString(),
                    "--epochs", "1",
                    "--batch-size", "8", "--out", damaged.toString(), "--resume");
        }
    }

    /** The learning rate is absurd, so the weights overflow; what was saved before is whole. */
    @ParameterizedTest
    @CsvSource({"1e3, log", "1e10, log", "1e30, raw"})
    void aTrainingThatDiverges(String rate, String temperature) {
        Path out = made.resolve("out");
        refused(List.of("the training diverged. Lower optim.lr, or set optim.grad_clip"), "pretrain", "--data", good.toString(),
                "--epochs", "3",
                "--batch-size", "8", "--out", out.toString(), "--set", "lr=" + rate, "--set", "checkpoint_every_steps=1", "--set",
                        "temperature_mode=" + temperature);
        Path last = out.resolve("checkpoints/last.safetensors");
        if (!Files.exists(last)) return; // the first step already overflowed
        try (Safetensors saved = Safetensors.open(last)) {
            for (String name : saved.names())
                for (float value : saved.floats(name)) assertTrue(Float.isFinite(value), name + " holds " + value);
        }
        Path in = made.resolve("x.npy");
        Npy.write(in, Shape.of(1, 6, 1000), new float[6000]);
        assertEquals(0, run("embed", "imu", "--encoder", last.toString(), "--in", in.toString(), "--out",
                made.resolve("y.npy").toString()).code());
    }
}
