package dev.imu2clip.clip;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.imu2clip.io.AtomicFile;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Writes a text tower as Hugging Face's {@code CLIPTextModelWithProjection} and our {@link TextEncoder#open} read it: a folder with
 * {@code model.safetensors}, adapters merged, {@code config.json}, {@code vocab.json} and {@code merges.txt}.
 */
public final class TextTowerFolder {
    private TextTowerFolder() {}

    /**
     * Writes the tower as it stands. Each file is replaced as a whole, the weights last.
     *
     * @param metadata goes into the safetensors file
     */
    public static void write(Path folder, TextTower tower, Vocabulary vocabulary, Map<String, String> metadata) {
        AtomicFile.write(folder.resolve("config.json"), config(tower.config()).toPrettyString() + "\n");
        VocabularyFiles.write(folder, vocabulary);
        ClipWeights weights = tower.weights();
        try (Arena arena = Arena.ofConfined()) {
            List<Safetensors.Source> tensors = weights.names().stream().map(name -> {
                Shape shape = weights.shape(name);
                MemorySegment values = arena.allocate(4 * shape.count(), 4);
                weights.copyTo(name, values);
                return new Safetensors.Source(name, DType.F32, shape, values);
            }).toList();
            Safetensors.write(folder.resolve("model.safetensors"), metadata, tensors);
        }
    }

    /** By transformers' names. Its CLIP pools at the highest id where the config says that the end token is 2, as the published ones do. */
    private static ObjectNode config(TextConfig config) {
        ObjectNode json = new JsonMapper().createObjectNode();
        json.putArray("architectures").add("CLIPTextModelWithProjection");
        return json.put("model_type", "clip_text_model").put("hidden_size", config.width()).put("intermediate_size", config.hidden())
                .put("num_hidden_layers", config.layers()).put("num_attention_heads", config.heads())
                .put("max_position_embeddings", config.positions()).put("vocab_size", config.vocabulary())
                .put("projection_dim", config.projection()).put("hidden_act", config.quickGelu() ? "quick_gelu" : "gelu")
                .put("layer_norm_eps", 1e-5).put("bos_token_id", 0).put("pad_token_id", 1).put("eos_token_id", 2);
    }
}
