package dev.imu2clip.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import dev.imu2clip.TestData;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.clip.ClipRelease;
import dev.imu2clip.clip.ClipWeights;
import dev.imu2clip.clip.TextConfig;
import dev.imu2clip.clip.TextEncoder;
import dev.imu2clip.io.Download;
import dev.imu2clip.io.Npy;
import dev.imu2clip.io.RemoteFile;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.io.TensorSource;
import dev.imu2clip.io.TorchWriter;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** {@code download} of two small files that stand for CLIP's. */
class DownloadCommandTest {
    private static final byte[] WEIGHTS = "weights".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] VOCABULARY = "words".getBytes(StandardCharsets.US_ASCII);

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @TempDir
    Path folder;
    private String cacheBefore;
    private HttpServer server;

    @BeforeEach
    void start() throws IOException {
        cacheBefore = System.getProperty("imu2clip.cache");
        System.setProperty("imu2clip.cache", folder.resolve("cache").toString());
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/clip/", exchange -> {
            byte[] content = exchange.getRequestURI().getPath().endsWith("w.pt") ? WEIGHTS : VOCABULARY;
            exchange.sendResponseHeaders(200, content.length);
            exchange.getResponseBody().write(content);
            exchange.close();
        });
        server.start();
    }

    @AfterEach
    void stop() {
        server.stop(0);
        if (cacheBefore == null) System.clearProperty("imu2clip.cache");
        else System.setProperty("imu2clip.cache", cacheBefore);
    }

    private static RemoteFile file(String address, byte[] content) throws Exception {
        String hash = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        return new RemoteFile(URI.create(address), content.length, hash);
    }

    private int run(String... arguments) throws Exception {
        String published = "http://127.0.0.1:" + server.getAddress().getPort() + "/gone/";
        var release = new ClipRelease("tiny", List.of(file(published + "w.pt", WEIGHTS), file(published + "v.txt", VOCABULARY)));
        var limits = new Download.Limits(2, Duration.ofSeconds(5), Duration.ofSeconds(5), Duration.ofMillis(1));
        out.getBuffer().setLength(0);
        err.getBuffer().setLength(0);
        return new CommandLine(new DownloadCommand(List.of(release), limits)).setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true)).setExecutionExceptionHandler((failure, command, result) ->
                        Failures.report(failure, command.getErr(), false)).execute(arguments);
    }

    private String mirror() {
        return "http://127.0.0.1:" + server.getAddress().getPort() + "/clip";
    }

    @Test
    void filesComeFromAMirrorIntoTheCache() throws Exception {
        assertEquals(0, run("tiny", "--from", mirror()), err.toString());
        Path models = folder.resolve("cache/models/tiny");
        assertArrayEquals(WEIGHTS, Files.readAllBytes(models.resolve("w.pt")));
        assertArrayEquals(VOCABULARY, Files.readAllBytes(models.resolve("v.txt")));
        assertEquals("tiny is in " + models + "; commands use it where no --clip is given\n", out.toString());
        server.stop(0);
        assertEquals(0, run("tiny"));
        assertEquals(models.resolve("w.pt") + ": is there, and its hash is right\n" + models.resolve("v.txt")
                + ": is there, and its hash is right\n", err.toString());
    }

    @Test
    void anyFolderMayBeGiven() throws Exception {
        Path target = folder.resolve("a/b");
        assertEquals(0, run("tiny", "--from", mirror() + "/", "--to", target.toString()), err.toString());
        assertArrayEquals(WEIGHTS, Files.readAllBytes(target.resolve("w.pt")));
        assertTrue(out.toString().contains("give it to commands with --clip"), out.toString());
        assertFalse(Files.exists(folder.resolve("cache/models")));
    }

    @Test
    void failuresAreOneLine() throws Exception {
        assertFails("'clip-vit-l-14' cannot be downloaded. Known: tiny", "clip-vit-l-14");
        assertFails("/gone/w.pt: the server answers 404 (not found)", "tiny");
        assertFails("--from a b: is no address", "tiny", "--from", "a b");
        assertFails("begins with https://", "tiny", "--from", "ftp://example.com");
        assertFails("begins with https://", "tiny", "--from", "mirror");
        Path file = Files.createFile(folder.resolve("file"));
        assertFails("cannot be written", "tiny", "--from", mirror(), "--to", file.toString());
        assertEquals(2, run());
    }

    /** From a mirror to embeddings, with a small CLIP of the real vocabulary in place of the published one. */
    @Test
    void commandsUseWhatWasDownloaded() throws Exception {
        Path vocabulary = TestData.shared("clip").resolve("bpe_simple_vocab_16e6.txt.gz"), weights = folder.resolve("ViT-B-32.pt");
        var config = new TextConfig(1, 64, 1, 64, 49408, 77, 16, true);
        ClipWeights random = ClipWeights.random(config, 1);
        TorchWriter.write(weights, Map.of(), config.shapes().entrySet().stream().map(tensor -> {
            float[] values = new float[(int) tensor.getValue().count()];
            random.copyTo(tensor.getKey(), MemorySegment.ofArray(values));
            return TensorSource.of(Safetensors.Source.of(tensor.getKey(), values, tensor.getValue().sizes()));
        }).toList());
        Path lines = Files.writeString(folder.resolve("lines.txt"), "a dog\na cat"), target = folder.resolve("out.npy");
        var release = new ClipRelease("clip-vit-b-32", List.of(file(mirror() + "/ViT-B-32.pt", Files.readAllBytes(weights)),
                file(mirror() + "/" + vocabulary.getFileName(), Files.readAllBytes(vocabulary))));
        server.removeContext("/clip/");
        server.createContext("/clip/", exchange -> {
            byte[] content = Files.readAllBytes(exchange.getRequestURI().getPath().endsWith(".pt") ? weights : vocabulary);
            exchange.sendResponseHeaders(200, content.length);
            exchange.getResponseBody().write(content);
            exchange.close();
        });
        assertEquals(0, new CommandLine(new DownloadCommand(List.of(release), Download.Limits.DEFAULT)).setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true)).execute("clip-vit-b-32"), err.toString());
        err.getBuffer().setLength(0);
        assertEquals(0, Main.run(new PrintWriter(out), new PrintWriter(err), "embed", "text", "--in", lines.toString(), "--out",
                target.toString()), err.toString());
        Path models = folder.resolve("cache/models/clip-vit-b-32");
        assertEquals("CLIP weights " + models + " (downloaded)\n", err.toString());
        try (TextEncoder encoder = TextEncoder.open(Backends.preferred(), weights, vocabulary, 0)) {
            float[] expected = encoder.embed(List.of("a cat"))[0];
            assertArrayEquals(expected, Arrays.copyOfRange(Npy.floats(target), 16, 32));
        }
    }

    private void assertFails(String part, String... arguments) throws Exception {
        assertEquals(1, run(arguments));
        String last = err.toString().lines().toList().getLast();
        assertTrue(last.startsWith("imu2clip: ") && last.contains(part) && !last.contains("defect"), err.toString());
    }
}
