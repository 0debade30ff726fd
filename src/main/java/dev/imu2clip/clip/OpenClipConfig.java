package dev.imu2clip.clip;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.imu2clip.io.InputException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** open_clip's {@code open_clip_config.json}, read for the same things as Hugging Face's. */
final class OpenClipConfig {
    private static final String FILE = "open_clip_config.json";
    /** open_clip's own default. */
    private static final int HEAD = 64;

    private OpenClipConfig() {}

    /** The config in a folder, if there is one. */
    static Optional<HuggingFaceConfig> beside(Path folder, String section) {
        Path file = folder.resolve(FILE);
        if (!Files.isRegularFile(file)) return Optional.empty();
        JsonNode model;
        try {
            model = new JsonMapper().readTree(Files.readString(file)).path("model_cfg");
        } catch (JsonProcessingException e) {
            throw InputException.in(file, "is not valid JSON (" + e.getOriginalMessage() + ")", "Get the file again");
        } catch (IOException e) {
            throw new InputException(file + ": cannot be read (" + e + "). Get the file again, or remove it", e);
        }
        if (!model.isObject()) throw InputException.in(file, "has no model_cfg", "Get the file again, or remove it");
        JsonNode vision = model.path("vision_cfg");
        int heads = section.equals(HuggingFaceConfig.TEXT) ? model.path("text_cfg").path("heads").asInt(0)
                : vision.path("width").asInt(0) / Math.max(1, vision.path("head_width").asInt(HEAD));
        return Optional.of(new HuggingFaceConfig(Math.max(0, heads), model.path("quick_gelu").asBoolean(false)));
    }
}
