package dev.imu2clip.io;

import static dev.imu2clip.io.FaultyServer.good;
import static dev.imu2clip.io.FaultyServer.head;
import static dev.imu2clip.io.FaultyServer.part;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Servers and networks that fail in every way: it ends with the right file or a clear line, never with a wrong file under its name. */
class DownloadTest {
    private static final byte[] CONTENT = new byte[300_000];
    private static final String TAG = "\"one\"";

    static {
        new Random(5).nextBytes(CONTENT);
    }

    @TempDir
    Path folder;
    private final List<String> said = Collections.synchronizedList(new ArrayList<>());

    private static Download.Limits limits(int idleMillis) {
        return new Download.Limits(idleMillis < 1000 ? 2 : 4, Duration.ofMillis(500), Duration.ofMillis(idleMillis), Duration.ofMillis(5));
    }

    private static String hash(byte[] content) {
        return HexFormat.of().formatHex(Sha256.digest().digest(content));
    }

    private static RemoteFile remote(URI address) {
        return new RemoteFile(address, CONTENT.length, hash(CONTENT));
    }

    private Path fetch(RemoteFile file, int idleMillis) {
        return new Download(limits(idleMillis), folder.resolve("cache"), Progress.NONE, said::add).fetch(file, folder.resolve("to"));
    }

    private Path fetch(FaultyServer server) {
        return fetch(remote(server.address("/models/file.bin")), 10_000);
    }

    private Path target() {
        return folder.resolve("to/file.bin");
    }

    private Path partFile() {
        return folder.resolve("to/file.bin.part");
    }

    /** @return the server's requests */
    private List<FaultyServer.Request> succeeds(FaultyServer.Behaviour behaviour) throws IOException {
        try (var server = new FaultyServer(behaviour)) {
            Path file = fetch(server);
            assertEquals(target(), file);
            assertArrayEquals(CONTENT, Files.readAllBytes(file));
            try (Stream<Path> left = Files.list(file.getParent())) {
                assertEquals(List.of(".file.bin.lock", "file.bin"), left.map(path -> path.getFileName().toString()).sorted().toList());
            }
            return server.requests;
        }
    }

    /** Refused in one line with these fragments, and no file; returns how many requests that took. */
    private int refused(FaultyServer.Behaviour behaviour, String... fragments) throws IOException {
        try (var server = new FaultyServer(behaviour)) {
            return refused(server, remote(server.address("/models/file.bin")), 10_000, fragments);
        }
    }

    private int refused(FaultyServer server, RemoteFile file, int idleMillis, String... fragments) {
        String message = assertTimeoutPreemptively(Duration.ofSeconds(60),
                () -> assertThrows(InputException.class, () -> fetch(file, idleMillis)).getMessage());
        for (String fragment : fragments) assertTrue(message.contains(fragment), fragment + " is not in: " + message);
        assertEquals(1, message.lines().count(), message);
        assertFalse(Files.exists(target()), "no file under the final name");
        return server.requests.size();
    }

    // ---- what works out ----

    @Test
    void aFileIsFetchedOnce() throws IOException {
        assertEquals(1, succeeds((request, n, out) -> good(request, out, CONTENT, TAG)).size());
        said.clear();
        assertEquals(0, succeeds((request, n, out) -> head(out, 500)).size());
        assertEquals(List.of(target() + ": is there, and its hash is right"), said);
    }

    @Test
    void aWrongFileUnderTheNameIsReplaced() throws IOException {
        Files.createDirectories(folder.resolve("to"));
        Files.write(target(), new byte[CONTENT.length]);
        succeeds((request, n, out) -> good(request, out, CONTENT, TAG));
        assertTrue(said.getFirst().contains("is not the published file"), said.toString());
    }

    @Test
    void cutConnectionsAreGoneOnWith() throws IOException {
        int[] ends = {0, 1000, 1000, 120_000, 299_999, CONTENT.length};
        var requests = succeeds((request, n, out) -> part(request, out, CONTENT, TAG, ends[n]));
        assertEquals("bytes=299999-", requests.getLast().headers().get("range"));
        assertEquals(TAG, requests.getLast().headers().get("if-range"));
    }

    @Test
    void aPartOfAnEarlierRunIsGoneOnWith() throws IOException {
        refused((request, n, out) -> part(request, out, CONTENT, TAG, 100_000), "the same command goes on", "after 5 attempts");
        assertEquals(100_000, Files.size(partFile()));
        var requests = succeeds((request, n, out) -> good(request, out, CONTENT, TAG));
        assertEquals(1, requests.size());
        assertEquals("bytes=100000-", requests.getFirst().headers().get("range"));
    }

    /** Nothing but the last step was missing. */
    @Test
    void aCompletePartNeedsNoRequest() throws IOException {
        Files.createDirectories(folder.resolve("to"));
        Files.write(partFile(), CONTENT);
        assertEquals(0, succeeds((request, n, out) -> head(out, 500)).size());
    }

    @Test
    void aPartThatIsTooLongIsThrownAway() throws IOException {
        Files.createDirectories(folder.resolve("to"));
        Files.write(partFile(), new byte[CONTENT.length + 1]);
        assertEquals(0, succeeds((request, n, out) -> good(request, out, CONTENT, TAG)).getFirst().from());
    }

    @Test
    void aServerWithoutRangesStartsAnew() throws IOException {
        succeeds((request, n, out) -> {
            head(out, 200, "Content-Length: " + CONTENT.length);
            out.write(CONTENT, 0, n < 3 ? 1000 : CONTENT.length);
        });
    }

    @Test
    void anotherVersionStartsAnew() throws IOException {
        byte[] old = new byte[CONTENT.length];
        succeeds((request, n, out) -> part(request, out, n == 0 ? old : CONTENT, n == 0 ? "\"old\"" : TAG, n == 0 ? 5000 : CONTENT.length));
        Files.delete(target());
        // A server that passes over If-Range is found out by its tag.
        succeeds((request, n, out) -> {
            byte[] content = n == 0 ? old : CONTENT;
            head(out, n == 0 ? 200 : request.from() > 0 ? 206 : 200, "Content-Length: " + (CONTENT.length - request.from()),
                    "ETag: \"" + Math.min(n, 1) + "\"", "Content-Range: bytes " + request.from() + "-299999/300000");
            out.write(content, request.from(), n == 0 ? 5000 : content.length - request.from());
        });
    }

    @Test
    void aRangeThatDoesNotFitStartsAnew() throws IOException {
        succeeds((request, n, out) -> {
            if (n == 0) part(request, out, CONTENT, TAG, 5000);
            else if (n == 1) {
                head(out, 206, "Content-Length: 10", "Content-Range: bytes 7-16/300000");
                out.write(CONTENT, 7, 10);
            } else if (n == 2) part(request, out, CONTENT, TAG, 5000);
            else if (n == 3) head(out, 416, "Content-Range: bytes */300000", "Content-Length: 0");
            else good(request, out, CONTENT, TAG);
        });
    }

    @Test
    void passingFailuresAreWaitedFor() throws IOException {
        int[] statuses = {503, 500, 429};
        succeeds((request, n, out) -> {
            if (n < statuses.length) head(out, statuses[n], "Content-Length: 0");
            else good(request, out, CONTENT, null);
        });
        assertTrue(said.stream().anyMatch(line -> line.contains("503; next attempt in")), said.toString());
    }

    @Test
    void answersWithoutALengthAreRead() throws IOException {
        succeeds((request, n, out) -> {
            head(out, 200, "Transfer-Encoding: chunked");
            FaultyServer.chunk(out, Arrays.copyOf(CONTENT, 100_000));
            if (n == 0) return; // no last chunk: cut
            FaultyServer.chunk(out, Arrays.copyOfRange(CONTENT, 100_000, CONTENT.length));
            out.write("0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        });
        Files.delete(target());
        // The end of the connection is the end of the file, so a cut is seen by the size alone.
        succeeds((request, n, out) -> {
            head(out, 200);
            out.write(CONTENT, 0, n == 0 ? 1000 : CONTENT.length);
        });
    }

    @Test
    void redirectsAreFollowed() throws IOException {
        var requests = succeeds((request, n, out) -> {
            if (n == 0) head(out, 302, "Location: /other/place?x=1", "Content-Length: 0");
            else if (n == 1) head(out, 308, "Location: //" + request.headers().get("host") + "/last", "Content-Length: 0");
            else good(request, out, CONTENT, TAG);
        });
        assertEquals(List.of("/models/file.bin", "/other/place?x=1", "/last"),
                requests.stream().map(FaultyServer.Request::target).toList());
    }

    @Test
    void aRealServerWorks() throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            exchange.sendResponseHeaders(200, CONTENT.length);
            exchange.getResponseBody().write(CONTENT);
            exchange.close();
        });
        server.start();
        try {
            fetch(remote(URI.create("http://localhost:" + server.getAddress().getPort() + "/file.bin")), 10_000);
            assertArrayEquals(CONTENT, Files.readAllBytes(target()));
        } finally {
            server.stop(0);
        }
    }

    @Test
    void proxiesAreUsed() throws IOException {
        try (var proxy = new FaultyServer((request, n, out) -> good(request, out, CONTENT, TAG))) {
            System.setProperty("http.proxyHost", "127.0.0.1");
            System.setProperty("http.proxyPort", Integer.toString(proxy.port()));
            fetch(remote(URI.create("http://files.invalid/file.bin")), 10_000);
            assertEquals("http://files.invalid/file.bin", proxy.requests.getFirst().target());
        } finally {
            System.clearProperty("http.proxyHost");
            System.clearProperty("http.proxyPort");
        }
        assertArrayEquals(CONTENT, Files.readAllBytes(target()));
    }

    // ---- what does not ----

    @Test
    void aWrongHashDeletesWhatCame() throws IOException {
        byte[] wrong = CONTENT.clone();
        wrong[77]++;
        assertEquals(1, refused((request, n, out) -> good(request, out, wrong, TAG), hash(wrong), hash(CONTENT), "It was deleted"));
        assertFalse(Files.exists(partFile()) || Files.exists(folder.resolve("to/file.bin.part.etag")));
        succeeds((request, n, out) -> good(request, out, CONTENT, TAG));
    }

    @Test
    void lyingLengthsAreRefused() throws IOException {
        for (int length : new int[] {0, 1000, CONTENT.length + 1})
            assertEquals(1, refused((request, n, out) -> {
                head(out, 200, "Content-Length: " + length);
                out.write(CONTENT);
            }, "has " + length + " bytes there, the published file has 300000"));
        assertEquals(1, refused((request, n, out) -> {
            head(out, 200);
            for (int i = 0; i < 1_000_000; i++) out.write(CONTENT);
        }, "sends more than the 300000 bytes"));
        assertFalse(Files.exists(partFile()));
    }

    /** As from a portal that wants a login first. */
    @Test
    void anotherFileDoesNotCostThePart() throws IOException {
        refused((request, n, out) -> part(request, out, CONTENT, TAG, 100_000), "are kept");
        refused((request, n, out) -> {
            head(out, 200, "Content-Length: 10");
            out.write(CONTENT, 0, 10);
        }, "has 10 bytes there");
        refused((request, n, out) -> {
            head(out, 206, "Content-Range: bytes 100000-100009/100010", "Content-Length: 10");
            out.write(CONTENT, 0, 10);
        }, "has 100010 bytes");
        assertEquals(100_000, succeeds((request, n, out) -> good(request, out, CONTENT, TAG)).getFirst().from());
    }

    @Test
    void lastingFailuresEnd() throws IOException {
        assertEquals(1, refused((request, n, out) -> head(out, 404, "Content-Length: 0"), "the server answers 404 (not found)", "--from"));
        assertEquals(1, refused((request, n, out) -> head(out, 403, "Content-Length: 0"), "403 (not allowed)"));
        assertEquals(4, refused((request, n, out) -> head(out, 500, "Content-Length: 0"), "the server answers 500, after 4 attempts"));
        assertEquals(4, refused((request, n, out) -> out.write("no HTTP at all\r\n\r\n".getBytes(StandardCharsets.US_ASCII)), "after 4"));
        assertEquals(4, refused((request, n, out) -> {
            head(out, 200, "Content-Length: " + CONTENT.length);
            out.write(CONTENT, 0, 10);
        }, "are kept in") - 1, "the first attempt was of use");
    }

    @Test
    void unsafeRedirectsAreRefused() throws IOException {
        assertEquals(11, refused((request, n, out) -> head(out, 302, "Location: /again", "Content-Length: 0"),
                "redirects more than 10 times"));
        for (String location : List.of("http://example.com/file.bin", "http://127.0.0.1.example.com/x"))
            assertEquals(1, refused((request, n, out) -> head(out, 302, "Location: " + location, "Content-Length: 0"), location,
                    "without encryption"));
        assertEquals(1, refused((request, n, out) -> head(out, 301, "Location: file:///etc/passwd", "Content-Length: 0"),
                "file:///etc/passwd"));
        assertEquals(1, refused((request, n, out) -> head(out, 301, "Location: ht tp://", "Content-Length: 0"), "which is no address"));
        assertEquals(1, refused((request, n, out) -> head(out, 307, "Content-Length: 0"), "which is no address"));
    }

    @Test
    void silenceEnds() throws IOException {
        FaultyServer.Behaviour[] silent = {(request, n, out) -> Thread.sleep(60_000), (request, n, out) -> {
            part(request, out, CONTENT, TAG, 50_000);
            out.flush();
            Thread.sleep(60_000);
        }};
        for (FaultyServer.Behaviour behaviour : silent)
            try (var server = new FaultyServer(behaviour)) {
                refused(server, remote(server.address("/file.bin")), 300, "0.3 s");
            }
    }

    @Test
    void aHostThatIsNotThereIsNamed() throws IOException {
        int port;
        try (var server = new FaultyServer((request, n, out) -> {})) {
            port = server.port();
        }
        for (String address : List.of("http://127.0.0.1:" + port + "/file.bin", "ftp://127.0.0.1/file.bin", "file.bin")) {
            String message = assertThrows(InputException.class, () -> fetch(remote(URI.create(address)), 1000)).getMessage();
            assertTrue(message.startsWith(address + ": ") && !message.contains("Exception"), message);
        }
    }

    // ---- together ----

    @Test
    void threadsThatWantTheSameFileFetchItOnce() throws Exception {
        try (var server = new FaultyServer((request, n, out) -> {
            part(request, out, CONTENT, TAG, 1000);
            Thread.sleep(300);
            if (n > 0) out.write(CONTENT, 1000, CONTENT.length - 1000);
        })) {
            var threads = Stream.generate(() -> Thread.ofPlatform().unstarted(() -> fetch(server))).limit(4).toList();
            threads.forEach(Thread::start);
            for (Thread thread : threads) thread.join();
            assertArrayEquals(CONTENT, Files.readAllBytes(target()));
            assertTrue(server.requests.size() <= 3, server.requests.size() + " requests");
            assertEquals(3, said.stream().filter(line -> line.contains("another process is fetching")).count(), said.toString());
        }
    }

    /** For a process of its own: address and folder. */
    public static void main(String[] arguments) {
        try {
            new Download(limits(10_000), Path.of(arguments[1], "cache"), Progress.NONE, System.out::println)
                    .fetch(remote(URI.create(arguments[0])), Path.of(arguments[1], "to"));
        } catch (InputException e) {
            System.out.println(e.getMessage());
            System.exit(1);
        }
    }

    private Process process(URI address, String... prefix) throws IOException {
        List<String> command = new ArrayList<>(List.of(prefix));
        command.addAll(List.of(Path.of(System.getProperty("java.home"), "bin/java").toString(), "-XX:+UseSerialGC", "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")), "dev.imu2clip.io.DownloadTest",
                address.toString(), folder.toString()));
        return new ProcessBuilder(command).redirectErrorStream(true).start();
    }

    private static String end(Process process, int code) throws Exception {
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(60, TimeUnit.SECONDS));
        assertEquals(code, process.exitValue(), output);
        return output;
    }

    @Test
    void processesWaitForEachOther() throws Exception {
        try (var server = new FaultyServer((request, n, out) -> {
            Thread.sleep(3000);
            good(request, out, CONTENT, TAG);
        })) {
            Process[] processes = {process(server.address("/file.bin")), process(server.address("/file.bin"))};
            String output = end(processes[0], 0) + end(processes[1], 0);
            assertArrayEquals(CONTENT, Files.readAllBytes(target()));
            assertEquals(1, server.requests.size(), output);
            assertTrue(output.contains("another process is fetching"), output);
        }
    }

    /** A limit on the size of files stands in for the full disk. */
    @Test
    @DisabledOnOs(OS.WINDOWS)
    void aFullDiskKeepsThePart() throws Exception {
        try (var server = new FaultyServer((request, n, out) -> good(request, out, CONTENT, TAG))) {
            String output = end(process(server.address("/file.bin"), "sh", "-c", "ulimit -f 256 && exec \"$0\" \"$@\""), 1);
            assertTrue(output.contains("file.bin.part: cannot be written") && output.contains("make room"), output);
            long kept = Files.size(partFile());
            assertTrue(kept > 0 && kept < CONTENT.length && !Files.exists(target()), kept + " bytes");
            fetch(server);
            assertEquals("bytes=" + kept + "-", server.requests.getLast().headers().get("range"));
            assertArrayEquals(CONTENT, Files.readAllBytes(target()));
        }
    }
}
