package dev.imu2clip.backend.cpu;

import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** native/build.sh on a few of the sources, in a folder whose name has what breaks careless scripts. */
class BuildScriptTest {
    @TempDir
    Path temp;

    private Path source, objects, out;

    @BeforeEach
    void checkout() throws Exception {
        Path root = temp.resolve("it's a \"check out\" $HOME");
        source = Files.createDirectories(root.resolve("native"));
        for (String file : new String[] {"build.sh", "imu2clip.h", "runtime.c", "accumulate.c"}) Files.copy(Path.of("native", file),
                source.resolve(file));
        objects = root.resolve("target/obj ects");
        out = root.resolve("target/out");
    }

    private record Result(int code, String text) {}

    private Result build(String... environment) throws IOException, InterruptedException {
        var builder = new ProcessBuilder("sh", source.resolve("build.sh").toString(), objects.toString(),
                out.toString()).redirectErrorStream(true);
        Map<String, String> variables = builder.environment();
        variables.keySet().removeAll(List.of("CC", "CFLAGS", "WERROR"));
        variables.put("ISAS", "");
        variables.put("CDPATH", temp.toString());
        for (int i = 0; i < environment.length; i += 2) variables.put(environment[i], environment[i + 1]);
        Process process = builder.start();
        String text = new String(process.getInputStream().readAllBytes());
        return new Result(process.waitFor(), text);
    }

    private void succeeds(String... environment) throws Exception {
        Result result = build(environment);
        assertEquals(0, result.code, result.text);
    }

    private void fails(String... environment) throws Exception {
        Result result = build(environment);
        assertNotEquals(0, result.code, result.text);
    }

    private Path library() throws IOException {
        try (Stream<Path> files = Files.walk(out)) {
            return files.filter(file -> file.getFileName().toString().matches("libimu2clip\\.(so|dylib)")).findFirst().orElse(null);
        }
    }

    private boolean holds(String symbol) throws IOException {
        return new String(Files.readAllBytes(library()), StandardCharsets.ISO_8859_1).contains(symbol);
    }

    private static void needsCompiler() {
        Assumptions.assumeTrue(Stream.of(System.getenv("PATH").split(":")).anyMatch(folder -> Files.isExecutable(Path.of(folder, "cc"))),
                "no C compiler");
    }

    /** A compiler that can be told to fail at the link; its name is what the script knows of it, so that its objects stay. */
    private Path compiler() throws IOException {
        return script(temp.resolve("compiler"), "case \" $* \" in *\" -shared \"*) [ -z \"$NO_LINK\" ] || exit 1 ;; esac\nexec cc \"$@\"");
    }

    private static Path script(Path file, String text) throws IOException {
        Files.writeString(file, "#!/bin/sh\n" + text + "\n");
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    @Test
    void anUnchangedSourceIsNotCompiledAgain() throws Exception {
        needsCompiler();
        succeeds();
        assertTrue(holds("accumulate_baseline"));
        FileTime made = Files.getLastModifiedTime(library()), object = Files.getLastModifiedTime(objects.resolve("accumulate.baseline.o"));
        succeeds();
        assertEquals(made, Files.getLastModifiedTime(library()));
        Files.setLastModifiedTime(source.resolve("imu2clip.h"), FileTime.fromMillis(System.currentTimeMillis() + 5));
        Thread.sleep(10);
        succeeds();
        assertTrue(Files.getLastModifiedTime(objects.resolve("accumulate.baseline.o")).compareTo(object) > 0,
                "a newer header makes objects stale");
    }

    @Test
    void aFailedLinkIsMadeUpFor() throws Exception {
        needsCompiler();
        String compiler = compiler().toString();
        succeeds("CC", compiler);
        Files.writeString(source.resolve("more.c"),
                "int imu2clip_more(void);\n__attribute__((visibility(\"default\"))) int imu2clip_more(void) { return 1; }\n");
        fails("CC", compiler, "NO_LINK", "1");
        assertTrue(Files.exists(objects.resolve("more.baseline.o")), "it came as far as the link");
        fails("CC", compiler, "NO_LINK", "1");
        assertFalse(holds("imu2clip_more"));
        succeeds("CC", compiler);
        assertTrue(holds("imu2clip_more"));
        Files.delete(source.resolve("more.c"));
        succeeds("CC", compiler);
        assertFalse(holds("imu2clip_more"), "a source that is gone leaves the library");
    }

    @Test
    void aFailedCompilationFailsUntilItIsMended() throws Exception {
        needsCompiler();
        succeeds();
        String good = Files.readString(source.resolve("accumulate.c"));
        Files.writeString(source.resolve("accumulate.c"), good + "int broken(void) { return }\n");
        fails();
        fails();
        Files.writeString(source.resolve("accumulate.c"), good);
        succeeds();
        Files.delete(source.resolve("imu2clip.h"));
        fails(); // a header that is gone is noticed
    }

    @Test
    void warningsAreErrorsOnlyWhenAskedFor() throws Exception {
        needsCompiler();
        Files.writeString(source.resolve("more.c"), "int imu2clip_more(void);\nint imu2clip_more(void) { int unused; return 1; }\n");
        succeeds();
        fails("WERROR", "1");
    }

    @Test
    void withoutCompiler() throws Exception {
        fails("CC", "no-such-compiler");
        Path bin = Files.createDirectories(temp.resolve("bin"));
        for (String tool : new String[] {"sh", "dirname", "rm"}) {
            Path found = Stream.of(System.getenv("PATH").split(":")).map(folder -> Path.of(folder,
                    tool)).filter(Files::isExecutable).findFirst().orElseThrow();
            script(bin.resolve(tool), "exec " + found + " \"$@\"");
        }
        Path stale = Files.createDirectories(out.resolve("linux-x86_64")).resolve("libimu2clip.so");
        Files.writeString(stale, "from before");
        Result result = build("PATH", bin.toString());
        assertEquals(0, result.code, result.text);
        assertTrue(result.text.contains("no C compiler ('cc') found") && result.text.contains("install one"), result.text);
        assertFalse(Files.exists(stale), "a library of other sources does not stay");
    }

    @Test
    void anotherSystemIsPassedOver() throws Exception {
        Path file = script(temp.resolve("mingw"), "echo x86_64-w64-mingw32");
        Result result = build("CC", file.toString());
        assertEquals(0, result.code, result.text);
        assertTrue(result.text.contains("written for Linux and macOS, not for x86_64-w64-mingw32"), result.text);
        assertTrue(!Files.exists(out) || library() == null);
    }
}
