package dev.imu2clip.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * What has come of a file so far, and beside it the tag by which the server knows the file's version. Failures to write are the
 * disk's, and end the download; the part is kept.
 */
final class PartFile implements AutoCloseable {
    private final Path path;
    private final Path tagPath;
    private final FileChannel channel;
    private long size;
    private String tag = "";

    PartFile(Path path) throws IOException {
        this.path = path;
        tagPath = path.resolveSibling(path.getFileName() + ".etag");
        channel = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        size = channel.size();
        if (size > 0 && Files.exists(tagPath)) tag = strong(Files.readString(tagPath));
    }

    long size() {
        return size;
    }

    /** Empty where none is known. */
    String tag() {
        return tag;
    }

    /** A weak tag does not promise equal bytes, so it is of no use; nor is anything that is no tag. */
    private static String strong(String tag) {
        return tag.matches("\"[\\x21\\x23-\\x7E]{1,1000}\"") ? tag : "";
    }

    /** Begins again with a version of this tag. */
    void restart(String newTag) {
        tag = strong(newTag);
        write(() -> {
            Files.deleteIfExists(tagPath);
            channel.truncate(0);
            size = 0;
            if (!tag.isEmpty()) Files.writeString(tagPath, tag);
        });
    }

    void append(ByteBuffer bytes) {
        write(() -> {
            while (bytes.hasRemaining()) size += channel.write(bytes, size);
        });
    }

    private interface Writing {
        void run() throws IOException;
    }

    private void write(Writing writing) {
        try {
            writing.run();
        } catch (IOException e) {
            throw new InputException(path + ": cannot be written (" + InputException.reason(e) + "). " + size
                    + " bytes are kept: make room, and "
                    + "the same command goes on with them; or give another folder with --to", e);
        }
    }

    /** @throws InputException when the disk has no room for the rest of a file of {@code whole} bytes */
    void requireRoom(long whole) throws IOException {
        long free = Files.getFileStore(path).getUsableSpace();
        if (free < whole - size)
            throw new InputException(path + ": needs " + (whole - size >> 20) + " MiB more, but the disk has " + (free >> 20)
                    + " MiB free. Make room, or give another folder with --to");
    }

    String sha256() {
        write(() -> channel.force(true));
        return Sha256.of(path);
    }

    void delete() throws IOException {
        channel.close();
        Files.deleteIfExists(tagPath);
        Files.deleteIfExists(path);
    }

    /** Gives the file its name, in one step. */
    void becomes(Path target) throws IOException {
        channel.close();
        Files.move(path, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        Files.deleteIfExists(tagPath);
        AtomicFile.syncFolder(target.toAbsolutePath().getParent());
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    @Override
    public String toString() {
        return path.toString();
    }
}
