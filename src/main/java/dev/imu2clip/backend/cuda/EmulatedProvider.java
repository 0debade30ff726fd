package dev.imu2clip.backend.cuda;

import static jcuda.driver.JCudaDriver.cuInit;

import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.BackendProvider;
import dev.imu2clip.backend.Backends;

import java.util.List;

/**
 * The device {@code emulated}: the CUDA backend and the CUDA kernels on the CPU, over a stand-in driver, for tests, study and debugging
 * without a GPU. It needs {@code g++}, which compiles the kernels as they are first used. Nobody gets it without asking.
 */
public final class EmulatedProvider implements BackendProvider {
    private static final String NAME = "emulated";
    private String compiler;

    private String compiler() {
        if (compiler == null) {
            String version = HostCompiler.version();
            compiler = version == null ? "" : version;
        }
        return compiler;
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public int rank() {
        return -10;
    }

    @Override
    public List<String> devices() {
        return CudaProvider.loaded == CudaProvider.Loaded.REAL || compiler().isEmpty() || !System.getProperty("os.name").equals("Linux")
                || !System.getProperty("os.arch").equals("amd64") ? List.of() : List.of(NAME);
    }

    @Override
    public String status() {
        if (CudaProvider.loaded == CudaProvider.Loaded.REAL) return "not beside a GPU in one process";
        if (compiler().isEmpty()) return "needs a C++ compiler (g++, or the one that CXX names) to compile the kernels for the CPU";
        if (devices().isEmpty()) return "JCuda is for Linux on x86-64 only";
        return "CUDA kernels on the CPU, compiled by C++ " + compiler();
    }

    @Override
    public Backend open(String name) {
        synchronized (CudaProvider.class) {
            if (CudaProvider.loaded == CudaProvider.Loaded.REAL)
                throw new Backends.UnavailableException("device 'emulated' cannot be used in a process that uses a GPU");
            HostCompiler compiler = new HostCompiler(KernelSources.open());
            if (CudaProvider.loaded == CudaProvider.Loaded.NONE) {
                CudaLibraries.load(compiler.driver());
                CudaProvider.loaded = CudaProvider.Loaded.EMULATED;
                CudaDriver.load();
                CudaDriver.check(cuInit(0), "cuInit");
            }
            return new CudaBackend(NAME, CudaDevice.of(0), compiler, true);
        }
    }
}
