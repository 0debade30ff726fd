package dev.imu2clip.data.check;

/**
 * One thing that is wrong with a recording.
 *
 * @param code short and stable, such as {@code clock-backwards}; docs/data-check.md lists them
 * @param text for people: what was measured and what was expected
 */
public record Finding(Status status, String code, String text) {
    static Finding warning(String code, String text) {
        return new Finding(Status.WARNING, code, text);
    }

    static Finding bad(String code, String text) {
        return new Finding(Status.BAD, code, text);
    }
}
