package dev.imu2clip.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.backend.Backends;
import dev.imu2clip.clip.ImageEncoder;
import dev.imu2clip.clip.WeightsFile;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.io.TensorFile;
import dev.imu2clip.tensor.DType;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ConvertTest extends BadInput {
    private static Path weights(String name) {
        try {
            return Path.of(ConvertTest.class.getResource("/weights/" + name).toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    private static String converted(Object... arguments) {
        String[] all = new String[arguments.length + 1];
        all[0] = "convert";
        for (int i = 0; i < arguments.length; i++) all[i + 1] = arguments[i].toString();
        Outcome outcome = run(all);
        assertEquals(0, outcome.code(), outcome.err());
        return outcome.out();
    }

    @ParameterizedTest
    @ValueSource(strings = {"openai.pt", "openai_state_dict.pt", "hf", "hf_bin", "open_clip", "open_clip_checkpoint.pt"})
    void clipOfEveryFormatBecomesHuggingFaces(String format) {
        Path out = made.resolve("clip.safetensors");
        String report = converted(weights(format), out);
        assertTrue(report.startsWith("CLIP weights: 62 tensors, 72,737 parameters\nRead from " + weights(format)), report);
        assertTrue(report.contains("Written to " + out + " as float32, "), report);
        try (Safetensors file = Safetensors.open(out); Safetensors expected = Safetensors.open(weights("hf/model.safetensors"))) {
            assertEquals(new TreeSet<>(expected.names()), new TreeSet<>(file.names()));
            for (String name : expected.names()) assertArrayEquals(expected.floats(name), file.floats(name), name);
            assertEquals("pt", file.metadata().get("format"));
        }
    }

    @Test
    void halvesAreExactWhereTheyCanBeAndOverflowIsTold() throws IOException {
        Path half = made.resolve("half.safetensors"), brain = made.resolve("brain.safetensors");
        converted(weights("openai.pt"), half, "--dtype", "f16");
        converted(weights("openai.pt"), brain, "--dtype=bf16");
        try (Safetensors f16 = Safetensors.open(half); Safetensors bf16 = Safetensors.open(brain); Safetensors exact = Safetensors.open(
                weights("hf/model.safetensors"))) {
            for (String name : exact.names()) {
                assertEquals(DType.F16, f16.require(name).dtype());
                assertEquals(DType.BF16, bf16.require(name).dtype());
                assertArrayEquals(exact.floats(name), f16.floats(name), name);
                float[] values = exact.floats(name), rounded = bf16.floats(name);
                for (int i = 0; i < values.length; i++) assertEquals(values[i], rounded[i], Math.abs(values[i]) / 256, name);
            }
        }
        Path large = made.resolve("large.safetensors");
        try (Safetensors exact = Safetensors.open(half)) {
            Safetensors.write(large, Map.of(), exact.entries().values().stream().map(e -> e.name().equals("text_projection.weight")
                    ? Safetensors.Source.of(e.name(), floats(e, 70_000, -1e6f, 65_519, Float.POSITIVE_INFINITY), e.shape().sizes())
                    : new Safetensors.Source(e.name(), e.dtype(), e.shape(), e.bytes())).toList());
        }
        String report = converted(large, half, "--dtype", "f16");
        assertTrue(report.endsWith("\n2 values are too large for float16 and became infinite; --dtype bf16 or f32 keeps them\n"), report);
        assertFalse(converted(large, brain, "--dtype", "bf16").contains("too large"));
    }

    private static float[] floats(Safetensors.Entry entry, float... first) {
        float[] values = new float[(int) entry.shape().count()];
        System.arraycopy(first, 0, values, 0, first.length);
        return values;
    }

    @Test
    void anEncoderBecomesAFileOfPyTorchAndComesBack() throws IOException {
        Path torch = made.resolve("x_src_encoder.pt"), back = made.resolve("back.safetensors");
        String report = converted(run, torch);
        assertTrue(report.startsWith("IMU encoder: 11 tensors, 850,892 parameters\n"), report);
        converted(torch, back);
        try (TensorFile original = TensorFile.open(run.resolve(ENCODER)); TensorFile copy = TensorFile.open(back)) {
            assertEquals(original.metadata(), copy.metadata());
            assertEquals(new TreeSet<>(original.names()), new TreeSet<>(copy.names()));
            for (String name : original.names()) assertArrayEquals(original.floats(name), copy.floats(name), name);
        }
        // A checkpoint of ours holds more than the encoder, and so do its metadata.
        Path alone = made.resolve("alone.safetensors");
        converted(run.resolve("checkpoints/last.safetensors"), alone);
        try (TensorFile encoder = TensorFile.open(alone)) {
            assertEquals(Map.of("imu_encoder_name", "mw2"), encoder.metadata());
            assertEquals(11, encoder.names().size());
        }
    }

    @Test
    void whatIsNoNumberIsLeftOut() {
        assertTrue(run("convert", weights("odd.pt").toString(), made.resolve("x.safetensors").toString()).err().contains(
                "odd.pt: holds neither CLIP nor an IMU encoder, but transposed, column, part, all, permuted and 14 more"));
        Path out = made.resolve("clip.safetensors");
        try (Safetensors clip = Safetensors.open(weights("hf/model.safetensors"))) {
            var tensors = new java.util.ArrayList<>(clip.entries().values().stream().map(e -> new Safetensors.Source(e.name(), e.dtype(),
                    e.shape(), e.bytes())).toList());
            tensors.add(new Safetensors.Source("text_model.embeddings.position_ids", DType.I64, dev.imu2clip.tensor.Shape.of(1),
                    java.lang.foreign.MemorySegment.ofArray(new long[1])));
            Safetensors.write(out, Map.of(), tensors);
        }
        String report = converted(out, made.resolve("y.safetensors"));
        assertTrue(report.contains("Left out, since they hold no floating-point numbers: text_model.embeddings.position_ids"), report);
    }

    @Test
    void whatCannotBeConvertedIsRefused() throws IOException {
        String clip = weights("openai.pt").toString();
        refused(List.of("x.bin: the kind of file is not known", ".safetensors"), "convert", clip, made.resolve("x.bin").toString());
        refused(List.of("x.pt: weights of CLIP are written as safetensors only"), "convert", clip, made.resolve("x.pt").toString());
        refused(List.of("gone.pt: no such file"), "convert", made.resolve("gone.pt").toString(), made.resolve("x.safetensors").toString());
        refused(List.of("code.pt: names 'posix.mkdir', which is not known and will not be run"), "convert", weights("code.pt").toString(),
                made.resolve("x.safetensors").toString());
        Path same = Files.copy(weights("hf/model.safetensors"), Files.createDirectories(made).resolve("same.safetensors"));
        refused(List.of("same.safetensors: is the input itself"), "convert", same.toString(), same.toString());
        assertEquals(2, run("convert", clip, "x.safetensors", "--dtype", "f8").code());
        assertEquals(2, run("convert", clip).code());
        assertFalse(Files.exists(made.resolve("x.safetensors")));
    }

    @Test
    void numbersReadTheSameEverywhere() {
        Locale before = Locale.getDefault();
        try {
            Locale.setDefault(Locale.forLanguageTag("tr"));
            assertTrue(converted(weights("hf"), made.resolve("clip.safetensors"), "--dtype", "bf16").contains("72,737 parameters"));
        } finally {
            Locale.setDefault(before);
        }
    }

    /** Shapes do not tell them, and the config stays behind. */
    @Test
    void headsAndActivationTravel() throws IOException {
        Path folder = Files.createDirectories(made);
        Files.copy(weights("hf/model.safetensors"), folder.resolve("model.safetensors"));
        Files.writeString(folder.resolve("config.json"), """
                {"text_config": {"hidden_size": 64, "num_attention_heads": 2, "hidden_act": "gelu"},
                 "vision_config": {"hidden_size": 64, "num_attention_heads": 4}}""");
        Path once = made.resolve("elsewhere/clip.safetensors"), twice = made.resolve("elsewhere/again.safetensors");
        converted(folder, once);
        converted(once, twice);
        for (Path copy : List.of(once, twice)) {
            try (var image = ImageEncoder.open(Backends.get("java"), copy); WeightsFile file = WeightsFile.open(copy)) {
                assertEquals(4, image.config().heads());
                assertTrue(image.config().quickGelu());
                assertEquals("{\"hidden_size\":64,\"num_attention_heads\":2,\"hidden_act\":\"gelu\"}", file.file().metadata().get("text_config"));
            }
        }
        // A state dict alone tells neither, and nothing is made up for it.
        converted(weights("openai_state_dict.pt"), once);
        try (WeightsFile file = WeightsFile.open(once)) {
            assertEquals(Map.of("format", "pt"), file.file().metadata());
        }
    }
}
