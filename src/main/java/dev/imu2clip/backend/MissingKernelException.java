package dev.imu2clip.backend;

/** A backend has no form of a kernel for these element types. The message names both. */
public final class MissingKernelException extends IllegalStateException {
    private static final long serialVersionUID = 1;

    public MissingKernelException(String message) {
        super(message);
    }
}
