package dev.imu2clip.io;

/** Hears how far a long job has come. */
@FunctionalInterface
public interface Progress {
    Progress NONE = (done, total, what) -> {};

    /** {@code done} of {@code total} are finished; {@code what} has just been finished or is being worked on. */
    void at(int done, int total, String what);
}
