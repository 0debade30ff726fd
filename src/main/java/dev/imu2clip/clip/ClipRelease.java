package dev.imu2clip.clip;

import dev.imu2clip.io.CacheFolder;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.RemoteFile;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A published CLIP that can be downloaded: the only place that knows addresses, sizes and hashes.
 *
 * @param name  as people write it
 * @param files weights first, then what belongs to them
 */
public record ClipRelease(String name, List<RemoteFile> files) {
    /** How people get them, for messages. */
    static final String COMMAND = "imu2clip download clip-vit-b-32";

    public static final ClipRelease VIT_B_32 = new ClipRelease("clip-vit-b-32", List.of(
            new RemoteFile(URI.create("https://openaipublic.azureedge.net/clip/models/"
                    + "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af/ViT-B-32.pt"), 353_976_522,
                    "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"),
            new RemoteFile(URI.create("https://github.com/openai/CLIP/raw/main/clip/" + VocabularyFiles.OFFICIAL), 1_356_917,
                    "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a")));

    public static final List<ClipRelease> ALL = List.of(VIT_B_32);

    /** @throws InputException when none of {@code releases} has this name */
    public static ClipRelease named(String name, List<ClipRelease> releases) {
        return releases.stream().filter(release -> release.name.equals(name)).findFirst().orElseThrow(() -> new InputException("'" + name
                + "' cannot be downloaded. Known: " + releases.stream().map(ClipRelease::name).collect(Collectors.joining(", "))));
    }

    /** Where it lies unless another folder is given. */
    public Path folder() {
        return CacheFolder.path().resolve("models").resolve(name);
    }

    /** Whether all its files are in a folder. They get their names only when their hashes are right. */
    boolean isIn(Path folder) {
        return files.stream().allMatch(file -> Files.isRegularFile(folder.resolve(file.name())));
    }
}
