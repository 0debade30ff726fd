package dev.imu2clip.data;

import dev.imu2clip.io.InputException;
import java.nio.file.Path;

/** Where things lie in a prepared data set; described in docs/data.md. */
record Layout(Path folder) {
    static final String SIGNALS = "processed_imu";

    Path info() {
        return folder.resolve("dataset.json");
    }

    Path recordings() {
        return folder.resolve("recordings.json");
    }

    Path windows() {
        return folder.resolve("windows.csv");
    }

    Path split(Split split) {
        return folder.resolve("splits").resolve(split.id() + ".json");
    }

    Path signals() {
        return folder.resolve(SIGNALS);
    }

    Path signal(String uid) {
        return signals().resolve(uid + ".npy");
    }

    Path timestamps(String uid) {
        return signals().resolve(uid + "_timestamps.npy");
    }

    /** A uid becomes a file name, so it must be one. @throws InputException naming {@code file}, where it was read */
    static String checkUid(String uid, Path file) {
        if (!uid.matches("[A-Za-z0-9][A-Za-z0-9._+@=-]{0,199}"))
            throw InputException.in(file, "'" + uid + "' cannot be the uid of a recording",
                    "A uid is made of letters, digits and . _ + @ = -");
        return uid;
    }
}
