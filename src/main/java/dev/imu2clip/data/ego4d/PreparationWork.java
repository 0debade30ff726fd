package dev.imu2clip.data.ego4d;

import com.fasterxml.jackson.databind.JsonNode;
import dev.imu2clip.io.Progress;
import java.nio.file.Path;
import java.util.List;

/**
 * One file to be made into others.
 *
 * @param kind {@code imu}, {@code video} or {@code audio}
 * @param source null where it is gone since it was prepared
 * @param version name, size and time of change of the source, and the settings
 * @param targets what is to be made
 * @param weight how long it takes, against others
 */
record PreparationWork(String kind, String uid, Path source, String version, List<Path> targets, double weight, Making making) {
    @FunctionalInterface
    interface Making {
        /** @return what the report tells of it, or null where the source holds none of it */
        JsonNode make(Progress progress);
    }

    boolean isDone(PreparationLog.Entry entry) {
        return entry != null && (source == null || entry.source().equals(version)) && entry.describes(targets);
    }
}
