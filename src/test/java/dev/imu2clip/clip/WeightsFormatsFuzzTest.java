package dev.imu2clip.clip;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.Fuzz;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.io.TensorFile;
import dev.imu2clip.io.TensorSource;
import dev.imu2clip.io.TorchWriter;
import dev.imu2clip.tensor.DType;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damaged weights of a tiny CLIP up to the sizes of its towers, which follow from names and shapes alone. */
class WeightsFormatsFuzzTest {
    @TempDir
    Path folder;

    @Test
    void namesAndShapes() throws IOException {
        Path safetensors = folder.resolve("model.safetensors"), torch = folder.resolve("model.pt");
        TextConfig text = new TextConfig(1, 2, 1, 3, 6, 5, 2, true);
        ImageConfig image = new ImageConfig(1, 2, 1, 3, 1, 2, 2, true);
        var oneHead = new HuggingFaceConfig(2, 1, true);
        var shapes = new LinkedHashMap<>(text.shapes());
        shapes.putAll(image.shapes());
        Safetensors.write(safetensors, Map.of(), shapes.entrySet().stream().map(e -> Safetensors.Source.of(e.getKey(),
                new float[(int) e.getValue().count()], e.getValue().sizes())).toList());
        try (TensorFile file = TensorFile.open(safetensors)) {
            TorchWriter.write(torch, Map.of(HuggingFaceConfig.TEXT, oneHead.text()), file.tensors().values().stream()
                    .map(view -> TensorSource.of(view, DType.F32, new LongAdder())).toList());
        }
        Fuzz.Result result = Fuzz.of("clip", Files.readAllBytes(safetensors), Files.readAllBytes(torch)).allocating(4 << 20).run(bytes -> {
            // The arena closes with the weights; where opening them throws it is left to the collector, as it holds nothing.
            TensorFile file = TensorFile.of(Path.of("damaged"), MemorySegment.ofArray(bytes), Arena.ofConfined());
            try (ClipWeights weights = WeightsFile.of(file)) {
                TextConfig.of(weights, weights.model(HuggingFaceConfig.TEXT).orElse(oneHead));
                ImageConfig.of(weights, oneHead);
            }
        });
        assertTrue(result.read() > 50 && result.refused() > 50, result.toString());
    }
}
