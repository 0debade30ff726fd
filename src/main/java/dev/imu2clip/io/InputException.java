package dev.imu2clip.io;

import java.nio.file.Path;

/**
 * Something the user gave cannot be used: a file, a setting, an argument. The message names it, the place in it, what was
 * expected and what to do; the command line prints that message alone, without a stack trace.
 */
public final class InputException extends RuntimeException {
    public InputException(String message) {
        super(message);
    }

    public InputException(String message, Throwable cause) {
        super(message, cause);
    }

    /** {@code file: problem. remedy} */
    public static InputException in(Path file, String problem, String remedy) {
        return new InputException(file + ": " + problem + (remedy.isEmpty() ? "" : ". " + remedy));
    }
}
