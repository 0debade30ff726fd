package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;
import dev.imu2clip.tensor.Shape;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Sizes of a CLIP image tower, a vision transformer.
 *
 * @param layers     transformer blocks
 * @param width      features of a patch
 * @param heads      attention heads
 * @param hidden     features inside the MLP
 * @param patch      pixels along an edge of a patch
 * @param resolution pixels along an edge of the image
 * @param projection features of the embedding
 * @param quickGelu  the MLP's activation: QuickGELU as OpenAI's models, else GELU
 */
public record ImageConfig(int layers, int width, int heads, int hidden, int patch, int resolution, int projection, boolean quickGelu) {
    public static final ImageConfig VIT_B_32 = new ImageConfig(12, 768, 12, 3072, 32, 224, 512, true);
    /** Red, green and blue. */
    public static final int CHANNELS = 3;

    static final String CLASS = "vision_model.embeddings.class_embedding";
    static final String PATCHES = "vision_model.embeddings.patch_embedding";
    static final String POSITIONS = "vision_model.embeddings.position_embedding.weight";
    /** Hugging Face's own spelling. */
    static final String FIRST_NORM = "vision_model.pre_layrnorm";
    static final String LAYERS = "vision_model.encoder.layers.";
    static final String FINAL_NORM = "vision_model.post_layernorm";
    static final String PROJECTION = "visual_projection";

    public ImageConfig {
        if (layers < 1 || heads < 1 || width % heads != 0 || patch < 1 || resolution % patch != 0)
            throw new IllegalArgumentException("no image tower has " + layers + " layers, width " + width + ", " + heads
                    + " heads and patches of " + patch + " in an image of " + resolution);
    }

    /** Patches along an edge of the image. */
    public int grid() {
        return resolution / patch;
    }

    /** Patches and the class token. */
    public int positions() {
        return grid() * grid() + 1;
    }

    /** Values of a preprocessed image, (3, resolution, resolution). */
    public int pixels() {
        return CHANNELS * resolution * resolution;
    }

    /** Every tensor by Hugging Face's name, with its shape. */
    public Map<String, Shape> shapes() {
        Map<String, Shape> shapes = new LinkedHashMap<>();
        shapes.put(CLASS, Shape.of(width));
        shapes.put(PATCHES + ".weight", Shape.of(width, CHANNELS, patch, patch));
        shapes.put(POSITIONS, Shape.of(positions(), width));
        TowerShapes.pair(shapes, FIRST_NORM, width);
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
    public static ImageConfig of(ClipWeights weights, HuggingFaceConfig model) {
        String patches = PATCHES + ".weight", fc1 = LAYERS + "0.mlp.fc1.weight", projection = PROJECTION + ".weight";
        TowerShapes.require(weights, "image tower", patches, POSITIONS, fc1, projection);
        Shape patch = TowerShapes.shape(weights, patches, 4);
        long positions = TowerShapes.shape(weights, POSITIONS, 2).size(0), grid = Math.round(Math.sqrt(positions - 1));
        if (grid < 1 || grid * grid != positions - 1)
            throw new InputException(weights.origin() + ": tensor '" + POSITIONS + "' has " + positions
                    + " positions, expected one and those of a square of patches. Check that it is a CLIP with a vision transformer");
        int width = TowerShapes.size(patch, 0), edge = TowerShapes.size(patch, 3);
        var config = new ImageConfig(TowerShapes.layers(weights, LAYERS), width, TowerShapes.heads(weights, width, model),
                TowerShapes.size(TowerShapes.shape(weights, fc1, 2), 0), edge, Math.toIntExact(grid * edge),
                TowerShapes.size(TowerShapes.shape(weights, projection, 2), 0), model.quickGelu());
        TowerShapes.check(weights, "image tower of " + config.layers + " layers and width " + width, LAYERS, config.shapes());
        return config;
    }
}
