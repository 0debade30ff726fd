package dev.imu2clip.data.ego4d;

import com.fasterxml.jackson.annotation.JsonValue;

/**
 * A source that was not used.
 *
 * @param uid of the video, or the place in the file where there is none
 * @param what {@code metadata}, {@code narration}, {@code imu}, {@code video} or {@code audio}
 * @param detail the whole story, for people
 */
public record Skip(String uid, String what, Reason reason, String detail) {
    /** Why; as the report says it. */
    public enum Reason {
        INCOMPLETE_ENTRY("entry incomplete"),
        NAMED_TWICE("named twice"),
        NOT_IN_METADATA("not in ego4d.json"),
        NO_FILE("ego4d.json says there is one, but there is no file"),
        UNEXPECTED_FILE("there is a file, but ego4d.json says that there is none"),
        NO_SOUND("ego4d.json says there is sound, but the video has none"),
        UNUSABLE_FILE("file damaged or not as expected");

        private final String text;

        Reason(String text) {
            this.text = text;
        }

        @JsonValue
        @Override
        public String toString() {
            return text;
        }
    }
}
