package dev.imu2clip.data.ego4d;

import com.fasterxml.jackson.databind.JsonNode;
import dev.imu2clip.data.Json;
import dev.imu2clip.io.InputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;

/**
 * {@code bad_imu_windows_2.5.json}, {@code bad_imu_windows_5.0.json}: windows whose motion is known to be of no use, a list of
 * {@code [uid, start, end]}. Each list belongs to the window length in its name.
 */
public final class BadWindows {
    private record Place(String uid, double start, double end) {}

    private final Set<Place> places = new HashSet<>();

    private BadWindows() {}

    /** The file's name for a {@code window_sec}. */
    public static String name(double windowSec) {
        return "bad_imu_windows_" + windowSec + ".json";
    }

    /** None where there is no file. */
    public static BadWindows read(Path file) {
        BadWindows bad = new BadWindows();
        if (!Files.exists(file)) return bad;
        JsonNode list = Json.read(file);
        if (!list.isArray()) throw InputException.in(file, "must be a JSON list of windows", "Expected [[\"uid\", start, end], ...]");
        for (JsonNode window : list) {
            if (window.size() != 3 || !window.path(0).isTextual() || !window.path(1).isNumber() || !window.path(2).isNumber())
                throw InputException.in(file, "entry " + (bad.places.size() + 1) + " is " + window, "Expected [\"uid\", start, end]");
            bad.places.add(new Place(window.path(0).asText(), window.path(1).asDouble(), window.path(2).asDouble()));
        }
        return bad;
    }

    public boolean contains(String uid, double start, double end) {
        return places.contains(new Place(uid, start, end));
    }

    public int size() {
        return places.size();
    }
}
