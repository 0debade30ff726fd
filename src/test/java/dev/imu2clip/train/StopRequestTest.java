package dev.imu2clip.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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

    @ParameterizedTest
    @CsvSource({"TERM, 143", "INT, 130"})
    @DisabledOnOs(OS.WINDOWS)
    void stoppedJobSavesAndExitsWithTheSignalsCode(String signal, int code) throws Exception {
        assumeFalse(signal.equals("INT") && ignoresInterrupts(), "SIGINT is ignored here, as in the background of a script, and so by children");
        Process job = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin/java").toString(), "-XX:TieredStopAtLevel=1", "-cp",
                System.getProperty("java.class.path"), Job.class.getName()).redirectErrorStream(true).start();
        try (var output = job.inputReader()) {
            assertTimeoutPreemptively(Duration.ofSeconds(60), () -> {
                assertEquals("started", output.readLine());
                new ProcessBuilder("kill", "-" + signal, Long.toString(job.pid())).start().waitFor();
                assertEquals("saved", output.readLine());
                assertEquals(code, job.waitFor());
            });
        } finally {
            job.destroyForcibly();
        }
    }

    /** By Linux's own account; elsewhere nothing is known of it. */
    private static boolean ignoresInterrupts() throws IOException {
        Path status = Path.of("/proc/self/status");
        if (!Files.exists(status)) return false;
        return Files.readAllLines(status).stream().filter(line -> line.startsWith("SigIgn:"))
                .anyMatch(line -> (Long.parseUnsignedLong(line.substring(7).strip(), 16) & 1 << 1) != 0);
    }

    @Test
    void aJobThatEndsByItselfLeavesNothingBehind() {
        var stop = StopRequest.install();
        assertFalse(stop.requested());
        stop.close();
        stop.close();
    }
}
