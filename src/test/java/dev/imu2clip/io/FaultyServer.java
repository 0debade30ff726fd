package dev.imu2clip.io;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** An HTTP server on the loopback that answers as it is told to, down to the bytes on the wire. */
final class FaultyServer implements AutoCloseable {
    /** @param headers names in lower case */
    record Request(String target, Map<String, String> headers) {
        /** Where the asked-for range begins, or 0. */
        int from() {
            String range = headers.getOrDefault("range", "bytes=0-");
            return Integer.parseInt(range.substring(6, range.length() - 1));
        }
    }

    @FunctionalInterface
    interface Behaviour {
        /** @param number of the request, from 0 */
        void answer(Request request, int number, OutputStream out) throws Exception;
    }

    final List<Request> requests = Collections.synchronizedList(new ArrayList<>());
    private final ServerSocket socket = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    private final Behaviour behaviour;

    FaultyServer(Behaviour behaviour) throws IOException {
        this.behaviour = behaviour;
        Thread.ofVirtual().start(this::accept);
    }

    URI address(String path) {
        return URI.create("http://127.0.0.1:" + port() + path);
    }

    int port() {
        return socket.getLocalPort();
    }

    private void accept() {
        while (!socket.isClosed()) {
            try {
                Socket connection = socket.accept();
                Thread.ofVirtual().start(() -> serve(connection));
            } catch (IOException e) {
                return;
            }
        }
    }

    private void serve(Socket connection) {
        try (connection) {
            var in = new BufferedReader(new InputStreamReader(connection.getInputStream(), StandardCharsets.ISO_8859_1));
            String first = in.readLine();
            if (first == null) return;
            Map<String, String> headers = new TreeMap<>();
            for (String line; (line = in.readLine()) != null && !line.isEmpty(); )
                headers.put(line.substring(0, line.indexOf(':')).toLowerCase(Locale.ROOT), line.substring(line.indexOf(':') + 1).strip());
            var request = new Request(first.split(" ")[1], headers);
            int number;
            synchronized (requests) {
                number = requests.size();
                requests.add(request);
            }
            OutputStream out = connection.getOutputStream();
            behaviour.answer(request, number, out);
            out.flush();
        } catch (Exception e) {
            // The client broke off, or the test did: the connection is closed.
        }
    }

    static void head(OutputStream out, int status, String... headers) throws IOException {
        var text = new StringBuilder("HTTP/1.1 " + status + " x\r\nConnection: close\r\n");
        for (String header : headers) text.append(header).append("\r\n");
        out.write(text.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1));
    }

    /** A whole answer without fault, of the range where one was asked for. */
    static void good(Request request, OutputStream out, byte[] content, String tag) throws IOException {
        part(request, out, content, tag, content.length);
    }

    /** The same, but the connection ends before the byte {@code until} of the content. */
    static void part(Request request, OutputStream out, byte[] content, String tag, int until) throws IOException {
        String ifRange = request.headers.get("if-range");
        int from = ifRange == null || ifRange.equals(tag) ? request.from() : 0;
        if (from >= content.length) {
            head(out, 416, "Content-Length: 0", "Content-Range: bytes */" + content.length);
            return;
        }
        List<String> headers = new ArrayList<>(List.of("Content-Length: " + (content.length - from)));
        if (tag != null) headers.add("ETag: " + tag);
        if (from > 0) headers.add("Content-Range: bytes " + from + "-" + (content.length - 1) + "/" + content.length);
        head(out, from > 0 ? 206 : 200, headers.toArray(String[]::new));
        if (until > from) out.write(Arrays.copyOfRange(content, from, until));
    }

    static void chunk(OutputStream out, byte[] bytes) throws IOException {
        out.write((HexFormat.of().toHexDigits(bytes.length) + "\r\n").getBytes(StandardCharsets.ISO_8859_1));
        out.write(bytes);
        out.write("\r\n".getBytes(StandardCharsets.ISO_8859_1));
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
