package dev.imu2clip.backend.cuda;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Compiles kernels, and the stand-in driver, for the emulated device: with {@code g++}, or the compiler that {@code CXX} names.
 * {@code -Dimu2clip.emulated.flags} adds flags, for instance {@code -O0} to step through a kernel with gdb.
 */
final class HostCompiler extends KernelCompiler {
    /** No strict aliasing: kernels read their elements four at a time. A thread has a small stack, so a large frame is refused. */
    private static final String FLAGS = "-std=c++17 -O2 -g -Wall -Wextra -Werror -Wno-unknown-pragmas -fPIC -shared -fvisibility=hidden "
            + "-fno-strict-aliasing -ffp-contract=off -fsanitize=bounds-strict,null,alignment,integer-divide-by-zero -fno-sanitize-recover "
            + "-Wframe-larger-than=32768";
    private static final String DRIVER = "emulated/driver.cpp";
    private final String compiler = compiler();
    private final String extra = System.getProperty("imu2clip.emulated.flags", "");
    private final String version;

    HostCompiler(KernelSources sources) {
        super(sources);
        version = version();
    }

    private static String compiler() {
        String chosen = System.getenv("CXX");
        return chosen == null || chosen.isBlank() ? "g++" : chosen;
    }

    /** The compiler's version, or null where there is none. */
    static String version() {
        try {
            Process process = new ProcessBuilder(compiler(), "-dumpfullversion", "-dumpversion").redirectErrorStream(true).start();
            String version = new String(process.getInputStream().readAllBytes()).strip();
            return process.waitFor() == 0 ? version : null;
        } catch (IOException e) {
            return null;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return null;
        }
    }

    /** The stand-in for libcuda.so.1, compiled. */
    Path driver() {
        return module(sources().folder().resolve(DRIVER));
    }

    @Override
    String key() {
        return compiler + version + FLAGS + extra;
    }

    @Override
    String suffix() {
        return ".so";
    }

    @Override
    void compile(Path source, Path include, Path target) throws IOException {
        List<String> command = new ArrayList<>(List.of(compiler));
        command.addAll(List.of(FLAGS.split(" ")));
        command.addAll(List.of("-DEMULATED", "-I" + include, "-o", target.toString()));
        if (!extra.isBlank()) command.addAll(List.of(extra.strip().split("\\s+")));
        if (source.endsWith(DRIVER)) command.addAll(List.of("-Wl,-soname,libcuda.so.1", source.toString()));
        else command.addAll(List.of("-x", "c++", source.toString()));
        command.addAll(List.of("-static-libgcc", "-lpthread", "-ldl"));
        Path log = Files.createTempFile("imu2clip", ".log");
        try {
            int code = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start().waitFor();
            if (code != 0) throw new CompileException(source + " does not compile for the emulated device:\n" + Files.readString(log));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while compiling " + source, e);
        } finally {
            Files.deleteIfExists(log);
        }
    }
}
