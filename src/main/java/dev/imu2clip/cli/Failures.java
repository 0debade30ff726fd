package dev.imu2clip.cli;

import dev.imu2clip.backend.Backends;
import dev.imu2clip.backend.HostBackend;
import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;

/** Failures as one line on the error output. */
final class Failures {
    private Failures() {}

    /** @return the exit code */
    static int report(Throwable failure, PrintWriter err, boolean stacktrace) {
        err.println("imu2clip: " + message(failure));
        if (stacktrace) failure.printStackTrace(err);
        return Main.FAILED;
    }

    static String message(Throwable failure) {
        return switch (failure) {
            case InputException e -> e.getMessage();
            case Backends.UnavailableException e -> e.getMessage();
            case UncheckedIOException e -> message(e.getCause());
            case InvalidPathException e -> "'" + e.getInput() + "' cannot be a path: " + e.getReason();
            case NoSuchFileException e -> e.getFile() + ": no such file or folder";
            case AccessDeniedException e -> e.getFile() + ": no permission";
            case FileSystemException e -> e.getFile() + ": " + (e.getReason() == null ? "cannot be read or written" : e.getReason());
            case IOException e -> "reading or writing failed: " + e.getMessage();
            case HostBackend.NoMemoryError e -> "out of memory (" + e.getMessage()
                    + "). Give the process more; training needs less with a smaller --batch-size";
            case OutOfMemoryError e -> memory(e);
            case Throwable e -> defect(e);
        };
    }

    private static String memory(OutOfMemoryError failure) {
        long limit = Runtime.getRuntime().maxMemory() >> 20;
        return "out of memory (" + failure.getMessage() + "; the Java heap may grow to " + limit
                + " MiB). Allow more: IMU2CLIP_JAVA_OPTS=-Xmx" + Math.max(2, limit * 2 >> 10)
                + "g; training also needs less with a lower --batch-size";
    }

    private static String defect(Throwable failure) {
        String text = failure.getMessage() == null ? "" : ": " + failure.getMessage().lines().findFirst().orElse("");
        return failure.getClass().getSimpleName() + text + " (this is a defect: rerun with --stacktrace and report it)";
    }
}
