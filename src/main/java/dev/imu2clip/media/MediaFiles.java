package dev.imu2clip.media;

import dev.imu2clip.io.InputException;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Pictures or videos among files and folders. A file that is named is taken whatever it is. Of a folder, with all folders in it, come those
 * that are called like one of the kind, and pictures also by their first bytes, sorted by path; hidden ones are left out. One that is
 * called a picture and is none is taken, since somebody should hear of it.
 *
 * @param files  what was found, in the order of what was given
 * @param others other files in the folders
 */
public record MediaFiles(List<Path> files, int others) {
    /** What is looked for, with the endings of its files. */
    public enum Kind {
        PICTURE("pictures", "jpg", "jpeg", "jpe", "jfif", "png", "gif", "bmp", "webp"),
        VIDEO("videos", "mp4", "m4v", "mov", "mkv", "webm", "avi", "flv", "wmv", "asf", "ogv", "mpg", "mpeg", "mts", "m2ts", "3gp");

        private final String plural;
        private final Set<String> endings;

        Kind(String plural, String... endings) {
            this.plural = plural;
            this.endings = Set.of(endings);
        }

        boolean matches(Path file) {
            String name = file.getFileName().toString();
            if (endings.contains(name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT))) return true;
            if (this == VIDEO) return false;
            try (InputStream in = Files.newInputStream(file)) {
                return ImageDecoder.isPicture(in.readNBytes(ImageDecoder.SIGNATURE));
            } catch (IOException e) {
                return false;
            }
        }
    }

    /** @throws InputException when one of {@code in} does not exist, a folder cannot be read, or there is nothing of the kind */
    public static MediaFiles find(List<Path> in, Kind kind) {
        List<Path> found = new ArrayList<>();
        int others = 0;
        for (Path path : in) {
            if (!Files.exists(path)) throw InputException.in(path, "no such file or folder", "");
            if (!Files.isDirectory(path)) {
                found.add(path);
                continue;
            }
            for (Path file : visible(path)) {
                if (kind.matches(file)) found.add(file);
                else others++;
            }
        }
        if (found.isEmpty()) {
            String places = String.join(", ", in.stream().map(Path::toString).toList());
            throw new InputException(places + ": holds no " + kind.plural + " (" + others + " other files). Known endings: "
                    + String.join(", ", kind.endings.stream().sorted().toList()));
        }
        return new MediaFiles(List.copyOf(found), others);
    }

    private static List<Path> visible(Path folder) {
        try (Stream<Path> all = Files.walk(folder, FileVisitOption.FOLLOW_LINKS)) {
            return all.filter(Files::isRegularFile).filter(file -> !isHidden(folder.relativize(file))).sorted().toList();
        } catch (IOException | UncheckedIOException e) {
            throw new InputException(folder + ": cannot be read (" + e.getMessage()
                    + "). Check that the folder and those in it are readable", e);
        }
    }

    private static boolean isHidden(Path path) {
        for (Path part : path) if (part.toString().startsWith(".")) return true;
        return false;
    }
}
