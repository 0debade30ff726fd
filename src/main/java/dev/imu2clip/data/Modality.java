package dev.imu2clip.data;

import dev.imu2clip.io.InputException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** What a window is known by, under the reference's names: {@code imu}, {@code text}, {@code video}, {@code audio}. */
public enum Modality {
    IMU, TEXT, VIDEO, AUDIO;

    /** As configurations write it. */
    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** As identifiers of runs and names of metrics write it: {@code i}, {@code t}, {@code v}, {@code a}. */
    public String initial() {
        return id().substring(0, 1);
    }

    public static Modality of(String id) {
        for (Modality modality : values()) if (modality.id().equals(id)) return modality;
        throw new InputException("there is no modality '" + id + "'; there is "
                + Arrays.stream(values()).map(Modality::id).collect(Collectors.joining(", ")));
    }

    public static List<Modality> of(List<String> ids) {
        return ids.stream().map(Modality::of).toList();
    }

    @Override
    public String toString() {
        return id();
    }
}
