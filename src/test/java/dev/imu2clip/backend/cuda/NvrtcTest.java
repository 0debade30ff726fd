package dev.imu2clip.backend.cuda;

import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** NVRTC compiles every kernel for every architecture that matters. It needs no GPU; without NVRTC the test is skipped. */
@Tag("heavy")
class NvrtcTest {
    private static KernelSources sources;

    @BeforeAll
    static void find() throws IOException {
        sources = KernelSources.open(Path.of("kernels"));
        try {
            CudaLibraries.loadNvrtc();
        } catch (CudaLibraries.MissingException e) {
            Assumptions.abort(e.getMessage());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"sm_75", "sm_80", "sm_86", "sm_89", "sm_90"})
    void everyKernelCompiles(String architecture) throws IOException {
        NvrtcCompiler compiler = new NvrtcCompiler(sources, architecture);
        for (Path file : sources.cuFiles()) {
            byte[] cubin = Files.readAllBytes(compiler.module(file));
            assertEquals("\177ELF", new String(cubin, 0, 4), file.toString());
        }
    }

    @Test
    void aSyntaxErrorHasFileAndLine() throws IOException {
        Path folder = DeviceKernels.folder("nvrtc", "wrong.cu", """
                #include "common.cuh"
                __device__ float f() { return nothing; }
                """);
        var error = assertThrows(KernelCompiler.CompileException.class,
                () -> new NvrtcCompiler(KernelSources.open(folder), "sm_90").module(folder.resolve("wrong.cu")));
        assertTrue(error.getMessage().contains("wrong.cu(2): error:") && error.getMessage().contains("nothing"), error.getMessage());
    }
}
