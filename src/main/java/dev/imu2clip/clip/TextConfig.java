package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;
import dev.imu2clip.tensor.Shape;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Sizes of a CLIP text tower.
 *
 * @param layers     transformer blocks
 * @param width      features of a token
 * @param heads      attention heads
 * @param hidden     features inside the MLP
 * @param vocabulary token ids
 * @param positions  tokens of a text at most, start and end included
 * @param projection features of the embedding
 * @param quickGelu  the MLP's activation: QuickGELU as OpenAI's models, else GELU
 */
public record TextConfig(int layers, int width, int heads, int hidden, int vocabulary, int positions, int projection, boolean quickGelu) {
    public static final TextConfig VIT_B_32 = new TextConfig(12, 512, 8, 2048, 49408, 77, 512, true);

    static final String TOKENS = "text_model.embeddings.token_embedding.weight";
    static final String POSITIONS = "text_model.embeddings.position_embedding.weight";
    static final String LAYERS = "text_model.encoder.layers.";
    static final String FINAL_NORM = "text_model.final_layer_norm";
    static final String PROJECTION = "text_projection";

    public TextConfig {
        if (layers < 1 || heads < 1 || width % heads != 0)
            throw new IllegalArgumentException("no text tower has " + layers + " layers, width " + width + " and " + heads + " heads");
    }

    /** Every tensor by Hugging Face's name, with its shape. */
    public Map<String, Shape> shapes() {
        Map<String, Shape> shapes = new LinkedHashMap<>();
        shapes.put(TOKENS, Shape.of(vocabulary, width));
        shapes.put(POSITIONS, Shape.of(positions, width));
        TowerShapes.blocks(shapes, LAYERS, layers, width, hidden);
        TowerShapes.pair(shapes, FINAL_NORM, width);
        shapes.put(PROJECTION + ".weight", Shape.of(projection, width));
        return shapes;
    }

    /**
     * The sizes that weights tell by their shapes; every tensor is then checked against them.
     *
     * @param model what the model's own config.json says that shapes do not
     * @throws InputException that names every tensor that is missing or misshapen
     */
    public static TextConfig of(ClipWeights weights, HuggingFaceConfig model) {
        String fc1 = LAYERS + "0.mlp.fc1.weight", projection = PROJECTION + ".weight";
        TowerShapes.require(weights, "text tower", TOKENS, POSITIONS, fc1, projection);
        Shape tokens = TowerShapes.shape(weights, TOKENS, 2);
        int width = TowerShapes.size(tokens, 1);
        var config = new TextConfig(TowerShapes.layers(weights, LAYERS), width, TowerShapes.heads(weights, width, model),
                TowerShapes.size(TowerShapes.shape(weights, fc1, 2), 0), TowerShapes.size(tokens, 0),
                TowerShapes.size(TowerShapes.shape(weights, POSITIONS, 2), 0),
                TowerShapes.size(TowerShapes.shape(weights, projection, 2), 0), model.quickGelu());
        TowerShapes.check(weights, "text tower of " + config.layers + " layers and width " + width, LAYERS, config.shapes());
        return config;
    }
}
