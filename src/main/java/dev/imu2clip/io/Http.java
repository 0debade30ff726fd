package dev.imu2clip.io;

import java.io.IOException;
import java.net.ConnectException;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.UnresolvedAddressException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** GET over HTTP, with a limit on silence, and redirects followed where that is safe. Proxies by Java's properties. */
final class Http implements AutoCloseable {
    private static final int MAX_REDIRECTS = 10;

    private final HttpClient client;
    private final Duration connect;
    private final Duration idle;

    Http(Duration connect, Duration idle) {
        this.connect = connect;
        this.idle = idle;
        // HTTP/1.1: nothing of HTTP/2 helps a single file.
        client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(connect).proxy(ProxySelector.getDefault())
                .followRedirects(HttpClient.Redirect.NEVER).build();
    }

    /** @throws InputException when it is not an address that can be fetched */
    static void requireHttp(URI address) {
        if (!List.of("http", "https").contains(String.valueOf(address.getScheme())) || address.getHost() == null)
            throw new InputException(address + ": is not an address that begins with https:// or http://");
    }

    /**
     * Sends the request and returns when the head of the answer is there.
     *
     * @throws IOException when the connection fails; another attempt may succeed
     * @throws InputException when a redirect leads nowhere, in a circle, or to a place without encryption
     */
    Answer get(URI address, Map<String, String> headers) throws IOException, InterruptedException {
        URI at = address;
        for (int hops = 0; hops <= MAX_REDIRECTS; hops++) {
            Answer answer = send(at, headers);
            if (!List.of(301, 302, 303, 307, 308).contains(answer.status())) return answer;
            answer.close();
            at = target(address, at, answer.header("Location"));
        }
        throw new InputException(address + ": redirects more than " + MAX_REDIRECTS + " times. Give another place with --from");
    }

    private Answer send(URI address, Map<String, String> headers) throws IOException, InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder(address).header("User-Agent", "imu2clip");
        headers.forEach(request::header);
        var answer = client.sendAsync(request.build(), _ -> new Body());
        try {
            // Not the request's own timeout: from JDK 26 on that would limit the whole transfer.
            HttpResponse<Body> response = answer.get(connect.plus(idle).toMillis(), TimeUnit.MILLISECONDS);
            return new Answer(response, idle);
        } catch (TimeoutException e) {
            answer.cancel(true);
            throw new HttpTimeoutException("no answer within " + seconds(idle));
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException cause ? cause : new IOException(e.getCause());
        }
    }

    private static URI target(URI first, URI from, String location) {
        URI next;
        try {
            if (location.isEmpty()) throw new IllegalArgumentException("no Location");
            next = from.resolve(location);
            requireHttp(next);
        } catch (IllegalArgumentException | InputException e) {
            throw new InputException(first + ": redirects to '" + location + "', which is no address. Give another place with --from", e);
        }
        if (next.getScheme().equals("http") && !next.getHost().matches("localhost|127(\\.\\d{1,3}){3}|\\[::1]"))
            throw new InputException(first + ": redirects to " + next + ", without encryption. Give another place with --from");
        return next;
    }

    /** A failure in few words, for people. */
    static String reason(IOException failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause())
            if (cause instanceof UnresolvedAddressException) return "the host is not known";
        return switch (failure) {
            case HttpConnectTimeoutException _ -> "no connection in time";
            case ConnectException _ -> "no connection";
            default -> failure.getMessage() == null ? failure.getClass().getSimpleName() : failure.getMessage();
        };
    }

    private static String seconds(Duration time) {
        return time.toMillis() / 1000.0 + " s";
    }

    @Override
    public void close() {
        client.shutdownNow();
    }

    /** The head of an answer, and its body as it comes in. */
    static final class Answer implements AutoCloseable {
        private final HttpResponse<Body> response;
        private final Duration idle;

        private Answer(HttpResponse<Body> response, Duration idle) {
            this.response = response;
            this.idle = idle;
        }

        int status() {
            return response.statusCode();
        }

        /** Empty where there is none. */
        String header(String name) {
            return response.headers().firstValue(name).orElse("");
        }

        /** What the answer says its body has, or -1. */
        long length() {
            String length = header("Content-Length");
            return length.matches("\\d{1,18}") ? Long.parseLong(length) : -1;
        }

        /** The next bytes; null at the end. */
        List<ByteBuffer> next() throws IOException, InterruptedException {
            Object item = response.body().items.poll(idle.toMillis(), TimeUnit.MILLISECONDS);
            return switch (item) {
                case null -> throw new HttpTimeoutException("nothing came for " + seconds(idle));
                case Body.Bytes bytes -> {
                    response.body().subscription.request(1);
                    yield bytes.buffers;
                }
                case IOException failure -> throw failure;
                case Throwable failure -> throw new IOException(failure);
                default -> null;
            };
        }

        /** Breaks the transfer off where it is not at its end. */
        @Override
        public void close() {
            response.body().subscription.cancel();
        }
    }

    /** Hands over what comes in, one piece at a time, so that a slow disk slows the sender. */
    private static final class Body implements HttpResponse.BodySubscriber<Body> {
        private record Bytes(List<ByteBuffer> buffers) {}

        private static final Object END = new Object();
        private final BlockingQueue<Object> items = new LinkedBlockingQueue<>();
        private final CompletableFuture<Body> begun = new CompletableFuture<>();
        private volatile Flow.Subscription subscription;

        /** Ready as soon as bytes can come, not only when they are all there. */
        @Override
        public CompletionStage<Body> getBody() {
            return begun;
        }

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            this.subscription = subscription;
            begun.complete(this);
            subscription.request(1);
        }

        @Override
        public void onNext(List<ByteBuffer> buffers) {
            items.add(new Bytes(buffers));
        }

        @Override
        public void onError(Throwable failure) {
            begun.completeExceptionally(failure);
            items.add(failure);
        }

        @Override
        public void onComplete() {
            items.add(END);
        }
    }
}
