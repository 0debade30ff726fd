package dev.imu2clip.imu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
import dev.imu2clip.tensor.Tensor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Encoders in files of PyTorch: with whatever stands before their names, to PyTorch and from it. */
class EncoderFileTest {
    private final Backend backend = Backends.get("java");
    @TempDir
    Path folder;

    /** An encoder from a seed, saved. */
    private Path saved(String file, String name, long seed) {
        ImuEncoder encoder = ImuEncoder.create(name);
        Path path = folder.resolve(file);
        try (ParameterStore store = ParameterStore.allocate(backend, encoder, false).initialise(seed)) {
            EncoderFile.save(path, encoder, store, "", Map.of("who", "test"));
        }
        return path;
    }

    /** A file that holds the tensors of another under each of some prefixes. */
    private Path prefixed(Path encoder, String... prefixes) {
        Path file = folder.resolve("prefixed.pt");
        try (TensorFile tensors = TensorFile.open(encoder)) {
            List<TensorSource> sources = new ArrayList<>();
            for (String prefix : prefixes)
                tensors.tensors().forEach((name, view) -> sources.add(TensorSource.of(view.renamed(prefix + name), DType.F32,
                        new LongAdder())));
            TorchWriter.write(file, Map.of(), sources);
        }
        return file;
    }

    private void assertSame(Path expected, Path actual) {
        try (EncoderFile.Loaded a = EncoderFile.load(expected, backend); EncoderFile.Loaded b = EncoderFile.load(actual, backend)) {
            assertEquals(850_892, b.store().parameters().values().stream().mapToLong(p -> p.shape().count()).sum());
            a.store().parameters().forEach((name, parameter) -> assertArrayEquals(parameter.value().toFloats(),
                    b.store().parameters().get(name).value().toFloats(), name));
        }
    }

    @Test
    void anEncoderForPyTorchComesBack() {
        Path safetensors = saved("a.safetensors", "mw2_time", 3), torch = saved("a.pt", "mw2_time", 3);
        assertSame(safetensors, torch);
        try (EncoderFile.Loaded loaded = EncoderFile.load(torch, backend)) {
            assertEquals("mw2_time", loaded.encoder().name());
            assertEquals("test", loaded.metadata().get("who"));
        }
    }

    @Test
    void anyPrefixIsFoundAndTwoAreAnError() {
        Path encoder = saved("a.safetensors", "mw2", 4);
        for (String prefix : List.of("imu_encoder.", "model.encoder.", "module.")) assertSame(encoder, prefixed(encoder, prefix));
        Path two = prefixed(encoder, "b.", "a.");
        String message = assertThrows(InputException.class, () -> EncoderFile.load(two, backend).close()).getMessage();
        assertTrue(message.contains("holds 2 encoders, under 'a.', 'b.'"), message);
        Path other = prefixed(encoder, "xnet"); // no prefix: it does not end with a dot
        assertTrue(assertThrows(InputException.class, () -> EncoderFile.load(other, backend).close()).getMessage().contains(
                "'net.0.weight' is missing"));
        try (TensorFile file = TensorFile.open(other)) {
            assertFalse(EncoderFile.isEncoder(file));
        }
    }

    @Test
    void aFolderStandsForItsEncoder() throws IOException {
        saved("x_src_encoder.pt", "mw2", 1);
        assertTrue(EncoderFile.isRun(folder));
        EncoderFile.load(folder, backend).close();
        Path second = saved("y_src_encoder.pt", "mw2", 1);
        assertTrue(assertThrows(InputException.class, () -> EncoderFile.load(folder, backend).close()).getMessage().contains("2 files"));
        saved("z_src_encoder.safetensors", "mw2", 2);
        assertSame(folder.resolve("z_src_encoder.safetensors"), folder);
        Files.delete(second);
        Path empty = Files.createDirectory(folder.resolve("empty"));
        assertTrue(assertThrows(InputException.class, () -> EncoderFile.load(empty, backend).close()).getMessage().contains(
                "0 files *_src_encoder.pt"));
    }

    /** The reference's own encoder, as far as its names go, is not whole here: the Lightning checkpoint's structure is what is tested. */
    @Test
    void whatIsMissingInACheckpointIsNamed() throws Exception {
        Path checkpoint = Path.of(EncoderFileTest.class.getResource("/weights/lightning.ckpt").toURI());
        String message = assertThrows(InputException.class, () -> EncoderFile.load(checkpoint, backend).close()).getMessage();
        assertTrue(message.contains("'imu_encoder.net.1.net.0.weight' is missing"), message);
    }

    // ---- with PyTorch at hand: -Dimu2clip.python=INTERPRETER ----

    private static void python(String... arguments) throws Exception {
        String interpreter = System.getProperty("imu2clip.python", "");
        Assumptions.assumeTrue(Files.isRegularFile(Path.of(interpreter)), "no Python with PyTorch: set -Dimu2clip.python=INTERPRETER");
        List<String> command = new ArrayList<>(List.of(interpreter, "tools/weights.py"));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes());
        assertTrue(process.waitFor(2, TimeUnit.MINUTES) && process.exitValue() == 0, output);
    }

    @Tag("heavy")
    @Test
    void pyTorchLoadsOurEncoderAndGivesItsEmbeddings() throws Exception {
        Path encoder = saved("ours.pt", "mw2", 7), out = folder.resolve("out.safetensors");
        python("--check", encoder.toString(), out.toString());
        Backend fast = Backends.get("auto");
        try (Safetensors theirs = Safetensors.open(out); EncoderFile.Loaded loaded = EncoderFile.load(encoder, fast);
                var workspace = new Workspace(fast, "test"); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            Tensor window = tape.empty(DType.F32, 1, 6, 1000).set(theirs.floats("window"));
            assertArrayEquals(theirs.floats("embedding"), loaded.encoder().encode(tape, window).toFloats(), 1e-5f);
        }
    }

    @Tag("heavy")
    @Test
    void theReferencesEncoderAndCheckpointLoad() throws Exception {
        python("--encoder", folder.toString());
        Path expected = folder.resolve("expected.safetensors");
        assertSame(expected, folder.resolve("x_src_encoder.pt"));
        assertSame(expected, folder.resolve("x.ckpt"));
    }
}
