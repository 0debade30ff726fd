package dev.imu2clip.clip;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.imu2clip.io.InputException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What a Hugging Face {@code config.json} says of a tower and the shapes of its weights do not.
 *
 * @param heads     attention heads; 0 where unsaid
 * @param quickGelu whether the MLP uses QuickGELU, as OpenAI's models do and some others do not
 */
public record HuggingFaceConfig(int heads, boolean quickGelu) {
    /** OpenAI's models. */
    public static final HuggingFaceConfig OPENAI = new HuggingFaceConfig(0, true);
    static final String TEXT = "text_config", VISION = "vision_config";
    private static final String FILE = "config.json";
    private static final double EPSILON = 1e-5;

    /** What weights and the config in their folder tell together: of the activation, the weights know better. */
    static HuggingFaceConfig of(ClipWeights weights, Path folder, String section) {
        HuggingFaceConfig config = beside(folder, section);
        return new HuggingFaceConfig(config.heads, weights.quickGelu().orElse(config.quickGelu));
    }

    /** The config in a folder; {@link #OPENAI} where there is none. Its section is {@link #TEXT} or {@link #VISION}. */
    static HuggingFaceConfig beside(Path folder, String section) {
        return find(folder, section).orElse(OPENAI);
    }

    /** The config in a folder, else open_clip's, if there is one. */
    static Optional<HuggingFaceConfig> find(Path folder, String section) {
        Path file = folder.resolve(FILE);
        if (!Files.isRegularFile(file)) return OpenClipConfig.beside(folder, section);
        JsonNode root;
        try {
            root = new JsonMapper().readTree(Files.readString(file));
        } catch (JsonProcessingException e) {
            throw InputException.in(file, "is not valid JSON (" + e.getOriginalMessage() + ")", "Get the file again");
        } catch (IOException e) {
            throw new InputException(file + ": cannot be read (" + e + "). Get the file again, or remove it", e);
        }
        JsonNode tower = root.path(section).isObject() ? root.path(section) : root;
        String activation = tower.path("hidden_act").asText("quick_gelu");
        if (!activation.equals("quick_gelu") && !activation.equals("gelu"))
            throw InputException.in(file, "hidden_act is '" + activation + "'", "quick_gelu and gelu are known");
        double epsilon = tower.path("layer_norm_eps").asDouble(EPSILON);
        if (epsilon != EPSILON) throw InputException.in(file, "layer_norm_eps is " + epsilon, "Only " + EPSILON + " is supported");
        return Optional.of(new HuggingFaceConfig(Math.max(0, tower.path("num_attention_heads").asInt(0)), activation.equals("quick_gelu")));
    }
}
