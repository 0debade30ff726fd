package dev.imu2clip.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The launcher script itself, in a project, with a Maven and among JDKs that only write down how they were called. */
@DisabledOnOs(OS.WINDOWS)
class LauncherTest {
    @TempDir
    Path folder;

    private Path project;
    private Path tools;
    private Path jdks;
    private final Map<String, String> environment = new TreeMap<>();

    record Result(int code, String out, String err) {}

    @BeforeEach
    void layOut() throws IOException {
        project = Files.createDirectories(folder.resolve("a project"));
        tools = Files.createDirectories(folder.resolve("tools"));
        jdks = Files.createDirectories(folder.resolve("jdks"));
        Files.copy(Path.of("imu2clip"), project.resolve("imu2clip"));
        assertTrue(project.resolve("imu2clip").toFile().setExecutable(true));
        write(project.resolve("pom.xml"), "<project/>");
        for (String source : List.of("src/main/java/A.java", "native/a.c", "kernels/a.cu", "configs/a.yaml"))
            write(project.resolve(source), "old");
        for (String tool : "find mkdir rmdir ln readlink rm mv cp sleep head cat dirname touch".split(" "))
            script(tools.resolve(tool), "exec " + tool(tool) + " \"$@\"\n");
        script(tools.resolve("mvn"), """
                echo "mvn $* with $JAVA_HOME" >> builds
                sleep 0.3
                mkdir -p target/lib
                echo jar > target/imu2clip.jar
                echo lib > target/lib/b.jar
                """);
        environment.put("PATH", tools.toString());
        environment.put("HOME", folder.toString());
        environment.put("IMU2CLIP_JDK_FOLDERS", folder.resolve("none") + ":" + jdks);
        past(project);
    }

    @Test
    void takesTheFirstJdkThatIsNewEnough() throws Exception {
        jdk("8", "1.8.0_402");
        jdk("17", "17.0.15");
        jdk("25", "25.0.3");
        assertTrue(start("doctor").out.startsWith("25 "), "the one in the folders");
        jdk("30", "30-ea");
        environment.put("JAVA_HOME", jdks.resolve("17").toString());
        assertTrue(start("doctor").out.startsWith("25 "), "JAVA_HOME too old");
        environment.put("JAVA_HOME", jdks.resolve("30").toString());
        assertTrue(start("doctor").out.startsWith("30 "), "JAVA_HOME");
        environment.put("IMU2CLIP_JAVA_HOME", jdks.resolve("25").toString());
        assertTrue(start("doctor").out.startsWith("25 "), "IMU2CLIP_JAVA_HOME");
        environment.put("IMU2CLIP_JAVA_HOME", jdks.resolve("17").toString());
        var refused = start("doctor");
        assertEquals(1, refused.code);
        assertTrue(refused.err.endsWith("/17 is not a JDK 25 or newer\n"), refused.err);
    }

    @Test
    void takesTheJdkOfTheJavaOnThePath() throws Exception {
        jdk("../elsewhere/26", "26.0.1");
        Files.createSymbolicLink(tools.resolve("java"), folder.resolve("elsewhere/26/bin/java"));
        assertTrue(start("doctor").out.startsWith("26 "));
    }

    @Test
    void printsTheJdkWithoutBuilding() throws Exception {
        jdk("25", "25.0.3");
        assertEquals(jdks.resolve("25") + "\n", start("--print-jdk").out);
        assertTrue(Files.notExists(project.resolve("builds")));
    }

    @Test
    void saysWhatToInstall() throws Exception {
        jdk("17", "17.0.15");
        var result = start("doctor");
        assertEquals(1, result.code);
        assertEquals("imu2clip: needs a JDK 25 or newer: install one (https://adoptium.net), "
                + "and set IMU2CLIP_JAVA_HOME where it is not found\n", result.err);
        jdk("25", "25");
        Files.delete(tools.resolve("mvn"));
        result = start("doctor");
        assertEquals(1, result.code);
        assertEquals("imu2clip: needs Maven for its first start: install it, for instance apt-get install maven\n", result.err);
    }

    @Test
    void buildsOnlyWhenSomethingChanged() throws Exception {
        jdk("25", "25.0.3");
        assertEquals("building (first start only)…\n", start("doctor").err);
        assertEquals("", start("doctor").err);
        assertEquals(1, builds());
        assertTrue(Files.readString(project.resolve("builds"))
                .startsWith("mvn -q -Dmaven.test.skip=true -Dkernels.skip=true package with " + jdks.resolve("25")));
        int expected = 1;
        for (String source : List.of("pom.xml", "src/main/java/A.java", "native/a.c", "kernels/a.cu", "configs/a.yaml")) {
            Files.setLastModifiedTime(project.resolve(source), FileTime.from(Instant.now().plusSeconds(1)));
            assertEquals("building (sources changed)…\n", start("doctor").err, source);
            assertEquals(++expected, builds(), source);
            past(project.resolve(source));
        }
        Files.delete(project.resolve("target/app/imu2clip.jar"));
        start("doctor");
        assertEquals(++expected, builds());
    }

    @Test
    void aFailedBuildIsTriedAgain() throws Exception {
        jdk("25", "25.0.3");
        script(tools.resolve("mvn"), "echo broken; exit 1\n");
        var result = start("doctor");
        assertEquals(1, result.code);
        assertEquals("", result.out);
        assertTrue(result.err.contains("broken\nimu2clip: the build failed;"), result.err);
        assertFalse(Files.isSymbolicLink(project.resolve("target/.build.lock")));
        assertEquals(1, start("doctor").code);
    }

    @Test
    void twoAtOnceBuildOnce() throws Exception {
        jdk("25", "25.0.3");
        List<Process> running = new ArrayList<>();
        for (int i = 0; i < 4; i++) running.add(launch(project, "./imu2clip", "doctor"));
        for (Process process : running) {
            String out = new String(process.getInputStream().readAllBytes());
            assertEquals(0, process.waitFor());
            assertTrue(out.startsWith("25 "), out);
        }
        assertEquals(1, builds());
    }

    @Test
    void aDeadHoldersLockIsBroken() throws Exception {
        jdk("25", "25.0.3");
        Process gone = new ProcessBuilder("true").start();
        gone.waitFor();
        Files.createDirectories(project.resolve("target"));
        Files.createSymbolicLink(project.resolve("target/.build.lock"), Path.of(Long.toString(gone.pid())));
        assertEquals(0, start("doctor").code);
        assertEquals(1, builds());
        try (Stream<Path> left = Files.list(project.resolve("target"))) {
            assertTrue(left.noneMatch(file -> file.getFileName().toString().startsWith(".build.lock")));
        }
    }

    @Test
    void worksThroughALinkFromAnotherFolderAndPassesEverythingOn() throws Exception {
        jdk("25", "25.0.3");
        Path elsewhere = Files.createDirectories(folder.resolve("elsewhere/deep"));
        Files.createSymbolicLink(folder.resolve("elsewhere/one"), Path.of("../a project/imu2clip"));
        Files.createSymbolicLink(elsewhere.resolve("two"), Path.of("../one"));
        environment.put("IMU2CLIP_JAVA_OPTS", "-Xmx1g -Da=b");
        var result = run(launch(elsewhere, "./two", "pretrain", "--data", "my data"));
        assertEquals(0, result.code, result.err);
        List<String> lines = result.out.lines().toList();
        assertEquals("25 in " + elsewhere.toRealPath(), lines.getFirst());
        assertTrue(lines.containsAll(List.of("-Xmx1g", "-Da=b", "-Dimu2clip.home=" + project.toRealPath())), result.out);
        assertEquals(List.of("dev.imu2clip.cli.Main", "pretrain", "--data", "my data"), lines.subList(lines.size() - 4, lines.size()));
        Path home = project.toRealPath();
        assertEquals(home + "/target/app/imu2clip.jar:" + home + "/target/lib/b.jar", lines.get(lines.indexOf("-cp") + 1));
    }

    @Test
    void theProgramsExitCodeIsTheLaunchers() throws Exception {
        jdk("25", "25.0.3");
        Files.writeString(jdks.resolve("25/bin/java"), "#!/bin/sh\nexit 2\n");
        assertEquals(2, start("nonsense").code);
    }

    private void jdk(String name, String version) throws IOException {
        Path home = jdks.resolve(name).normalize();
        write(home.resolve("release"), "IMPLEMENTOR=\"Nobody\"\nJAVA_VERSION=\"" + version + "\"\n");
        script(home.resolve("bin/java"), "echo \"" + home.getFileName() + " in $(pwd -P)\"\nfor a in \"$@\"; do echo \"$a\"; done\n");
        script(home.resolve("bin/javac"), "exit 1\n");
    }

    private long builds() throws IOException {
        try (Stream<String> lines = Files.lines(project.resolve("builds"))) {
            return lines.count();
        }
    }

    private Result start(String... arguments) throws Exception {
        return run(launch(project, Stream.concat(Stream.of("./imu2clip"), Stream.of(arguments)).toArray(String[]::new)));
    }

    private Process launch(Path workingFolder, String... command) throws IOException {
        var builder = new ProcessBuilder(command).directory(workingFolder.toFile());
        builder.environment().clear();
        builder.environment().putAll(environment);
        return builder.start();
    }

    private static Result run(Process process) throws Exception {
        String out = new String(process.getInputStream().readAllBytes());
        String err = new String(process.getErrorStream().readAllBytes());
        assertTrue(process.waitFor(60, TimeUnit.SECONDS));
        return new Result(process.exitValue(), out, err);
    }

    private static Path tool(String name) {
        return Stream.of("/usr/bin", "/bin").map(bin -> Path.of(bin, name)).filter(Files::isExecutable).findFirst().orElseThrow();
    }

    private static void script(Path file, String body) throws IOException {
        write(file, "#!/bin/sh\n" + body);
        assertTrue(file.toFile().setExecutable(true));
    }

    private static void write(Path file, String text) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }

    /** An hour ago, so that no clock is too coarse to tell before from after. */
    private static void past(Path root) throws IOException {
        try (Stream<Path> files = Files.walk(root)) {
            for (Path file : files.toList()) Files.setLastModifiedTime(file, FileTime.from(Instant.now().minusSeconds(3600)));
        }
    }
}
