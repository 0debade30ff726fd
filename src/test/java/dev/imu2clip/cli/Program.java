package dev.imu2clip.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The program in a process of its own, as a user starts it; output goes to a file. */
final class Program {
    private final Process process;
    private final Path output;

    private Program(Process process, Path output) {
        this.process = process;
        this.output = output;
    }

    static Program start(Path folder, String... arguments) throws IOException {
        return start(folder, List.of(), List.of(), arguments);
    }

    /**
     * @param prefix what the command is put behind, for instance a shell that sets a limit
     * @param options further options for Java
     */
    static Program start(Path folder, List<String> prefix, List<String> options, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(prefix);
        command.addAll(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx1g", "-XX:+UseSerialGC",
                "--enable-native-access=ALL-UNNAMED", "-Djava.awt.headless=true", "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"))));
        command.addAll(options);
        command.add("dev.imu2clip.cli.Main");
        command.addAll(List.of(arguments));
        Path output = Files.createTempFile(folder, "output", ".txt");
        ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true).redirectOutput(output.toFile());
        builder.environment().put("IMU2CLIP_CACHE", folder.resolve("cache").toString());
        builder.environment().remove("IMU2CLIP_CLIP");
        return new Program(builder.start(), output);
    }

    /** Runs to the end; returns the exit code. */
    static int run(Path folder, String... arguments) throws Exception {
        return start(folder, arguments).exitCode();
    }

    int exitCode() throws Exception {
        if (!process.waitFor(5, TimeUnit.MINUTES)) {
            process.destroyForcibly();
            throw new AssertionError("the program hangs: " + output());
        }
        return process.exitValue();
    }

    String output() throws IOException {
        return Files.readString(output);
    }

    boolean running() {
        return process.isAlive();
    }

    /** kill -9: nothing of the program runs any more. */
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    /** SIGTERM, as Ctrl-C does it. */
    void stop() {
        process.destroy();
    }
}
