package dev.imu2clip.data;

/** The three parts of a data set; a recording belongs to at most one of them. */
public enum Split {
    TRAINING, VALIDATION, TEST;

    /** As the file of its recordings is called: {@code training}, {@code validation}, {@code test}. */
    public String id() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }
}
