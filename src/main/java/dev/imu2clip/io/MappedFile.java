package dev.imu2clip.io;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** Opens files by mapping them. */
final class MappedFile {
    private MappedFile() {}

    /** Makes a file of mapped bytes, which live as long as the arena. */
    interface Reader<T> {
        T read(Path file, MemorySegment bytes, Arena arena);
    }

    /**
     * Maps {@code file} into an arena that belongs to what {@code reader} returns; when it throws, the file is unmapped.
     *
     * @param expected for errors: what the file should be
     */
    static <T> T open(Path file, String expected, Reader<T> reader) {
        if (Files.isDirectory(file)) throw InputException.in(file, "is a folder; " + expected, "Give the file in it");
        // A pipe would wait for its writer here, and no other can be mapped.
        if (Files.exists(file) && !Files.isRegularFile(file))
            throw InputException.in(file, "is a pipe or a device; " + expected, "Write it to a file first");
        Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(file)) {
            return reader.read(file, channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena), arena);
        } catch (IOException e) {
            arena.close();
            String reason = e instanceof NoSuchFileException ? "no such file" : "cannot be read (" + InputException.reason(e) + ")";
            throw new InputException(file + ": " + reason + "; " + expected, e);
        } catch (RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }
}
