package dev.imu2clip.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/**
 * Writes a file so that a reader, or a crash, sees the old content or the whole new one: temporary file, fsync, rename, fsync of the
 * folder. What is no plain file, such as {@code /dev/stdout}, is written to as it is.
 */
public final class AtomicFile {
    private AtomicFile() {}

    @FunctionalInterface
    public interface Content {
        void writeTo(FileChannel channel) throws IOException;
    }

    /**
     * Replaces {@code target} by what {@code content} writes. Missing parent folders are made.
     *
     * @throws InputException when the file cannot be written (no permission, disk full); the old content is untouched
     */
    public static void write(Path target, Content content) {
        Path folder = target.toAbsolutePath().getParent();
        Path temporary = null;
        try {
            Files.createDirectories(folder);
            if (Files.exists(target) && !Files.isRegularFile(target)) {
                writeThrough(target, content);
                return;
            }
            // Not createTempFile: its files are for the owner alone, and these are to have the permissions that the user's umask gives.
            temporary = folder.resolve("." + target.getFileName() + "." + UUID.randomUUID() + ".tmp");
            try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                content.writeTo(channel);
                channel.force(true);
            }
            try {
                Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            } catch (AtomicMoveNotSupportedException e) {
                Files.move(temporary, target, StandardCopyOption.REPLACE_EXISTING);
            }
            temporary = null;
            syncFolder(folder);
        } catch (IOException e) {
            throw new InputException(target + ": cannot be written (" + InputException.reason(e) + "). Check free space and permissions of "
                    + folder + "; nothing was changed", e);
        } finally {
            if (temporary != null) delete(temporary);
        }
    }

    /** Makes renames in a folder last through a power failure. */
    static void syncFolder(Path folder) {
        try (FileChannel directory = FileChannel.open(folder, StandardOpenOption.READ)) {
            directory.force(true);
        } catch (IOException e) {
            // Some systems cannot open a folder; the rename itself was atomic there too.
        }
    }

    /** A pipe or a device: there is nothing to keep whole, and a rename would put a plain file in its place. */
    private static void writeThrough(Path target, Content content) throws IOException {
        if (Files.isDirectory(target)) throw new FileSystemException(target.toString(), null, "it is a folder");
        try (FileChannel channel = FileChannel.open(target, StandardOpenOption.WRITE)) {
            content.writeTo(channel);
        }
    }

    public static void write(Path target, String text) {
        write(target, channel -> writeFully(channel, ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8))));
    }

    /** {@link FileChannel#write} may write less than it was given; this writes all of it. */
    public static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) channel.write(bytes);
    }

    private static void delete(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            // A leftover .tmp file is harmless and says by its name what it is.
        }
    }
}
