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
 * @param width     features of a token; 0 where unsaid. Weights of another width belong to another model
 * @param heads     attention heads; 0 where unsaid
 * @param quickGelu whether the MLP uses QuickGELU, as OpenAI's models do and some others do not
 */
public record HuggingFaceConfig(int width, int heads, boolean quickGelu) {
    /** OpenAI's models. */
    public static final HuggingFaceConfig OPENAI = new HuggingFaceConfig(0, true);
    static final String TEXT = "text_config", VISION = "vision_config";
    private static final String FILE = "config.json", WIDTH = "hidden_size", HEADS = "num_attention_heads", ACTIVATION = "hidden_act";
    private static final String QUICK = "quick_gelu", EXACT = "gelu";
    private static final double EPSILON = 1e-5;

    public HuggingFaceConfig(int heads, boolean quickGelu) {
        this(0, heads, quickGelu);
    }

    /** What weights themselves tell, else the config in their folder, else {@link #OPENAI}. */
    static HuggingFaceConfig of(ClipWeights weights, Path folder, String section) {
        return told(weights, folder, section).orElse(OPENAI);
    }

    /** The same, empty where nothing tells. The section is {@link #TEXT} or {@link #VISION}. */
    static Optional<HuggingFaceConfig> told(ClipWeights weights, Path folder, String section) {
        return weights.model(section).or(() -> beside(folder, section));
    }

    /** The config in a folder, else open_clip's, if there is one. */
    static Optional<HuggingFaceConfig> beside(Path folder, String section) {
        Path file = folder.resolve(FILE);
        if (!Files.isRegularFile(file)) return OpenClipConfig.beside(folder, section);
        JsonNode root = json(file);
        return Optional.of(parse(file, root.path(section).isObject() ? root.path(section) : root));
    }

    /** The JSON in a file. */
    static JsonNode json(Path file) {
        try {
            return new JsonMapper().readTree(Files.readString(file));
        } catch (JsonProcessingException e) {
            throw InputException.in(file, "is not valid JSON (" + e.getOriginalMessage() + ")", "Get the file again");
        } catch (IOException e) {
            throw new InputException(file + ": cannot be read (" + e + "). Get the file again, or remove it", e);
        }
    }

    /** What {@link #text} wrote into the metadata of a file. */
    static HuggingFaceConfig parse(Path file, String text) {
        try {
            return parse(file, new JsonMapper().readTree(text));
        } catch (JsonProcessingException e) {
            throw InputException.in(file, "its metadata hold no valid JSON (" + e.getOriginalMessage() + ")", "Make the file again");
        }
    }

    private static HuggingFaceConfig parse(Path file, JsonNode tower) {
        String activation = tower.path(ACTIVATION).asText(QUICK);
        if (!activation.equals(QUICK) && !activation.equals(EXACT))
            throw InputException.in(file, ACTIVATION + " is '" + activation + "'", QUICK + " and " + EXACT + " are known");
        double epsilon = tower.path("layer_norm_eps").asDouble(EPSILON);
        if (epsilon != EPSILON) throw InputException.in(file, "layer_norm_eps is " + epsilon, "Only " + EPSILON + " is supported");
        return new HuggingFaceConfig(Math.max(0, tower.path(WIDTH).asInt(0)), Math.max(0, tower.path(HEADS).asInt(0)),
                activation.equals(QUICK));
    }

    /** As a section of a {@code config.json}. */
    String text() {
        return new JsonMapper().createObjectNode().put(WIDTH, width).put(HEADS, heads).put(ACTIVATION, quickGelu ? QUICK : EXACT)
                .toString();
    }
}
