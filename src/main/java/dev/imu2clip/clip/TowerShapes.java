package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;
import dev.imu2clip.tensor.Shape;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** What text and image towers have in common when they are told from the shapes of weights. */
final class TowerShapes {
    /** Features of a head in every published CLIP. */
    private static final int HEAD = 64;
    private static final int MAX_PROBLEMS = 10;

    private TowerShapes() {}

    /** Weight and bias of a module. */
    static void pair(Map<String, Shape> shapes, String module, long... weight) {
        shapes.put(module + ".weight", Shape.of(weight));
        shapes.put(module + ".bias", Shape.of(weight[0]));
    }

    /** The tensors of a transformer's blocks. */
    static void blocks(Map<String, Shape> shapes, String prefix, int layers, int width, int hidden) {
        for (int i = 0; i < layers; i++) {
            String layer = prefix + i + ".";
            pair(shapes, layer + "layer_norm1", width);
            for (String part : List.of("q_proj", "k_proj", "v_proj", "out_proj")) pair(shapes, layer + "self_attn." + part, width, width);
            pair(shapes, layer + "layer_norm2", width);
            pair(shapes, layer + "mlp.fc1", hidden, width);
            pair(shapes, layer + "mlp.fc2", width, hidden);
        }
    }

    /**
     * How many blocks there are.
     *
     * @throws InputException when one before the last is missing: without it, and those behind it, the tower would be another
     */
    static int layers(ClipWeights weights, String prefix) {
        Set<String> blocks = weights.names().stream().filter(name -> name.startsWith(prefix))
                .map(name -> name.substring(prefix.length()).split("\\.")[0])
                .filter(block -> block.matches("\\d+")).collect(Collectors.toSet());
        int layers = 0;
        while (blocks.contains(String.valueOf(layers))) layers++;
        if (layers < blocks.size())
            throw new InputException(weights.origin() + ": has " + blocks.size() + " blocks '" + prefix + "N', but none of them is " + layers
                    + ". Get the file again");
        return layers;
    }

    /** @throws InputException when one of the tensors that tell a tower's sizes is not there */
    static void require(ClipWeights weights, String tower, String... names) {
        List<String> missing = List.of(names).stream().filter(name -> !weights.names().contains(name)).toList();
        if (!missing.isEmpty())
            throw new InputException(weights.origin() + ": holds no CLIP " + tower + " (no " + String.join(", ", missing) + " among its "
                    + weights.names().size() + " tensors). Give other weights with --clip, or run: " + ClipRelease.COMMAND);
    }

    /** A tensor's shape, which must have this many dimensions. */
    static Shape shape(ClipWeights weights, String name, int rank) {
        Shape shape = weights.shape(name);
        if (shape.rank() != rank || shape.count() == 0)
            throw new InputException(weights.origin() + ": tensor '" + name + "' has shape " + shape + ", expected "
                    + (rank == 2 ? "a matrix" : rank + " dimensions") + ". Check that it is a CLIP");
        return shape;
    }

    static int size(Shape shape, int axis) {
        return Math.toIntExact(shape.size(axis));
    }

    /** Heads as the model's config names them, else of 64 features each. */
    static int heads(ClipWeights weights, int width, HuggingFaceConfig model) {
        if (model.width() != 0 && model.width() != width)
            throw new InputException(weights.origin() + ": its width is " + width + ", but the config beside it speaks of " + model.width()
                    + ". Keep weights and config of each model in a folder of their own");
        int heads = model.heads();
        if (heads == 0 && width % HEAD != 0 || heads != 0 && width % heads != 0)
            throw new InputException(weights.origin() + ": its width " + width + " does not divide into "
                    + (heads == 0 ? "heads of " + HEAD : heads + " heads") + ". Check that it is a CLIP");
        return heads == 0 ? width / HEAD : heads;
    }

    /**
     * @param blocks what the names of the transformer's tensors begin with: one more there changes what a block computes
     * @throws InputException that names every tensor which is missing, misshapen or too much, up to ten
     */
    static void check(ClipWeights weights, String tower, String blocks, Map<String, Shape> shapes) {
        List<String> problems = new ArrayList<>();
        shapes.forEach((name, expected) -> {
            if (!weights.names().contains(name)) problems.add("'" + name + "' is missing");
            else if (!weights.shape(name).equals(expected)) problems.add("'" + name + "' has shape " + weights.shape(name) + ", expected "
                    + expected);
        });
        for (String name : weights.names())
            if (name.startsWith(blocks) && !shapes.containsKey(name)) problems.add("'" + name + "' is not known");
        if (problems.isEmpty()) return;
        int more = problems.size() - MAX_PROBLEMS;
        throw new InputException(weights.origin() + ": is no whole CLIP " + tower + ": "
                + InputException.printable(String.join("; ", problems.subList(0, Math.min(problems.size(), MAX_PROBLEMS))))
                + (more > 0 ? "; and " + more + " more" : "")
                + ". Get the file again, or check that it is a CLIP");
    }
}
