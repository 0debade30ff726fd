package dev.imu2clip.clip;

import dev.imu2clip.io.Safetensors;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The golden text tower of 2 layers, width 64 and 2 heads, and what transformers makes of token ids with it (tools/goldens/text_tower.py). */
final class TinyTower {
    static final Path WEIGHTS = golden("clip_text_tiny"), EXPECTED = golden("clip_text_tiny_expected");
    static final HuggingFaceConfig TWO_HEADS = new HuggingFaceConfig(2, true);

    private TinyTower() {}

    private static Path golden(String name) {
        try {
            return Path.of(TinyTower.class.getResource("/goldens/" + name + ".safetensors").toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    /** The weights in a folder of their own, with the config that names their heads. */
    static Path folder(Path folder) throws IOException {
        Files.copy(WEIGHTS, folder.resolve("model.safetensors"));
        Files.writeString(folder.resolve("config.json"), "{\"text_config\": {\"num_attention_heads\": 2, \"hidden_act\": \"quick_gelu\"}}");
        return folder;
    }

    /** Token ids, text by text. */
    static int[][] ids(Safetensors expected) {
        var entry = expected.require("input_ids");
        int count = (int) entry.shape().size(0), length = (int) entry.shape().size(1);
        int[][] ids = new int[count][length];
        for (int i = 0; i < count; i++)
            for (int j = 0; j < length; j++) ids[i][j] = (int) entry.bytes().get(ValueLayout.JAVA_LONG_UNALIGNED, 8L * (i * length + j));
        return ids;
    }
}
