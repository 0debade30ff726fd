package dev.imu2clip.data.check;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** How a recording fares: usable, usable but remarkable, or of no use as it is. */
public enum Status {
    OK, WARNING, BAD;

    @JsonValue
    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }
}
