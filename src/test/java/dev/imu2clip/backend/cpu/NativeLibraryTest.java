package dev.imu2clip.backend.cpu;

import dev.imu2clip.backend.Backends;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** The library as it is found in a jar, and its threads; in processes of their own. */
class NativeLibraryTest {
    private static final Path CLASSES = Path.of("target", "classes").toAbsolutePath();

    @TempDir
    Path folder;

    /** Run in a process: the devices there are, what lies in the folder for temporary files while they are open, and what the CPU says of itself. */
    public static void main(String[] arguments) {
        System.out.println(String.join(" ", Backends.devices()));
        System.out.println(Arrays.toString(new File(System.getProperty("java.io.tmpdir")).list()));
        System.out.println(new CpuBackend.Provider().status());
    }

    private List<String> run(String first, String... options) throws IOException, InterruptedException {
        List<String> classpath = new ArrayList<>(Arrays.asList(System.getProperty("java.class.path").split(File.pathSeparator)));
        classpath.removeIf(entry -> Path.of(entry).equals(CLASSES));
        classpath.addFirst(first);
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-XX:-UsePerfData", "-cp", String.join(File.pathSeparator, classpath)));
        command.addAll(List.of(options));
        command.add(NativeLibraryTest.class.getName());
        Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        List<String> lines = new String(process.getInputStream().readAllBytes()).lines().toList();
        assertEquals(0, process.waitFor(), String.join(" ", command));
        return lines;
    }

    private Path jar() throws IOException {
        Path jar = folder.resolve("classes.jar");
        try (var out = new JarOutputStream(Files.newOutputStream(jar)); Stream<Path> files = Files.walk(CLASSES)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                out.putNextEntry(new JarEntry(CLASSES.relativize(file).toString().replace('\\', '/')));
                Files.copy(file, out);
            }
        }
        return jar;
    }

    private static void needsKernels() {
        Assumptions.assumeTrue(Backends.devices().stream().anyMatch(device -> device.startsWith("cpu")), "this build holds no C kernels");
    }

    @Test
    void whatIsExtractedIsGoneOnceLoaded() throws Exception {
        needsKernels();
        Path temporary = Files.createDirectory(folder.resolve("temporary"));
        List<String> lines = run(jar().toString(), "-Djava.io.tmpdir=" + temporary);
        assertTrue(lines.get(0).contains("cpu:baseline"), lines.toString());
        assertEquals("[]", lines.get(1));
    }

    @Test
    void moreThreadsThanThereCanBe() throws Exception {
        needsKernels();
        List<String> lines = run(CLASSES.toString(), "-Dimu2clip.threads=300");
        assertTrue(lines.get(2).contains("on 256 threads, of the 300 asked for no more could be started"), lines.toString());
    }
}
