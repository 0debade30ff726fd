package dev.imu2clip.train;

import dev.imu2clip.io.InputException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Files;
import java.nio.file.Path;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

class RunFolderTest {
    @TempDir
    Path runs;

    private void started(String name) throws Exception {
        Path last = new RunFolder(runs.resolve(name)).last();
        Files.createDirectories(last.getParent());
        Files.createFile(last);
    }

    private String chosen(boolean resume) {
        return RunFolder.choose(runs, "i2c", resume).path().getFileName().toString();
    }

    @Test
    void newRunsAreNumberedAndTheLastOneResumes() throws Exception {
        assertEquals("i2c", chosen(false));
        assertEquals("i2c", chosen(true));
        started("i2c");
        assertEquals("i2c_2", chosen(false));
        assertEquals("i2c", chosen(true));
        started("i2c_2");
        assertEquals("i2c_3", chosen(false));
        assertEquals("i2c_2", chosen(true));
    }

    @Test
    void oneProcessAtATime() throws Exception {
        RunFolder run = new RunFolder(runs.resolve("busy"));
        try (AutoCloseable _ = run.lock()) {
            assertThrows(InputException.class, run::lock);
        }
        run.lock().close();
    }
}
