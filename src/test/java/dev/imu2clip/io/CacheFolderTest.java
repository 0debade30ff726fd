package dev.imu2clip.io;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class CacheFolderTest {
    @Test
    void theFolderIsChosenInOrder() {
        assertEquals(Path.of("p"), CacheFolder.path("p", "v", "/x", "/h"));
        assertEquals(Path.of("v"), CacheFolder.path(null, "v", "/x", "/h"));
        assertEquals(Path.of("/x/imu2clip"), CacheFolder.path("", " ", "/x", "/h"));
        assertEquals(Path.of("/h/.cache/imu2clip"), CacheFolder.path(null, null, "relative", "/h"));
    }
}
