package dev.imu2clip.data.ego4d;

import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Where Ego4D's raw files lie: in one folder, as its download program lays them out, or wherever a person says.
 *
 * @param imu motion by uid: {@code imu/{uid}.csv} or {@code .csv.gz}
 * @param videos by uid: {@code full_scale/{uid}.mp4}
 * @param hasVideoFolder whether there is a folder of videos at all
 * @param lists bad windows and labelled windows, copied as they are
 * @param splits folder of given splits, or null
 */
public record RawEgo4d(Path folder, Path metadata, Path narrations, Map<String, Path> imu, Map<String, Path> videos,
        boolean hasVideoFolder, List<Path> lists, Path splits) {
    /** Places that are not found by their names; null where they are to be. */
    public record Places(Path metadata, Path narrations, Path imu, Path videos, Path splits) {
        public static final Places BY_NAME = new Places(null, null, null, null, null);
    }

    /** Ego4D's download program puts a version's files into a folder of its own. */
    private static final List<String> ROOTS = List.of("", "v2", "v1");

    /** @throws InputException when the metadata, the narrations, or both motion and videos are missing */
    public static RawEgo4d find(Path folder, Places places) {
        if (!Files.isDirectory(folder)) throw InputException.in(folder, "is not a folder", "Give the folder of Ego4D's raw files");
        Path metadata = required(folder, places.metadata, "--metadata", "ego4d.json");
        Path narrations = required(folder, places.narrations, "--narrations", "narration.json", "annotations/narration.json");
        Path imu = place(folder, places.imu, "--imu", "imu");
        Path videos = place(folder, places.videos, "--videos", "full_scale", "video", "videos");
        if (imu == null && videos == null)
            throw InputException.in(folder, "has neither a folder imu nor a folder full_scale", "Give them with --imu and --videos");
        return new RawEgo4d(folder, metadata, narrations, files(imu, List.of(".csv.gz", ".csv")), files(videos, List.of(".mp4")),
                videos != null, lists(folder), place(folder, places.splits, "--splits", "splits"));
    }

    private static Path required(Path folder, Path given, String option, String... names) {
        Path found = place(folder, given, option, names);
        if (found == null) throw InputException.in(folder, "has no " + names[0], "Give it with " + option);
        return found;
    }

    private static Path place(Path folder, Path given, String option, String... names) {
        if (given != null) {
            if (!Files.exists(given)) throw new InputException(option + " " + given + ": does not exist");
            return given;
        }
        for (String root : ROOTS)
            for (String name : names) if (Files.exists(folder.resolve(root).resolve(name))) return folder.resolve(root).resolve(name);
        return null;
    }

    /** Files by name without its ending, sorted; of two of one name the one with the later ending counts. */
    private static Map<String, Path> files(Path folder, List<String> endings) {
        Map<String, Path> files = new TreeMap<>();
        if (folder == null) return files;
        List<Path> all = list(folder);
        for (String ending : endings)
            for (Path file : all) {
                String name = file.getFileName().toString();
                if (name.endsWith(ending) && !name.startsWith(".")) files.put(name.substring(0, name.length() - ending.length()), file);
            }
        return files;
    }

    private static List<Path> lists(Path folder) {
        Map<String, Path> lists = new TreeMap<>();
        for (String root : List.of("v1", "v2", "annotations", "")) {
            if (!Files.isDirectory(folder.resolve(root))) continue;
            for (Path file : list(folder.resolve(root))) {
                String name = file.getFileName().toString();
                if (name.matches("bad_imu_windows_.+\\.json|dataset_motion_narr_.+\\.csv")) lists.put(name, file);
            }
        }
        return List.copyOf(lists.values());
    }

    private static List<Path> list(Path folder) {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.sorted().toList();
        } catch (IOException e) {
            throw new InputException(folder + ": cannot be listed (" + InputException.reason(e) + ")", e);
        }
    }

    /** A file's name for reports: below the folder where it lies there. */
    String name(Path file) {
        Path name = file.startsWith(folder) ? folder.relativize(file) : file.getFileName();
        return name.toString().replace('\\', '/');
    }
}
