package dev.imu2clip.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** SHA-256 of texts and files, in hexadecimal. That of a file is remembered as long as the file stays the same. */
public final class Sha256 {
    private static final int CHUNK = 1 << 20;

    private Sha256() {}

    public static MessageDigest digest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every JDK has SHA-256", e);
        }
    }

    public static String of(String text) {
        return HexFormat.of().formatHex(digest().digest(text.getBytes(StandardCharsets.UTF_8)));
    }

    /** Hash of a file's bytes. */
    public static String of(Path file) {
        try {
            return ofBytes(file);
        } catch (IOException e) {
            throw unreadable(file, e);
        }
    }

    /**
     * Hash of a file's bytes. A large file takes a second, so the result is kept in {@code cache} beside the file's path, size, inode and
     * times of last change, of content and (where the system has it) of anything; it holds until one of them differs.
     */
    public static String of(Path file, Path cache) {
        try {
            Path real = file.toRealPath();
            BasicFileAttributes now = Files.readAttributes(real, BasicFileAttributes.class);
            String state = real + "\n" + now.size() + " " + now.lastModifiedTime() + " " + changed(real) + " " + now.fileKey() + "\n";
            Path memory = cache.resolve("sha256").resolve(of(real.toString()).substring(0, 16));
            String remembered = remembered(memory, state);
            if (remembered != null) return remembered;
            String hash = ofBytes(real);
            remember(memory, state + hash + "\n");
            return hash;
        } catch (IOException e) {
            throw unreadable(file, e);
        }
    }

    /** Unlike the time of the content, which copying tools set back to that of the original, nobody sets this. */
    private static Object changed(Path file) throws IOException {
        try {
            return Files.getAttribute(file, "unix:ctime");
        } catch (UnsupportedOperationException e) {
            return "";
        }
    }

    private static InputException unreadable(Path file, IOException failure) {
        return new InputException(file + ": cannot be read (" + InputException.reason(failure)
                + "). Check that it is a readable file", failure);
    }

    private static String remembered(Path memory, String state) {
        try {
            String text = Files.readString(memory);
            String hash = text.startsWith(state) ? text.substring(state.length()).strip() : "";
            return hash.matches("[0-9a-f]{64}") ? hash : null;
        } catch (IOException e) {
            return null;
        }
    }

    private static void remember(Path memory, String text) {
        try {
            AtomicFile.write(memory, text);
        } catch (InputException e) {
            // It is only faster with it.
        }
    }

    private static String ofBytes(Path file) throws IOException {
        MessageDigest digest = digest();
        ByteBuffer chunk = ByteBuffer.allocate(CHUNK);
        try (FileChannel channel = FileChannel.open(file)) {
            while (channel.read(chunk.clear()) >= 0) digest.update(chunk.flip());
        }
        return HexFormat.of().formatHex(digest.digest());
    }
}
