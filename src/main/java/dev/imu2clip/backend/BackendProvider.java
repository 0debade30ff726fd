package dev.imu2clip.backend;

import java.util.List;

/** Finds out whether a backend can run here and opens it. Found as a service, so that nobody imports a backend. */
public interface BackendProvider {
    /** The part of a device name before the colon: {@code cpu}, {@code java}, {@code cuda}. */
    String name();

    /** The provider of highest rank that can run here is the default. */
    int rank();

    /** What can be opened here, best first: {@code cpu:avx2}, {@code cpu:baseline}. Empty when nothing can. */
    List<String> devices();

    /** One line: what it would run on, or why it cannot. */
    String status();

    /** Further lines for {@code doctor}, each of a library or the like: what was found, or why it cannot be used. */
    default List<String> details() {
        return List.of();
    }

    /** Whether a person would expect it to run on this machine: not where the hardware is missing. */
    default boolean expected() {
        return true;
    }

    /** Opens one of {@link #devices()}. */
    Backend open(String device);
}
