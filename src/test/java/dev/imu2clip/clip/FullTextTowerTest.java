package dev.imu2clip.clip;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.TestDevices;
import dev.imu2clip.TestData;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.io.Safetensors;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * ViT-B/32's text tower at full size against transformers, with the files of {@code python tools/goldens/text_tower.py --full DIR}, which
 * are too large to keep: {@code -Dimu2clip.clipGolden=DIR}.
 */
@Tag("heavy")
class FullTextTowerTest {
    private static final double TOLERANCE = 1e-4;
    /** The script's texts: their ids are in the file, so our tokenizer stands in the comparison too. */
    private static final List<String> NARRATIONS = List.of("#C C walks around the kitchen",
            "#C C picks up a knife from the chopping board with her right hand", "moves his head", "looks up",
            "c c sits down on the floor", "stands up", "the person is walking upstairs", "the person is walking downstairs",
                    "standing to sitting",
            "lying down on the bed, then getting up again", "a photo of a cat", "a diagram", "",
            "washes 2 plates, 3 cups & 1 pan", "café naïve über", "日本語 and emoji 😀!", "it's the man's dog; they've seen it",
            "turns the steering wheel to the left while talking to a man X", "supercalifragilisticexpialidocious", "walks ".repeat(80));

    /** Compiled devices: the definitions would take minutes. */
    static Stream<String> devices() {
        return TestDevices.all().stream().filter(device -> !device.equals("java"));
    }

    @ParameterizedTest
    @MethodSource("devices")
    void embeddingsAreThoseOfTransformers(String device) {
        String setting = System.getProperty("imu2clip.clipGolden", "");
        Assumptions.assumeTrue(Files.exists(Path.of(setting, "expected.safetensors")),
                "no full-size golden: make it with tools/goldens/text_tower.py --full DIR and set -Dimu2clip.clipGolden=DIR");
        Path folder = Path.of(setting);
        try (TextEncoder encoder = TextEncoder.open(Backends.get(device), folder, TestData.shared("clip"), 0);
                Safetensors expected = Safetensors.open(folder.resolve("expected.safetensors"))) {
            assertEquals(TextConfig.VIT_B_32, encoder.config());
            float[] embeds = expected.floats("text_embeds");
            float[][] actual = encoder.embed(NARRATIONS);
            double largest = 0;
            for (int i = 0; i < actual.length; i++)
                for (int j = 0; j < 512; j++) largest = Math.max(largest, Math.abs(actual[i][j] - embeds[512 * i + j]));
            assertEquals(512 * actual.length, embeds.length);
            System.out.println("Text tower on " + device + ": largest difference from transformers " + largest);
            assertTrue(largest < TOLERANCE, device + ": largest difference " + largest);
        }
    }
}
