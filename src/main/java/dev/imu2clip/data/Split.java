package dev.imu2clip.data;

import dev.imu2clip.io.InputException;

/** The three parts of a data set; a recording belongs to at most one of them. */
public enum Split {
    TRAINING, VALIDATION, TEST;

    /** As the file of its recordings is called: {@code training}, {@code validation}, {@code test}. */
    public String id() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }

    /** The split of a name: {@code training} (or {@code train}), {@code validation} (or {@code val}), {@code test}. */
    public static Split of(String name) {
        return switch (name) {
            case "training", "train" -> TRAINING;
            case "validation", "val" -> VALIDATION;
            case "test" -> TEST;
            default -> throw new InputException("there is no split '" + name + "'; there is training, validation and test");
        };
    }
}
