package dev.imu2clip.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Fetches files whose hash is known. What has come stays in a {@code .part} file through cut connections, failures and the end of the
 * program, and is gone on with; only a file of the right hash gets its name. Processes that fetch the same file wait for each other.
 */
public final class Download {
    /**
     * @param attempts in a row without a new byte, after which it gives up
     * @param connect  longest wait for a connection
     * @param idle     longest silence
     * @param pause    before the second attempt; it doubles with each one
     */
    public record Limits(int attempts, Duration connect, Duration idle, Duration pause) {
        public static final Limits DEFAULT = new Limits(6, Duration.ofSeconds(20), Duration.ofSeconds(30), Duration.ofSeconds(1));
    }

    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(30);
    /** Attempts in all, for servers that give a few bytes each time. */
    private static final int MOST_ATTEMPTS = 1000;
    private static final Pattern CONTENT_RANGE = Pattern.compile("bytes (\\d{1,18})-\\d{1,18}/(\\d{1,18}|\\*)");

    private final Limits limits;
    private final Path cache;
    private final Progress progress;
    private final Consumer<String> say;

    /**
     * @param cache    where hashes of files are remembered, see {@link Sha256}
     * @param progress hears of KiB
     * @param say      hears lines for people
     */
    public Download(Limits limits, Path cache, Progress progress, Consumer<String> say) {
        this.limits = limits;
        this.cache = cache;
        this.progress = progress;
        this.say = say;
    }

    /**
     * Puts the file into the folder, which is made where it is missing; does nothing where it is there already.
     *
     * @return the file
     * @throws InputException when it cannot be fetched, is not the file it should be, or cannot be written
     */
    public Path fetch(RemoteFile file, Path folder) {
        Http.requireHttp(file.address());
        Path target = folder.resolve(file.name());
        if (isWhole(target, file)) {
            say.accept(target + ": is there, and its hash is right");
            return target;
        }
        try {
            Files.createDirectories(folder);
            try (var _ = FileLock.acquire(folder.resolve("." + file.name() + ".lock"),
                    () -> say.accept("another process is fetching " + target + ": waiting for it"))) {
                if (!isWhole(target, file)) fetchAlone(file, target);
            }
            return target;
        } catch (IOException e) {
            throw new InputException(target + ": cannot be written (" + InputException.reason(e)
                    + "). Check the folder, or give another with --to", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InputException(target + ": interrupted; what has come is kept", e);
        }
    }

    private boolean isWhole(Path target, RemoteFile file) {
        return Files.isRegularFile(target) && target.toFile().length() == file.size() && Sha256.of(target, cache).equals(file.sha256());
    }

    private void fetchAlone(RemoteFile file, Path target) throws IOException, InterruptedException {
        long started = System.nanoTime();
        try (var part = new PartFile(target.resolveSibling(file.name() + ".part")); var http = new Http(limits.connect, limits.idle)) {
            long before = part.size();
            if (Files.exists(target)) say.accept(target + ": is not the published file; it will be replaced");
            say.accept("fetching " + file.address() + " (" + mebibytes(file.size()) + ")"
                    + (before > 0 ? ", " + mebibytes(before) + " are there" : ""));
            part.requireRoom(file.size());
            receiveAll(http, file, part);
            String hash = part.sha256();
            if (!hash.equals(file.sha256())) {
                part.delete();
                throw new InputException(file.address() + ": what came has SHA-256 " + hash + ", the published file has " + file.sha256()
                        + ". It was deleted. Try again, or from another place with --from");
            }
            part.becomes(target);
            double seconds = (System.nanoTime() - started) / 1e9;
            say.accept(String.format(Locale.ROOT, "%s: complete in %.1f s, its hash is right", target, seconds));
        }
    }

    private void receiveAll(Http http, RemoteFile file, PartFile part) throws InterruptedException {
        long most = part.size();
        int inVain = 0;
        for (int attempt = 1;; attempt++) {
            try {
                receive(http, file, part);
                return;
            } catch (IOException e) {
                inVain = part.size() > most ? 0 : inVain + 1;
                most = Math.max(most, part.size());
                if (inVain >= limits.attempts || attempt >= MOST_ATTEMPTS)
                    throw new InputException(file.address() + ": " + Http.reason(e) + ", after " + attempt + " attempts. "
                            + (most > 0 ? mebibytes(part.size()) + " of " + mebibytes(file.size()) + " are kept in " + part
                                    + ": the same command goes on with them" : "Check the network, or give another place with --from"), e);
                Duration pause = limits.pause.multipliedBy(1L << Math.clamp(inVain - 1, 0, 10));
                if (pause.compareTo(LONGEST_PAUSE) > 0) pause = LONGEST_PAUSE;
                say.accept(file.name() + ": " + Http.reason(e) + "; next attempt in " + pause.toMillis() / 1000.0 + " s");
                Thread.sleep(pause);
            }
        }
    }

    /** One request, for what is missing. Afterwards the file is as long as it should be. */
    private void receive(Http http, RemoteFile file, PartFile part) throws IOException, InterruptedException {
        if (part.size() > file.size()) part.restart("");
        if (part.size() == file.size()) return;
        Map<String, String> headers = new HashMap<>();
        if (part.size() > 0) {
            headers.put("Range", "bytes=" + part.size() + "-");
            if (!part.tag().isEmpty()) headers.put("If-Range", part.tag());
        }
        try (Http.Answer answer = http.get(file.address(), headers)) {
            begin(answer, file, part);
            for (List<ByteBuffer> bytes; (bytes = answer.next()) != null; ) {
                for (ByteBuffer buffer : bytes) {
                    if (part.size() + buffer.remaining() > file.size()) {
                        part.delete();
                        throw new InputException(file.address() + ": sends more than the " + file.size() + " bytes of the published file. "
                                + "Give another place with --from");
                    }
                    part.append(buffer);
                }
                progress.at((int) (part.size() >> 10), (int) (file.size() >> 10), "");
            }
        }
        if (part.size() < file.size()) throw new IOException("the connection ended after " + part.size() + " of " + file.size() + " bytes");
    }

    /** Decides by the answer's head where its body goes. */
    private static void begin(Http.Answer answer, RemoteFile file, PartFile part) throws IOException {
        int status = answer.status();
        if (status == 200) {
            requireSize(answer.length(), file);
            // Also where the server passes over Range, or the file is another than that of the part.
            part.restart(answer.header("ETag"));
            return;
        }
        if (status == 206) {
            Matcher range = CONTENT_RANGE.matcher(answer.header("Content-Range"));
            String tag = answer.header("ETag");
            boolean fits = range.matches() && Long.parseLong(range.group(1)) == part.size() && (tag.isEmpty() || part.tag().isEmpty()
                    || tag.equals(part.tag()));
            if (fits) {
                if (!range.group(2).equals("*")) requireSize(Long.parseLong(range.group(2)), file);
                return;
            }
            part.restart("");
            throw new IOException("the server sends another part than was asked for");
        }
        if (status == 416) {
            part.restart("");
            throw new IOException("the server has no such part");
        }
        if (status == 408 || status == 429 || status >= 500) throw new IOException("the server answers " + status);
        throw new InputException(file.address() + ": the server answers " + status
                + (status == 404 || status == 410 ? " (not found)" : status == 401 || status == 403 ? " (not allowed)" : "")
                + ". Give another place with --from");
    }

    /** @param announced what the server says; less than 0 where it says nothing */
    private static void requireSize(long announced, RemoteFile file) {
        if (announced >= 0 && announced != file.size())
            throw new InputException(file.address() + ": has " + announced + " bytes there, the published file has " + file.size()
                    + ". Give another place with --from");
    }

    private static String mebibytes(long bytes) {
        return String.format(Locale.ROOT, "%.1f MiB", bytes / (double) (1 << 20));
    }
}
