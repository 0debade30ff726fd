package dev.imu2clip.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Assumptions;

import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Stand-ins for CUDA's libraries, compiled from {@code src/test/native}, under the names and symbol versions that JCuda asks for. */
final class StandIns {
    private StandIns() {}

    /** Compiles all of them into a folder; skips the test where there is no C++ compiler. */
    static void compile(Path folder) throws Exception {
        Assumptions.assumeTrue(HostCompiler.version() != null, "no C++ compiler");
        compile(folder, "cublas_stand_in.cpp", "libcublasLt.so.13", "-DLT");
        compile(folder, "cublas_stand_in.cpp", "libcublas.so.13");
        compile(folder, "cudnn_stand_in.cpp", "libcudnn.so.9");
    }

    private static void compile(Path folder, String source, String library, String... options) throws Exception {
        Path versions = Files.writeString(folder.resolve("versions"), library + " { global: *; };\n");
        List<String> command = new ArrayList<>(List.of("g++", "-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
                "-fvisibility=hidden", Path.of("src/test/native", source).toString(), "-Wl,-soname," + library,
                "-Wl,--version-script=" + versions, "-o", folder.resolve(library).toString(), "-ldl"));
        command.addAll(List.of(options));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes());
        assertEquals(0, process.waitFor(), output);
    }

    /** How often the stand-ins were asked to compute, all together. */
    static long calls() {
        return calls("libcublas.so.13") + calls("libcublasLt.so.13") + calls("libcudnn.so.9");
    }

    /** How often a stand-in, loaded in this process, was asked to compute. */
    static long calls(String library) {
        Path file = Path.of(System.getProperty("imu2clip.cuda.path"), library);
        return SymbolLookup.libraryLookup(file, Arena.global()).findOrThrow("stand_in_calls").reinterpret(8).get(ValueLayout.JAVA_LONG, 0);
    }
}
