package dev.imu2clip.data;

import java.util.List;
import java.util.Set;

/** How the windows of a prepared data set are found: listed in a file, or cut from what is known of its recordings. */
@FunctionalInterface
public interface WindowRule {
    /** Those of {@code windows.csv}. */
    WindowRule LISTED = (layout, uids) -> WindowFile.read(layout.windows());

    /**
     * @param uids the recordings that are in a split; windows of others are of no use
     * @return windows in a fixed order, checked or not
     * @throws dev.imu2clip.io.InputException when the files that tell of them are missing or damaged
     */
    List<Window> windows(Layout layout, Set<String> uids);
}
