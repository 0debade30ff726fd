package dev.imu2clip.io;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.Fuzz;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damaged weights of every format. What is opened is read to the last value. */
class WeightsFuzzTest {
    /** Some of it is for errors, metadata and class loading; what a file needs follows from its size. */
    private static final long BOUND = 4 << 20;

    @TempDir
    Path folder;

    private static byte[] resource(String name) throws IOException {
        return Files.readAllBytes(TorchFileTest.resource(name));
    }

    private static void read(byte[] bytes) {
        try (Arena arena = Arena.ofConfined()) {
            // Off the heap, so that a read beyond its end is found as in a mapped file.
            MemorySegment input = arena.allocate(Math.max(1, bytes.length)).asSlice(0, bytes.length);
            input.copyFrom(MemorySegment.ofArray(bytes));
            TensorFile file = TensorFile.of(Path.of("damaged"), input.asReadOnly(), arena);
            for (TensorView tensor : file.tensors().values())
                if (tensor.dtype().isFloat()) file.floats(tensor.name());
        }
    }

    private static void fuzz(String name, byte[]... seeds) {
        Fuzz.Result result = Fuzz.of(name, seeds).allocating(BOUND).run(WeightsFuzzTest::read);
        assertTrue(result.read() > 50 && result.refused() > 50, result.toString());
    }

    @Test
    void zipArchives() throws IOException {
        Path written = folder.resolve("written.pt");
        TorchWriter.write(written, Map.of("imu_encoder_name", "mw2"), List.of(
                TensorSource.of(Safetensors.Source.of("net.0.weight", new float[6], 6)),
                TensorSource.of(Safetensors.Source.of("net.1.net.0.weight", new float[24], 2, 3, 4))));
        fuzz("torch zip", resource("odd.pt"), resource("lightning.ckpt"), Files.readAllBytes(written));
    }

    @Test
    void streams() throws IOException {
        fuzz("torch stream", resource("odd_legacy.pt"));
    }

    /** The pickle alone: of a whole archive it is a small part. */
    @Test
    void pickles() throws IOException {
        byte[][] seeds = new byte[3][];
        List<String> files = List.of("odd.pt", "lightning.ckpt", "openai.pt");
        for (int i = 0; i < seeds.length; i++) {
            Path file = TorchFileTest.resource(files.get(i));
            try (var zip = new java.util.zip.ZipFile(file.toFile())) {
                var entry = zip.stream().filter(e -> e.getName().endsWith("/data.pkl")).findFirst().orElseThrow();
                seeds[i] = zip.getInputStream(entry).readAllBytes();
            }
        }
        Path file = Path.of("damaged");
        Fuzz.Result result = Fuzz.of("pickle", seeds).allocating(BOUND).run(bytes -> {
            var objects = new TorchObjects(file);
            Object root = new Pickle(file, "its data.pkl", MemorySegment.ofArray(bytes), 0, objects).read();
            TorchStateDict.find(file, root, root instanceof Pickle.Instance, objects.unknown());
        });
        assertTrue(result.read() > 50 && result.refused() > 50, result.toString());
    }

    @Test
    void safetensors() throws IOException {
        Path written = folder.resolve("written.safetensors");
        Safetensors.write(written, Map.of("format", "pt"), SafetensorsTest.samples());
        fuzz("safetensors", Files.readAllBytes(written), resource("expected.safetensors"));
    }
}
