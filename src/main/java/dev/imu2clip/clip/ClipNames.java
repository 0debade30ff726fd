package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;
import dev.imu2clip.io.TensorFile;
import dev.imu2clip.io.TensorView;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * CLIP's tensors under Hugging Face's names. Files of OpenAI and open_clip have other names, hold query, key and value weights as one
 * matrix, and the two projections transposed; what they have become of here are views of the same bytes. Names of other models, such as
 * the ResNets among OpenAI's image towers, stay as they are.
 */
final class ClipNames {
    /** What DistributedDataParallel and torch.compile put in front of every name. */
    private static final List<String> WRAPPERS = List.of("module.", "_orig_mod.");
    private static final String TEXT = "text_model.", VISION = "vision_model.", BLOCKS = "transformer.resblocks.";
    /** Constants that OpenAI's archives hold beside the weights, and open_clip's causal mask. */
    private static final Set<String> CONSTANTS = Set.of("input_resolution", "context_length", "vocab_size", "attn_mask");

    private static final Map<String, String> WHOLE = Map.of(
            "positional_embedding", TEXT + "embeddings.position_embedding.weight",
            "visual.class_embedding", VISION + "embeddings.class_embedding",
            "visual.positional_embedding", VISION + "embeddings.position_embedding.weight");
    private static final Map<String, String> MODULES = Map.of(
            "token_embedding.", TEXT + "embeddings.token_embedding.",
            "ln_final.", TEXT + "final_layer_norm.",
            "visual.conv1.", VISION + "embeddings.patch_embedding.",
            "visual.ln_pre.", VISION + "pre_layrnorm.", // Hugging Face's spelling
            "visual.ln_post.", VISION + "post_layernorm.");
    private static final Map<String, String> IN_BLOCK = Map.of("ln_1.", "layer_norm1.", "ln_2.", "layer_norm2.", "attn.out_proj.",
            "self_attn.out_proj.", "mlp.c_fc.", "mlp.fc1.", "mlp.c_proj.", "mlp.fc2.");

    private final TensorFile file;
    private final Map<String, TensorView> renamed = new LinkedHashMap<>();

    private ClipNames(TensorFile file) {
        this.file = file;
    }

    /** @throws InputException where two tensors would have one name, or a fused one does not divide into three */
    static Map<String, TensorView> of(TensorFile file) {
        var names = new ClipNames(file);
        // An open_clip model with a text tower of its own kind keeps it under "text.".
        boolean nested = file.tensors().keySet().stream().anyMatch(name -> unwrapped(name).startsWith("text.token_embedding."));
        file.tensors().forEach((name, view) -> {
            String plain = unwrapped(name);
            names.add(nested && plain.startsWith("text.") ? plain.substring(5) : plain, view);
        });
        return names.renamed;
    }

    /** Which towers of a CLIP some of these names, as {@link #of} gives them, belong to: as sections of a {@link HuggingFaceConfig}. */
    static List<String> towers(Set<String> names) {
        List<String> towers = new ArrayList<>();
        if (names.contains(TextConfig.TOKENS)) towers.add(HuggingFaceConfig.TEXT);
        if (names.contains(ImageConfig.PATCHES + ".weight")) towers.add(HuggingFaceConfig.VISION);
        return towers;
    }

    private static String unwrapped(String name) {
        for (String wrapper : WRAPPERS) if (name.startsWith(wrapper)) return unwrapped(name.substring(wrapper.length()));
        return name;
    }

    private void add(String name, TensorView view) {
        if (CONSTANTS.contains(name)) return;
        if (name.equals("text_projection")) put("text_projection.weight", matrix(name, view).transposed());
        else if (name.equals("visual.proj")) put("visual_projection.weight", matrix(name, view).transposed());
        else if (WHOLE.containsKey(name)) put(WHOLE.get(name), view);
        else if (name.startsWith(BLOCKS)) block(TEXT, name.substring(BLOCKS.length()), view);
        else if (name.startsWith("visual." + BLOCKS)) block(VISION, name.substring(7 + BLOCKS.length()), view);
        else put(replaced(MODULES, name), view);
    }

    /** @param name the block's number and the name inside it: {@code 3.mlp.c_fc.weight} */
    private void block(String tower, String name, TensorView view) {
        int dot = name.indexOf('.') + 1;
        String layer = tower + "encoder.layers." + name.substring(0, dot), inside = name.substring(dot);
        if (!inside.startsWith("attn.in_proj_")) {
            put(layer + replaced(IN_BLOCK, inside), view);
            return;
        }
        if (view.shape().rank() == 0 || view.shape().size(0) % 3 != 0)
            throw InputException.in(file.file(), "tensor '" + view.name() + "' has shape " + view.shape()
                    + ", expected query, key and value weights above each other", "Check that it is a CLIP");
        long width = view.shape().size(0) / 3;
        int part = 0;
        for (String projection : List.of("q_proj.", "k_proj.", "v_proj."))
            put(layer + "self_attn." + projection + inside.substring("attn.in_proj_".length()), view.rows(width * part, width * ++part));
    }

    private static String replaced(Map<String, String> starts, String name) {
        for (var start : starts.entrySet())
            if (name.startsWith(start.getKey())) return start.getValue() + name.substring(start.getKey().length());
        return name;
    }

    private TensorView matrix(String name, TensorView view) {
        if (view.shape().rank() == 2) return view;
        throw InputException.in(file.file(), "tensor '" + name + "' has shape " + view.shape() + ", expected a matrix",
                "Check that it is a CLIP");
    }

    private void put(String name, TensorView view) {
        if (renamed.put(name, view.renamed(name)) != null)
            throw InputException.in(file.file(), "holds '" + name + "' twice, under different names", "Save one model only");
    }
}
