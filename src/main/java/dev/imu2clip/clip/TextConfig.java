package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;
import dev.imu2clip.tensor.Shape;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

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
    /** Features of a head in every published CLIP. */
    private static final int HEAD = 64;
    private static final int MAX_PROBLEMS = 10;

    public TextConfig {
        if (layers < 1 || heads < 1 || width % heads != 0)
            throw new IllegalArgumentException("no text tower has " + layers + " layers, width " + width + " and " + heads + " heads");
    }

    /** Every tensor by Hugging Face's name, with its shape. */
    public Map<String, Shape> shapes() {
        Map<String, Shape> shapes = new LinkedHashMap<>();
        shapes.put(TOKENS, Shape.of(vocabulary, width));
        shapes.put(POSITIONS, Shape.of(positions, width));
        for (int i = 0; i < layers; i++) {
            String layer = LAYERS + i + ".";
            pair(shapes, layer + "layer_norm1", width);
            for (String part : List.of("q_proj", "k_proj", "v_proj", "out_proj")) pair(shapes, layer + "self_attn." + part, width, width);
            pair(shapes, layer + "layer_norm2", width);
            pair(shapes, layer + "mlp.fc1", hidden, width);
            pair(shapes, layer + "mlp.fc2", width, hidden);
        }
        pair(shapes, FINAL_NORM, width);
        shapes.put(PROJECTION + ".weight", Shape.of(projection, width));
        return shapes;
    }

    private static void pair(Map<String, Shape> shapes, String module, long... weight) {
        shapes.put(module + ".weight", Shape.of(weight));
        shapes.put(module + ".bias", Shape.of(weight[0]));
    }

    /**
     * The sizes that weights tell by their shapes; every tensor is then checked against them.
     *
     * @param model what the model's own config.json says that shapes do not
     * @throws InputException that names every tensor that is missing or misshapen
     */
    public static TextConfig of(ClipWeights weights, HuggingFaceConfig model) {
        Set<String> names = weights.names();
        List<String> missing = List.of(TOKENS, POSITIONS, LAYERS + "0.mlp.fc1.weight", PROJECTION + ".weight").stream()
                .filter(name -> !names.contains(name)).toList();
        if (!missing.isEmpty())
            throw new InputException(weights.origin() + ": holds no CLIP text tower with Hugging Face's names (no "
                    + String.join(", ", missing)
                    + " among its " + names.size()
                            + " tensors). Give the model.safetensors of https://huggingface.co/openai/clip-vit-base-patch32");
        Shape tokens = matrix(weights, TOKENS), positions = matrix(weights, POSITIONS), fc1 = matrix(weights, LAYERS + "0.mlp.fc1.weight");
        Shape projection = matrix(weights, PROJECTION + ".weight");
        int width = size(tokens, 1), layers = 0;
        while (hasLayer(names, layers)) layers++;
        if (model.heads() == 0 && width % HEAD != 0 || model.heads() != 0 && width % model.heads() != 0)
            throw new InputException(weights.origin() + ": its width " + width + " (of " + TOKENS + ") does not divide into "
                    + (model.heads() == 0 ? "heads of " + HEAD : model.heads() + " heads") + ". Check that it is a CLIP");
        var config = new TextConfig(layers, width, model.heads() == 0 ? width / HEAD : model.heads(), size(fc1, 0), size(tokens, 0),
                size(positions, 0), size(projection, 0), model.quickGelu());
        config.check(weights);
        return config;
    }

    private static boolean hasLayer(Set<String> names, int layer) {
        String prefix = LAYERS + layer + ".";
        return names.stream().anyMatch(name -> name.startsWith(prefix));
    }

    private static Shape matrix(ClipWeights weights, String name) {
        Shape shape = weights.shape(name);
        if (shape.rank() != 2 || shape.count() == 0)
            throw new InputException(weights.origin() + ": tensor '" + name + "' has shape " + shape
                    + ", expected a matrix. Check that it is a CLIP");
        return shape;
    }

    private static int size(Shape shape, int axis) {
        return Math.toIntExact(shape.size(axis));
    }

    private void check(ClipWeights weights) {
        List<String> problems = new ArrayList<>();
        shapes().forEach((name, expected) -> {
            if (!weights.names().contains(name)) problems.add("'" + name + "' is missing");
            else if (!weights.shape(name).equals(expected)) problems.add("'" + name + "' has shape " + weights.shape(name) + ", expected "
                    + expected);
        });
        if (problems.isEmpty()) return;
        int more = problems.size() - MAX_PROBLEMS;
        throw new InputException(weights.origin() + ": is no whole CLIP text tower of " + layers + " layers and width " + width + ": "
                + String.join("; ", problems.subList(0, Math.min(problems.size(), MAX_PROBLEMS)))
                        + (more > 0 ? "; and " + more + " more" : "")
                + ". Get the file again, or check that it is a CLIP");
    }
}
