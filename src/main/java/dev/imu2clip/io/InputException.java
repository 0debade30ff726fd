package dev.imu2clip.io;

import java.io.EOFException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;

/**
 * Something the user gave cannot be used: a file, a setting, an argument. The message names it, the place in it, what was
 * expected and what to do; the command line prints that message alone, without a stack trace.
 */
public final class InputException extends RuntimeException {
    private static final int LONGEST = 1000;

    public InputException(String message) {
        super(message);
    }

    public InputException(String message, Throwable cause) {
        super(message, cause);
    }

    /** {@code file: problem. remedy}. Characters that cannot be printed, as a damaged file may hold, become question marks. */
    public static InputException in(Path file, String problem, String remedy) {
        return new InputException(file + ": " + printable(problem) + (remedy.isEmpty() ? "" : ". " + remedy));
    }

    /** Why reading or writing failed, for people: the message of the failure is often no more than a path. */
    public static String reason(IOException failure) {
        return switch (failure) {
            case FileAlreadyExistsException e -> e.getFile() + " is no folder";
            case AccessDeniedException e -> "no permission";
            case EOFException _ -> "it ends too early";
            case FileSystemException e when e.getReason() != null -> e.getReason();
            default -> failure.getMessage() == null ? "for no reason that is told" : failure.getMessage();
        };
    }

    /** A text out of a file, fit to be shown: in one line, of bounded length. */
    public static String printable(String text) {
        String line = text.replaceAll("[\\p{Cc}\\u2028\\u2029]", "?");
        return line.length() <= LONGEST ? line : line.substring(0, LONGEST) + "...";
    }
}
