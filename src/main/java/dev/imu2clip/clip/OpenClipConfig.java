package dev.imu2clip.clip;

import com.fasterxml.jackson.databind.JsonNode;
import dev.imu2clip.io.InputException;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** open_clip's {@code open_clip_config.json}, read for the same things as Hugging Face's. */
final class OpenClipConfig {
    private static final String FILE = "open_clip_config.json";
    /** open_clip's own defaults. */
    private static final int HEADS = 8, HEAD = 64;

    private OpenClipConfig() {}

    /** The config in a folder, if there is one. */
    static Optional<HuggingFaceConfig> beside(Path folder, String section) {
        Path file = folder.resolve(FILE);
        if (!Files.isRegularFile(file)) return Optional.empty();
        JsonNode model = HuggingFaceConfig.json(file).path("model_cfg");
        if (!model.isObject()) throw InputException.in(file, "has no model_cfg", "Get the file again, or remove it");
        boolean text = section.equals(HuggingFaceConfig.TEXT);
        JsonNode tower = model.path(text ? "text_cfg" : "vision_cfg");
        int width = Math.max(0, tower.path("width").asInt(0));
        int heads = text ? tower.path("heads").asInt(HEADS) : width / Math.max(1, tower.path("head_width").asInt(HEAD));
        return Optional.of(new HuggingFaceConfig(width, Math.max(0, heads), model.path("quick_gelu").asBoolean(false)));
    }
}
