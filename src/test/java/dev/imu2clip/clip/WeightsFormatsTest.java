package dev.imu2clip.clip;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.TestDevices;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.io.TensorFile;
import dev.imu2clip.io.TensorSource;
import dev.imu2clip.io.TorchWriter;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** One CLIP of random weights in every format (tools/weights.py): the same tensors and the same embeddings, those of transformers. */
class WeightsFormatsTest {
    private static final List<String> FORMATS = List.of("openai.pt", "openai_state_dict.pt", "hf", "hf_bin", "open_clip",
            "open_clip_checkpoint.pt");

    @TempDir
    Path temporary;

    private static Path tiny() {
        try {
            return Path.of(WeightsFormatsTest.class.getResource("/weights").toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    /** Folder, format and device: the tiny files on all devices. */
    static Stream<List<String>> cases() {
        return FORMATS.stream().flatMap(format -> TestDevices.all().stream().map(device -> List.of(format, device)));
    }

    static Stream<String> formats() {
        return FORMATS.stream();
    }

    private static float[] values(ClipWeights weights, String name) {
        float[] values = new float[(int) weights.shape(name).count()];
        weights.copyTo(name, MemorySegment.ofArray(values));
        return values;
    }

    @ParameterizedTest
    @ValueSource(strings = {"openai.pt", "openai_state_dict.pt", "hf_bin", "open_clip", "open_clip_checkpoint.pt"})
    void everyFormatHoldsTheSameTensors(String format) {
        try (ClipWeights expected = ClipWeights.open(tiny().resolve("hf"));
                ClipWeights weights = ClipWeights.open(tiny().resolve(format))) {
            assertEquals(new TreeSet<>(expected.names()), new TreeSet<>(weights.names()));
            for (String name : expected.names()) {
                assertEquals(expected.shape(name), weights.shape(name), name);
                assertArrayEquals(values(expected, name), values(weights, name), name);
            }
            assertEquals(64, weights.identity().length());
            assertTrue(weights.origin().startsWith(tiny().resolve(format).toString()));
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void everyFormatGivesTheEmbeddingsOfTransformers(List<String> formatAndDevice) {
        assertEmbeddings(tiny(), tiny().resolve(formatAndDevice.get(0)), formatAndDevice.get(1), "", 2e-6f);
    }

    /** ViT-B/32 itself: {@code python tools/weights.py --full DIR}, then {@code -Dimu2clip.weights=DIR}. */
    @Tag("heavy")
    @ParameterizedTest
    @MethodSource("formats")
    void everyFormatAtFullSize(String format) {
        String setting = System.getProperty("imu2clip.weights", "");
        Assumptions.assumeTrue(Files.exists(Path.of(setting, "expected.safetensors")),
                "no full-size weights: make them with tools/weights.py --full DIR and set -Dimu2clip.weights=DIR");
        for (String device : TestDevices.all())
            if (!device.equals("java")) assertEmbeddings(Path.of(setting), Path.of(setting, format), device, "", 1e-4f);
    }

    @Test
    void openClipsConfigTellsTheActivation() throws IOException {
        for (String file : List.of("open_clip_model.safetensors", "open_clip_config.json"))
            Files.copy(tiny().resolve("open_clip").resolve(file), temporary.resolve(file));
        Path config = temporary.resolve("open_clip_config.json");
        Files.writeString(config, Files.readString(config).replace("\"quick_gelu\": true", "\"quick_gelu\": false"));
        assertEmbeddings(tiny(), temporary, "java", "_gelu", 2e-6f);
        assertThrows(AssertionError.class, () -> assertEmbeddings(tiny(), temporary, "java", "", 2e-5f), "the activations differ");
        Files.writeString(config, "{}");
        assertTrue(assertThrows(InputException.class, () -> model(temporary, HuggingFaceConfig.TEXT)).getMessage().contains("no model_cfg"));
        Files.writeString(config, "{");
        assertTrue(assertThrows(InputException.class, () -> model(temporary, HuggingFaceConfig.TEXT)).getMessage().contains("valid JSON"));
    }

    /** What is told of a tower of the weights in a file or folder. */
    private static Optional<HuggingFaceConfig> model(Path file, String section) {
        try (ClipWeights weights = ClipWeights.open(file)) {
            return HuggingFaceConfig.told(weights, Files.isDirectory(file) ? file : file.getParent(), section);
        }
    }

    @Test
    void filesTellTheActivationWhereTheyCan() {
        var told = Optional.of(new HuggingFaceConfig(64, 1, true));
        Map<String, Optional<HuggingFaceConfig>> expected = Map.of("openai.pt", Optional.of(HuggingFaceConfig.OPENAI),
                "openai_state_dict.pt", Optional.empty(), "hf", told, "open_clip", told, "open_clip_checkpoint.pt", Optional.empty());
        expected.forEach((format, model) -> {
            for (String section : List.of(HuggingFaceConfig.TEXT, HuggingFaceConfig.VISION))
                assertEquals(model, model(tiny().resolve(format), section), format);
        });
    }

    @Test
    void towersMayDiffer() throws IOException {
        Files.copy(tiny().resolve("hf/model.safetensors"), temporary.resolve("model.safetensors"));
        Path config = temporary.resolve("config.json");
        Files.writeString(config, """
                {"text_config": {"hidden_size": 64, "num_attention_heads": 2, "hidden_act": "gelu"},
                 "vision_config": {"hidden_size": 64, "num_attention_heads": 4, "hidden_act": "quick_gelu"}}""");
        assertTowers(temporary, 2, false, 4, true);
        Files.move(config, temporary.resolve("open_clip_config.json"));
        Files.writeString(temporary.resolve("open_clip_config.json"), """
                {"model_cfg": {"quick_gelu": true, "text_cfg": {"width": 64}, "vision_cfg": {"width": 64, "head_width": 16}}}""");
        assertTowers(temporary, 8, true, 4, true);
    }

    private static void assertTowers(Path folder, int textHeads, boolean textQuick, int imageHeads, boolean imageQuick) {
        try (ClipWeights weights = ClipWeights.open(folder)) {
            TextConfig text = TextConfig.of(weights, HuggingFaceConfig.of(weights, folder, HuggingFaceConfig.TEXT));
            ImageConfig image = ImageConfig.of(weights, HuggingFaceConfig.of(weights, folder, HuggingFaceConfig.VISION));
            assertEquals(List.of(textHeads, textQuick, imageHeads, imageQuick),
                    List.of(text.heads(), text.quickGelu(), image.heads(), image.quickGelu()));
        }
    }

    @Test
    void aConfigOfAnotherModelIsFoundOut() throws IOException {
        Path config = Files.writeString(temporary.resolve("config.json"), """
                {"text_config": {"hidden_size": 128, "num_attention_heads": 2}, "vision_config": {"hidden_size": 128}}""");
        Path plain = Files.copy(tiny().resolve("openai_state_dict.pt"), temporary.resolve("plain.pt"));
        try (ClipWeights weights = ClipWeights.open(plain)) {
            for (var of : List.<Runnable>of(
                    () -> TextConfig.of(weights, HuggingFaceConfig.of(weights, temporary, HuggingFaceConfig.TEXT)),
                    () -> ImageConfig.of(weights, HuggingFaceConfig.of(weights, temporary, HuggingFaceConfig.VISION))))
                assertTrue(assertThrows(InputException.class, of::run).getMessage().contains(
                        "plain.pt: its width is 64, but the config beside it speaks of 128"));
        }
        // OpenAI's archive needs none, and a broken one does not disturb it.
        Files.copy(tiny().resolve("openai.pt"), temporary.resolve("openai.pt"));
        Files.writeString(config, "{");
        assertEquals(Optional.of(HuggingFaceConfig.OPENAI), model(temporary.resolve("openai.pt"), HuggingFaceConfig.TEXT));
    }

    @Test
    void blocksWithMoreThanClipsAreRefused() {
        Path file = temporary.resolve("scaled.safetensors");
        try (Safetensors clip = Safetensors.open(tiny().resolve("hf/model.safetensors"))) {
            List<Safetensors.Source> tensors = new ArrayList<>();
            clip.entries().values().forEach(e -> tensors.add(new Safetensors.Source(e.name(), e.dtype(), e.shape(), e.bytes())));
            tensors.add(Safetensors.Source.of("text_model.encoder.layers.0.ls_1.gamma", new float[64], 64));
            Safetensors.write(file, Map.of(), tensors);
        }
        try (ClipWeights weights = ClipWeights.open(file)) {
            ImageConfig.of(weights, HuggingFaceConfig.OPENAI);
            assertTrue(assertThrows(InputException.class, () -> TextConfig.of(weights, HuggingFaceConfig.OPENAI)).getMessage()
                    .contains("'text_model.encoder.layers.0.ls_1.gamma' is not known"));
        }
    }

    private static void assertEmbeddings(Path folder, Path file, String device, String activation, float tolerance) {
        Backend backend = Backends.get(device);
        Path config = Files.isDirectory(file) ? file : file.getParent();
        try (ClipWeights weights = ClipWeights.open(file); Safetensors expected = Safetensors.open(folder.resolve("expected.safetensors"));
                var workspace = new Workspace(backend, "formats")) {
            var text = new TextTower(TextConfig.of(weights, HuggingFaceConfig.of(weights, config, HuggingFaceConfig.TEXT)));
            try (ParameterStore _ = text.load(backend, weights, false); var _ = workspace.step()) {
                Tape tape = new Tape(workspace);
                assertNear(expected.floats("text_embeds" + activation), texts(text, tape, expected), tolerance, file
                        + ", texts on " + device);
            }
            var image = new ImageTower(ImageConfig.of(weights, HuggingFaceConfig.of(weights, config, HuggingFaceConfig.VISION)));
            try (ParameterStore _ = image.load(backend, weights, false); var _ = workspace.step()) {
                Tape tape = new Tape(workspace);
                long[] sizes = expected.require("pixel_values").shape().sizes();
                Tensor pixels = tape.empty(DType.F32, sizes).set(expected.floats("pixel_values"));
                assertNear(expected.floats("image_embeds" + activation), image.forward(tape, pixels).toFloats(), tolerance, file
                        + ", images on " + device);
            }
        }
    }

    private static float[] texts(TextTower tower, Tape tape, Safetensors expected) {
        int[][] ids = TinyTower.ids(expected);
        int length = ids[0].length;
        int[] all = new int[ids.length * length], ends = new int[ids.length];
        for (int i = 0; i < ids.length; i++) {
            System.arraycopy(ids[i], 0, all, i * length, length);
            ends[i] = i * length + TextEncoder.untilEnd(ids[i]).length - 1;
        }
        return tower.forward(tape, tape.empty(DType.I32, ids.length, length).set(MemorySegment.ofArray(all)),
                tape.empty(DType.I32, ids.length).set(MemorySegment.ofArray(ends))).toFloats();
    }

    private static void assertNear(float[] expected, float[] actual, float tolerance, String what) {
        assertEquals(expected.length, actual.length, what);
        float largest = 0;
        for (int i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(expected[i] - actual[i]));
        if (expected.length >= 512) System.out.println("Largest difference from transformers, " + what + ": " + largest);
        assertTrue(largest <= tolerance, what + ": " + largest);
    }

    // ---- files that are hard to tell ----

    private String refused(Path path) {
        String message = assertThrows(InputException.class, () -> ClipWeights.open(path)).getMessage();
        assertTrue(message.startsWith(path.toString()), message);
        return message;
    }

    @Test
    void aFolderStandsForTheWeightsInIt() throws IOException {
        assertTrue(refused(temporary).contains("a folder without weights (model.safetensors, "), refused(temporary));
        Path plain = Files.copy(tiny().resolve("openai_state_dict.pt"), temporary.resolve("b.pt"));
        try (ClipWeights weights = ClipWeights.open(temporary)) {
            assertEquals(plain.toString(), weights.origin());
        }
        Files.copy(plain, temporary.resolve("a.pt"));
        assertTrue(refused(temporary).contains("several weights: a.pt, b.pt. Name one"), refused(temporary));
        Files.writeString(temporary.resolve("pytorch_model.bin.index.json"), "{}");
        assertTrue(refused(temporary).contains("in several pieces"), refused(temporary));
        Files.copy(plain, temporary.resolve("open_clip_pytorch_model.bin"));
        Files.copy(plain, temporary.resolve("pytorch_model.bin"));
        try (ClipWeights weights = ClipWeights.open(temporary)) {
            assertEquals(temporary.resolve("pytorch_model.bin").toString(), weights.origin());
        }
    }

    private Path written(Object... namesAndShapes) {
        List<TensorSource> tensors = new ArrayList<>();
        for (int i = 0; i < namesAndShapes.length; i += 2) {
            Shape shape = (Shape) namesAndShapes[i + 1];
            float[] values = new float[(int) shape.count()];
            for (int k = 0; k < values.length; k++) values[k] = k;
            tensors.add(TensorSource.of(Safetensors.Source.of((String) namesAndShapes[i], values, shape.sizes())));
        }
        Path file = temporary.resolve("made.pt");
        TorchWriter.write(file, Map.of(), tensors);
        return file;
    }

    @Test
    void namesAreTranslated() {
        String block = "module._orig_mod.visual.transformer.resblocks.11.";
        try (ClipWeights weights = ClipWeights.open(written(block + "attn.in_proj_bias", Shape.of(6),
                block + "mlp.c_proj.weight", Shape.of(2, 8), "module._orig_mod.visual.proj", Shape.of(2, 3), "attn_mask", Shape.of(2, 2),
                "text.token_embedding.weight", Shape.of(2, 2),
                "text.text_projection", Shape.of(2, 2), "something.else", Shape.of(1)))) {
            String layer = "vision_model.encoder.layers.11.";
            assertEquals(new TreeSet<>(List.of(layer + "self_attn.q_proj.bias", layer + "self_attn.k_proj.bias",
                    layer + "self_attn.v_proj.bias", layer + "mlp.fc2.weight", "visual_projection.weight", TextConfig.TOKENS,
                    "text_projection.weight", "something.else")),
                    new TreeSet<>(weights.names()));
            assertArrayEquals(new float[] {2, 3}, values(weights, layer + "self_attn.k_proj.bias"));
            assertArrayEquals(new float[] {0, 3, 1, 4, 2, 5}, values(weights, "visual_projection.weight"));
        }
    }

    @Test
    void whatCannotBeTranslatedIsNamed() {
        assertTrue(refused(written("transformer.resblocks.0.attn.in_proj_weight", Shape.of(4, 2))).contains("query, key and value"));
        assertTrue(refused(written("visual.proj", Shape.of(4))).contains("'visual.proj' has shape (4,), expected a matrix"));
        assertTrue(refused(written("ln_final.bias", Shape.of(4), "module.ln_final.bias", Shape.of(4))).contains("twice"));
        try (TensorFile odd = TensorFile.open(tiny().resolve("odd.pt")); ClipWeights weights = ClipWeights.open(odd.file())) {
            assertEquals(odd.names(), weights.names());
            assertTrue(assertThrows(InputException.class, () -> weights.shape("ids")).getMessage().contains("type I64"));
            assertTrue(assertThrows(InputException.class, () -> weights.shape("bytes")).getMessage().contains("type uint8"));
        }
    }
}
