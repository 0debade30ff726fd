package dev.imu2clip.data.formats;

import dev.imu2clip.io.InputException;
import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;

/** Finds and opens the files of a format, plain or gzipped. */
final class SourceFiles {
    private SourceFiles() {}

    /** Those of a folder's files whose names match, by name; the file itself where {@code source} is one. */
    static List<Path> matching(Path source, Pattern name) {
        if (Files.isRegularFile(source)) return List.of(source);
        if (!Files.exists(source)) throw InputException.in(source, "does not exist", "Give the folder of the recordings");
        try (Stream<Path> list = Files.list(source)) {
            return list.filter(file -> name.matcher(file.getFileName().toString()).matches() && Files.isRegularFile(file)).sorted().toList();
        } catch (IOException e) {
            throw new InputException(source + ": cannot be listed (" + e + "). Give a folder", e);
        }
    }

    /** Those of a folder's folders whose names match, by name. */
    static List<Path> folders(Path source, Pattern name) {
        try (Stream<Path> list = Files.list(source)) {
            return list.filter(folder -> name.matcher(folder.getFileName().toString()).matches() && Files.isDirectory(folder)).sorted()
                    .toList();
        } catch (IOException e) {
            throw new InputException(source + ": cannot be listed (" + e + "). Give a folder", e);
        }
    }

    /** {@code folder/name} or {@code folder/name.gz}. */
    static Path existing(Path folder, String name, String remedy) {
        for (String ending : List.of("", ".gz")) if (Files.exists(folder.resolve(name + ending))) return folder.resolve(name + ending);
        throw InputException.in(folder, "has no " + name + " or " + name + ".gz", remedy);
    }

    /** {@code source}, or the first of its folders that holds {@code inside}: people unpack archives into one folder more or less. */
    static Path folder(Path source, String inside, String remedy) {
        if (Files.isDirectory(source.resolve(inside))) return source;
        if (Files.isDirectory(source)) {
            try (Stream<Path> list = Files.list(source)) {
                var found = list.sorted().filter(folder -> Files.isDirectory(folder.resolve(inside))).findFirst();
                if (found.isPresent()) return found.get();
            } catch (IOException e) {
                throw new InputException(source + ": cannot be listed (" + e + "). Give a folder", e);
            }
        }
        throw InputException.in(source, "has no folder '" + inside + "'", remedy);
    }

    /** The file's text, unzipped if its first bytes are gzip's. */
    static BufferedReader open(Path file) throws IOException {
        InputStream bytes = new BufferedInputStream(Files.newInputStream(file), 1 << 16);
        try {
            bytes.mark(2);
            boolean gzipped = bytes.read() == 0x1F && bytes.read() == 0x8B;
            bytes.reset();
            return new BufferedReader(new InputStreamReader(gzipped ? new GZIPInputStream(bytes, 1 << 16) : bytes, StandardCharsets.UTF_8));
        } catch (IOException e) {
            bytes.close();
            throw e;
        }
    }

    /** Why a file could not be read on. */
    static InputException failed(Path file, long line, Exception e) {
        Throwable cause = e instanceof UncheckedIOException ? e.getCause() : e;
        while (cause.getCause() instanceof IOException deeper) cause = deeper;
        String where = line > 0 ? ", after line " + line : "";
        if (cause instanceof EOFException)
            return new InputException(file + ": ends in the middle of its compressed data" + where + ". Copy the file again", e);
        String why = cause instanceof IOException io ? InputException.reason(io) : cause.getMessage();
        return new InputException(file + ": cannot be read" + where + " (" + why + ")", e);
    }

    /** A number as text files write it. */
    static double number(Path file, String place, String text) {
        try {
            double value = Double.parseDouble(text);
            if (Double.isFinite(value)) return value;
        } catch (NumberFormatException e) {
            // said below
        }
        throw InputException.in(file, place + ": '" + text + "' is not a finite number", "");
    }

    /** Fit to be a uid: letters, digits and . _ + @ = -. */
    static String uid(String name) {
        String clean = name.replaceAll("[^A-Za-z0-9._+@=-]", "_").replaceFirst("^[^A-Za-z0-9]+", "");
        return clean.isEmpty() ? "recording" : clean.substring(0, Math.min(150, clean.length()));
    }

    /** The file's name without the endings that tell its format. */
    static String baseName(Path file) {
        return file.getFileName().toString().replaceFirst("(?i)(\\.(csv|tsv|txt|dat|parquet|mp4|360))?(\\.gz)?$", "");
    }
}
