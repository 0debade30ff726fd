package dev.imu2clip;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/** Finds the shared test data; a test that needs a set that is not there is skipped in sight. */
public final class TestData {
    private TestData() {}

    /** Folder {@code name} of the shared data: system property, then {@code shared/data} beside a parent folder, then environment. */
    public static Path shared(String name) {
        String property = System.getProperty("imu2clip.testdata");
        if (property != null && Files.isDirectory(Path.of(property, name))) return Path.of(property, name);
        for (Path folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent()) {
            Path candidate = folder.resolve("shared").resolve("data").resolve(name);
            if (Files.isDirectory(candidate)) return candidate;
        }
        String environment = System.getenv("IMU2CLIP_TEST_DATA");
        if (environment != null && Files.isDirectory(Path.of(environment, name))) return Path.of(environment, name);
        return Assumptions.abort("shared test data '" + name + "' not found: set -Dimu2clip.testdata=FOLDER or IMU2CLIP_TEST_DATA");
    }
}
