package dev.imu2clip.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetricsLogTest {
    @TempDir
    Path folder;

    @Test
    void aLineIsInTheFileBeforeTheNext() throws IOException {
        Path file = folder.resolve("run/metrics.jsonl");
        try (var log = MetricsLog.open(file, 0)) {
            log.append(1, Map.of("train_loss", 3.25));
            assertEquals("{\"step\":1,\"train_loss\":3.25}\n", Files.readString(file));
            log.append(2, Map.of("train_loss", Double.NaN));
            assertEquals("{\"step\":2,\"train_loss\":null}", Files.readAllLines(file).getLast());
        }
    }

    @Test
    void continuingCutsWhatWillBeWrittenAgain() throws IOException {
        Path file = folder.resolve("metrics.jsonl");
        try (var log = MetricsLog.open(file, 0)) {
            for (int step = 1; step <= 5; step++) log.append(step, Map.of("train_loss", 1.0 / step));
            log.append(5, Map.of("val_loss", 9));
        }
        byte[] undisturbed = Files.readAllBytes(file);
        Files.writeString(file, "{\"step\":6,\"train_l", StandardOpenOption.APPEND);
        assertEquals(6, MetricsLog.read(file).size());
        try (var log = MetricsLog.open(file, 3)) {
            assertEquals(3, MetricsLog.read(file).size());
            for (int step = 4; step <= 5; step++) log.append(step, Map.of("train_loss", 1.0 / step));
            log.append(5, Map.of("val_loss", 9));
        }
        assertEquals(new String(undisturbed), Files.readString(file));
    }

    @Test
    void aDamagedLineEndsWhatIsKept() throws IOException {
        Path file = folder.resolve("metrics.jsonl");
        Files.writeString(file, "{\"step\":1}\n\0\0\0\0\n{\"step\":2}\n");
        assertEquals(2, MetricsLog.read(file).size());
        MetricsLog.open(file, 9).close();
        assertEquals("{\"step\":1}\n", Files.readString(file));
    }

    @Test
    void aNewRunBeginsAnew() throws IOException {
        Path file = folder.resolve("metrics.jsonl");
        Files.writeString(file, "{\"step\":1}\n");
        MetricsLog.open(file, 0).close();
        assertTrue(MetricsLog.read(file).isEmpty());
    }
}
