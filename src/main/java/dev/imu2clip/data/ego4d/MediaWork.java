package dev.imu2clip.data.ego4d;

import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import java.nio.file.Path;

/** Where pictures and sound are prepared. */
final class MediaWork {
    private MediaWork() {}

    static void video(Path in, Path out, int fps, int size, Progress progress) {
        throw InputException.in(in, "cannot be prepared yet", "");
    }

    static boolean audio(Path in, Path out, int rateHz, Progress progress) {
        throw InputException.in(in, "cannot be prepared yet", "");
    }
}
