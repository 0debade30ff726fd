package dev.imu2clip;

import org.junit.jupiter.api.Assumptions;

import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Finds the shared test data, which are no part of the project: in {@code -Dimu2clip.testdata=DIR}, else in IMU2CLIP_TEST_DATA, else in
 * shared/data of a folder above the working directory.
 */
public final class TestData {
    private TestData() {}

    /** The file or folder {@code name}; where there is none, the running test is skipped in sight. */
    public static Path shared(String name) {
        String setting = System.getProperty("imu2clip.testdata", System.getenv("IMU2CLIP_TEST_DATA"));
        if (setting != null && !setting.isEmpty() && Files.exists(Path.of(setting, name))) return Path.of(setting, name);
        for (Path folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent()) {
            Path found = folder.resolve("shared/data").resolve(name);
            if (Files.exists(found)) return found;
        }
        return Assumptions.abort("shared test data '" + name + "' not found; set -Dimu2clip.testdata=DIR");
    }
}
