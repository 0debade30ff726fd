package dev.imu2clip.data;

import dev.imu2clip.io.InputException;
import java.nio.file.Path;

/** Where things lie in a prepared data set; described in docs/data.md. */
public record Layout(Path folder) {
    static final String SIGNALS = "processed_imu";
    static final int VIDEO_FPS = 10;
    static final int VIDEO_SIZE = 224;

    public Path info() {
        return folder.resolve("dataset.json");
    }

    public Path recordings() {
        return folder.resolve("recordings.json");
    }

    public Path windows() {
        return folder.resolve("windows.csv");
    }

    public Path split(Split split) {
        return splits().resolve(split.id() + ".json");
    }

    /** One of the reference's ten random divisions; the first of them stands for {@link #split} where that is not there. */
    public Path split(Split split, int number) {
        return splits().resolve(split.id() + "_" + number + ".json");
    }

    public Path splits() {
        return folder.resolve("splits");
    }

    /** Ego4D's metadata, which makes a folder one of Ego4D's layout. */
    public Path metadata() {
        return folder.resolve("ego4d.json");
    }

    /** Ego4D's narrations. */
    public Path narrations() {
        return folder.resolve("narration.json");
    }

    public Path signals() {
        return folder.resolve(SIGNALS);
    }

    public Path signal(String uid) {
        return signals().resolve(uid + ".npy");
    }

    public Path timestamps(String uid) {
        return signals().resolve(uid + "_timestamps.npy");
    }

    /** The reference's labelled windows of a split, for recognition. */
    public Path labelled(Split split) {
        return folder.resolve("dataset_motion_narr_2.5_" + split.id() + "_0.csv");
    }

    /** 10 frames a second of 224 x 224 pixels. */
    public Path video(String uid) {
        return videos().resolve(uid + ".mp4");
    }

    public Path videos() {
        return folder.resolve("processed_videos");
    }

    /** Mono, 16 kHz. */
    public Path audio(String uid) {
        return audios().resolve(uid + ".wav");
    }

    public Path audios() {
        return folder.resolve("processed_audios");
    }

    /** A uid becomes a file name, so it must be one. @throws InputException naming {@code file}, where it was read */
    public static String checkUid(String uid, Path file) {
        if (!uid.matches("[A-Za-z0-9][A-Za-z0-9._+@=-]{0,199}"))
            throw InputException.in(file, "'" + uid + "' cannot be the uid of a recording",
                    "A uid is made of letters, digits and . _ + @ = -");
        return uid;
    }
}
