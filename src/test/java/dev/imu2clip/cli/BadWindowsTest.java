package dev.imu2clip.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.data.Split;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Data sets whose windows cannot be trained on. */
class BadWindowsTest extends BadInput {
    @Test
    void aBatchLargerThanTheData() {
        pretrainRefuses(List.of(good + ": a batch of 37 windows cannot be filled from 36", "smaller batch size"), "--batch-size", "37");
        pretrainRefuses(List.of("a batch of 2147483647 windows"), "--batch-size", "2147483647");
    }

    @Test
    void windowsOfALengthThatTheEncoderCannotTake() throws IOException {
        Path data = withWindowsOf(2, Split.values());
        pretrainRefuses(List.of(data + ": ", "mw2 takes windows of 978 to 1004 samples", "not 400", "mw2_time"), "--data", data.toString());
        refused(List.of(data + ": ", "mw2 takes windows of 978 to 1004 samples", "not 400"), "evaluate", "--run", run.toString(),
                "--data", data.toString());
        made.resolve("data").toFile().renameTo(made.resolve("short").toFile());
        Path tiny = withWindowsOf(0.5, Split.values());
        pretrainRefuses(List.of(tiny + ": ", "mw2_time needs windows of at least ", "samples, not 100"), "--data", tiny.toString(), "--set",
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
        pretrainRefuses(List.of(data + ": windows of different lengths cannot share a batch", "has 1000 samples", "has 600"), "--data",
                data.toString());
    }

    @Test
    void windowsThatAllHaveOneText() throws IOException {
        Path data = copyOfData();
        List<String> lines = new ArrayList<>();
        for (String line : Files.readAllLines(data.resolve("windows.csv")))
            lines.add(lines.isEmpty() ? line : String.join(",", line.split(",", 4)[0], line.split(",", 4)[1], line.split(",", 4)[2],
                    "walks,walking"));
        Files.write(data.resolve("windows.csv"), lines);
        Outcome outcome = run("pretrain", "--data", data.toString(), "--epochs", "1", "--batch-size", "8", "--out",
                made.resolve("out").toString());
        assertEquals(0, outcome.code(), outcome.err());
        assertTrue(outcome.notices().contains("all training windows have the same text"), outcome.notices());
        lines.replaceAll(line -> line.replace(",walks,", ",,"));
        Files.write(data.resolve("windows.csv"), lines);
        pretrainRefuses(List.of("no usable window in the training split: 36 windows skipped: no narration"), "--data", data.toString(),
                "--out",
                made.resolve("out2").toString());
    }
}
