package dev.imu2clip.io;

import java.nio.file.Path;

/**
 * Where results lie that can be computed again: {@code -Dimu2clip.cache=DIR}, else {@code IMU2CLIP_CACHE}, else {@code imu2clip} in
 * {@code XDG_CACHE_HOME} or {@code ~/.cache}. It may be deleted at any time.
 */
public final class CacheFolder {
    private CacheFolder() {}

    public static Path path() {
        return path(System.getProperty("imu2clip.cache"), System.getenv("IMU2CLIP_CACHE"), System.getenv("XDG_CACHE_HOME"),
                System.getProperty("user.home"));
    }

    static Path path(String property, String variable, String xdg, String home) {
        if (property != null && !property.isBlank()) return Path.of(property);
        if (variable != null && !variable.isBlank()) return Path.of(variable);
        // The XDG specification: a relative path is invalid and to be ignored.
        if (xdg != null && !xdg.isBlank() && Path.of(xdg).isAbsolute()) return Path.of(xdg, "imu2clip");
        return Path.of(home, ".cache", "imu2clip");
    }
}
