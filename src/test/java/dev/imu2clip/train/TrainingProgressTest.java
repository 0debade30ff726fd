package dev.imu2clip.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class TrainingProgressTest {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);

    @Test
    void oneLineAnEpochWhereThereIsNoTerminal() {
        try (var progress = new TrainingProgress(out, false, 3)) {
            for (int epoch = 1; epoch <= 2; epoch++) {
                progress.epochStarts(epoch, 10, 0);
                for (int step = 0; step < 10; step++) progress.step(32, 3.14159, 0.0712);
                progress.epochDone(epoch, 3.14159, 2.71828, 0.0712);
            }
        }
        var lines = bytes.toString(StandardCharsets.UTF_8).lines().toList();
        assertEquals(2, lines.size());
        assertTrue(lines.get(1).matches("epoch 2/3: train loss 3\\.1416, val loss 2\\.7183, temperature 0\\.0712, \\d+ windows/s, 0:00"),
                lines.get(1));
    }

    @Test
    void aBarOnATerminal() throws InterruptedException {
        try (var progress = new TrainingProgress(out, true, 30)) {
            progress.epochStarts(3, 100, 40);
            for (int step = 0; step < 30; step++) progress.step(32, 3.14159, 0.0712);
            Thread.sleep(500);
            progress.epochDone(3, 3, 2, 0.07);
        }
        String shown = bytes.toString(StandardCharsets.UTF_8);
        assertTrue(shown.contains("epoch 3/30"), shown);
        assertTrue(shown.contains("70/100"), shown);
        assertTrue(shown.contains("epoch 3/30: train loss 3.0000"), shown);
    }

    @Test
    void timesAreReadable() {
        assertEquals("0:59", TrainingProgress.time(59));
        assertEquals("59:01", TrainingProgress.time(3541));
        assertEquals("2:00:05", TrainingProgress.time(7205));
    }
}
