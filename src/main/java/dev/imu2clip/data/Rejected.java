package dev.imu2clip.data;

/** A window, or a whole recording, cannot be used. Counted by {@link Rejections}, never shown as an exception. */
final class Rejected extends RuntimeException {
    final Rejections.Reason reason;

    Rejected(Rejections.Reason reason, String detail) {
        super(detail, null, false, false);
        this.reason = reason;
    }
}
