package dev.imu2clip.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.io.Npy;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.tensor.Shape;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Weights that are damaged, or not those that belong there; windows and texts that cannot be embedded. */
class BadWeightsTest extends BadInput {
    /** A header that claims more than the file has. */
    private Path lying(String name) throws IOException {
        String header = "{\"__metadata__\":{\"format\":\"imu2clip checkpoint 1\"},\"net.0.weight\":{\"dtype\":\"F32\",\"shape\":[6],"
                + "\"data_offsets\":[0,1099511627776]}}";
        ByteBuffer bytes = ByteBuffer.allocate(8 + header.length() + 24).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(header.length()).put(header.getBytes(StandardCharsets.US_ASCII));
        Files.createDirectories(made);
        return Files.write(made.resolve(name), bytes.array());
    }

    @Test
    void aSafetensorsFileThatLies() throws IOException {
        String file = lying("lying.safetensors").toString();
        List<String> expected = List.of(file
                + ": tensor 'net.0.weight': data_offsets [0,1099511627776] do not lie in order inside the 24 bytes",
                "The file is damaged");
        pretrainRefuses(expected, "--clip", file);
        pretrainRefuses(expected, "--path_load_pretrained_imu_encoder", file);
        String in = made.resolve("x.npy").toString(), out = made.resolve("y.npy").toString();
        Npy.write(Path.of(in), Shape.of(1, 6, 1000), new float[6000]);
        refused(expected, "embed", "imu", "--encoder", file, "--in", in, "--out", out);
        refused(expected, "embed", "text", "--clip", file, "--in", write("lines.txt", "walks\n").toString(), "--out", out);
        assertFalse(Files.exists(Path.of(out)));
        Path damaged = copy(run, made.resolve("run"));
        Files.copy(Path.of(file), damaged.resolve("checkpoints/last.safetensors"), StandardCopyOption.REPLACE_EXISTING);
        List<String> checkpoint = List.of("last.safetensors: tensor 'net.0.weight'", "The file is damaged");
        refused(checkpoint, "pretrain", "--data", good.toString(), "--epochs", "1", "--batch-size", "8", "--out", damaged.toString(),
                "--resume");
        refused(checkpoint, "evaluate", "--run", damaged.toString());
    }

    @Test
    void aFileThatIsNoSafetensors() throws IOException {
        for (String content : List.of("", "PK\3\4 a zip archive of PyTorch", "\1\0\0\0\0\0\0\0{", "\uFFFF".repeat(40))) {
            Path file = write("weights.safetensors", content);
            pretrainRefuses(List.of(file + ": ", "is damaged or"), "--clip", file.toString());
            pretrainRefuses(List.of(file + ": "), "--path_load_pretrained_imu_encoder", file.toString());
        }
        pretrainRefuses(List.of("gone.safetensors: no such file"), "--clip", folder.resolve("gone.safetensors").toString());
        pretrainRefuses(List.of("gone.safetensors: no such file"), "--path_load_pretrained_imu_encoder",
                folder.resolve("gone.safetensors").toString());
        pretrainRefuses(List.of("gone: no such file"), "--vocab", folder.resolve("gone").toString());
    }

    @Test
    void aFileOfOtherTensors() throws IOException {
        Files.createDirectories(made);
        Path file = made.resolve("other.safetensors");
        Safetensors.write(file, Map.of(), List.of(Safetensors.Source.of("net.0.weight", new float[7], 7)));
        pretrainRefuses(List.of(file + ": tensor 'net.0.weight' has shape (7,), expected (6,)"), "--path_load_pretrained_imu_encoder",
                file.toString());
        pretrainRefuses(List.of(file + ": holds no CLIP text tower", "imu2clip download clip-vit-b-32"), "--clip",
                file.toString());
    }

    /** A real text tower, but one whose embeddings are not of the encoder's size. */
    @Test
    void clipWeightsOfAnotherWidth() throws Exception {
        Path clip = Files.createDirectories(made.resolve("clip"));
        Files.copy(Path.of(BadInput.class.getResource("/goldens/clip_text_tiny.safetensors").toURI()), clip.resolve("model.safetensors"));
        Files.writeString(clip.resolve("config.json"), "{\"text_config\": {\"num_attention_heads\": 2}}");
        pretrainRefuses(List.of("no CLIP vocabulary beside the weights", "--vocab"), "--clip", clip.toString());
        String vocabulary = tinyVocabulary(clip);
        List<String> expected = List.of("the CLIP weights give embeddings of 32 numbers, the encoder mw2 of 512", "ViT-B/32");
        pretrainRefuses(expected, "--clip", clip.toString(), "--vocab", vocabulary);
        refused(expected, "evaluate", "--run", run.toString(), "--clip", clip.toString(), "--vocab", vocabulary);
    }

    /** Downloaded weights are used without being named, but not by a run that began without them. */
    @Test
    void downloadedWeightsAreUsed() throws IOException {
        String before = System.getProperty("imu2clip.cache");
        Path cache = made.resolve("cache"), models = Files.createDirectories(cache.resolve("models/clip-vit-b-32"));
        for (String name : List.of("ViT-B-32.pt", "bpe_simple_vocab_16e6.txt.gz")) Files.createFile(models.resolve(name));
        System.setProperty("imu2clip.cache", cache.toString());
        try {
            pretrainRefuses(List.of(models.toString()));
            Path copied = copy(run, made.resolve("run"));
            Outcome resumed = run("pretrain", "--epochs", "1", "--out", copied.toString(), "--resume");
            assertEquals(0, resumed.code(), resumed.err());
            assertTrue(resumed.notices().contains("imu2clip download clip-vit-b-32"), resumed.notices());
            assertEquals(0, run("evaluate", "--run", copied.toString()).code());
        } finally {
            System.setProperty("imu2clip.cache", before);
        }
    }

    // ---- embedding ----

    private void embedRefuses(Path in, String... fragments) {
        Path out = made.resolve("out.npy");
        refused(List.of(fragments), "embed", "imu", "--encoder", run.resolve(ENCODER).toString(), "--in", in.toString(), "--out",
                out.toString());
        assertFalse(Files.exists(out), "a refused file leaves no result");
        try (Stream<Path> left = Files.list(made)) {
            assertTrue(left.noneMatch(file -> file.toString().endsWith(".tmp")));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void windowsThatCannotBeEmbedded() throws IOException {
        Files.createDirectories(made);
        Path in = made.resolve("x.npy");
        embedRefuses(in, in + ": does not exist");
        float[] values = new float[70 * 6 * 1000];
        values[66 * 6000 + 17] = Float.NaN;
        Npy.write(in, Shape.of(70, 6, 1000), values);
        embedRefuses(in, in + ": window 66 holds a value that is not finite");
        byte[] bytes = Files.readAllBytes(in);
        Files.write(in, Arrays.copyOf(bytes, bytes.length - 1));
        embedRefuses(in, in + ": is truncated");
        for (Shape shape : new Shape[] {Shape.of(6, 1000), Shape.of(2, 5, 1000), Shape.of(0, 6, 1000), Shape.of(6000), Shape.of(2, 1000,
                6)}) {
            Npy.write(in, shape, new float[(int) shape.count()]);
            embedRefuses(in, in + ": has shape " + shape, "Expected windows as (N, 6, T)");
        }
        Npy.write(in, Shape.of(2, 6, 400), new float[4800]);
        embedRefuses(in, in + ": ", "mw2 takes windows of 978 to 1004 samples", "not 400");
        write("text.npy", "hello");
        embedRefuses(made.resolve("text.npy"), "npy");
        embedRefuses(made, "is a folder, not an npy file");
    }

    @Test
    void resultsThatCannotBeWritten() throws IOException {
        Path in = Files.createDirectories(made).resolve("x.npy");
        Npy.write(in, Shape.of(1, 6, 1000), new float[6000]);
        String encoder = run.resolve(ENCODER).toString();
        refused(List.of(made + ": cannot be written (it is a folder)"), "embed", "imu", "--encoder", encoder, "--in", in.toString(),
                "--out", made.toString());
        refused(List.of(": cannot be written (" + in + " is no folder)"), "embed", "imu", "--encoder", encoder, "--in", in.toString(),
                "--out", in.resolve("y.npy").toString());
        if (!Files.exists(Path.of("/dev/full"))) return;
        refused(List.of("/dev/full: cannot be written (No space left on device). Check free space"), "embed", "imu", "--encoder",
                encoder, "--in", in.toString(),
                "--out", "/dev/full");
        assertFalse(Files.isRegularFile(Path.of("/dev/full")), "a device stays a device");
    }

    @Test
    void textsThatCannotBeEmbedded() throws Exception {
        Path clip = Files.createDirectories(made.resolve("clip"));
        Files.copy(Path.of(BadInput.class.getResource("/goldens/clip_text_tiny.safetensors").toURI()), clip.resolve("model.safetensors"));
        Files.writeString(clip.resolve("config.json"), "{\"text_config\": {\"num_attention_heads\": 2}}");
        String[] embed = {"embed", "text", "--clip", clip.toString(), "--in", made.resolve("lines.txt").toString(), "--out",
                made.resolve("y.npy").toString()};
        refused(List.of("no CLIP vocabulary beside the weights"), embed);
        tinyVocabulary(clip);
        refused(List.of("lines.txt: no such file", "one text a line"), embed);
        write("lines.txt", "");
        refused(List.of("lines.txt: is empty", "one text a line"), embed);
        write("lines.txt", "short\n" + "long ".repeat(80) + "\n");
        refused(List.of("lines.txt, line 2: ", "--truncate"), embed);
        Files.write(made.resolve("lines.txt"), new byte[] {'a', (byte) 0xFF});
        refused(List.of("lines.txt: is not UTF-8 text"), embed);
        assertFalse(Files.exists(made.resolve("y.npy")));
        write("lines.txt", "walks\n\nruns\n");
        assertEquals(0, run(embed).code());
    }
}
