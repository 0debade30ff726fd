package dev.imu2clip.backend.cuda;

import jcuda.nvrtc.JNvrtc;
import jcuda.nvrtc.nvrtcProgram;
import jcuda.nvrtc.nvrtcResult;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Compiles kernels for one architecture with CUDA's run-time compiler: no toolkit, headers or host compiler are needed. */
final class NvrtcCompiler extends KernelCompiler {
    private final String architecture;
    private final String version;

    /**
     * @param architecture a real one, {@code sm_90}
     * @throws CudaLibraries.MissingException where there is no NVRTC
     */
    NvrtcCompiler(KernelSources sources, String architecture) {
        super(sources);
        this.architecture = architecture;
        CudaLibraries.loadNvrtc();
        JNvrtc.setExceptionsEnabled(false);
        int[] major = {0}, minor = {0};
        check(JNvrtc.nvrtcVersion(major, minor), "nvrtcVersion");
        version = major[0] + "." + minor[0];
    }

    String version() {
        return version;
    }

    @Override
    String key() {
        return "nvrtc " + version + " " + architecture + String.join(" ", options(Path.of("")));
    }

    @Override
    String suffix() {
        return ".cubin";
    }

    private String[] options(Path include) {
        return new String[] {"--std=c++17", "-lineinfo", "--gpu-architecture=" + architecture, "-I" + include};
    }

    @Override
    void compile(Path source, Path include, Path target) throws IOException {
        nvrtcProgram program = new nvrtcProgram();
        check(JNvrtc.nvrtcCreateProgram(program, Files.readString(source), source.toString(), 0, new String[0], new String[0]),
                "nvrtcCreateProgram");
        try {
            String[] options = options(include);
            int result = JNvrtc.nvrtcCompileProgram(program, options.length, options);
            if (result == nvrtcResult.NVRTC_ERROR_COMPILATION) {
                String[] log = {""};
                JNvrtc.nvrtcGetProgramLog(program, log);
                throw new CompileException(source + " does not compile for " + architecture + " (NVRTC " + version + "):\n" + log[0].strip());
            }
            check(result, "nvrtcCompileProgram");
            long[] bytes = {0};
            check(JNvrtc.nvrtcGetCUBINSize(program, bytes), "nvrtcGetCUBINSize");
            byte[] cubin = new byte[Math.toIntExact(bytes[0])];
            check(JNvrtc.nvrtcGetCUBIN(program, cubin), "nvrtcGetCUBIN");
            Files.write(target, cubin);
        } finally {
            JNvrtc.nvrtcDestroyProgram(program);
        }
    }

    private static void check(int result, String call) {
        if (result != nvrtcResult.NVRTC_SUCCESS) throw new IllegalStateException(call + ": " + nvrtcResult.stringFor(result));
    }
}
