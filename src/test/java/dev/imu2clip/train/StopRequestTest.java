package dev.imu2clip.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;

class StopRequestTest {
    /** A job of endless steps, in a process of its own. */
    static final class Job {
        public static void main(String[] args) throws InterruptedException {
            try (var stop = StopRequest.install()) {
                System.out.println("started");
                while (!stop.requested()) Thread.sleep(5);
                Thread.sleep(200);
                System.out.println("saved");
            }
            System.exit(0);
        }
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void interruptedJobSavesAndExitsWith130() throws Exception {
        Process job = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin/java").toString(), "-XX:TieredStopAtLevel=1", "-cp",
                System.getProperty("java.class.path"), Job.class.getName()).redirectErrorStream(true).start();
        var output = new BufferedReader(new InputStreamReader(job.getInputStream()));
        assertEquals("started", output.readLine());
        new ProcessBuilder("kill", "-INT", Long.toString(job.pid())).start().waitFor();
        assertEquals("saved", output.readLine());
        assertEquals(130, job.waitFor());
    }

    @Test
    void aJobThatEndsByItselfLeavesNothingBehind() {
        var stop = StopRequest.install();
        assertFalse(stop.requested());
        stop.close();
        stop.close();
    }
}
