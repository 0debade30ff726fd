package dev.imu2clip.backend.cuda;

import static jcuda.driver.JCudaDriver.*;

import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.BackendProvider;
import dev.imu2clip.backend.Backends;

import jcuda.driver.CUresult;

import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Finds NVIDIA GPUs, {@code cuda:0} and so on. No driver, no device, an old driver or a missing library is a reason, never a failure. A
 * process has one driver: where the emulated one was loaded first there are no GPUs, and the reverse.
 */
public final class CudaProvider implements BackendProvider {
    /** CUDA 12.0: what JCuda 12.6 runs on. */
    private static final int OLDEST_DRIVER = 12000, OLDEST_CAPABILITY = 75;

    /** Which driver this process has loaded. */
    enum Loaded { NONE, REAL, EMULATED }

    static Loaded loaded = Loaded.NONE;

    private List<CudaDevice> found = List.of();
    private String reason;
    private boolean looked;
    private boolean missing; // driver or GPU

    private void look() {
        synchronized (CudaProvider.class) {
            if (looked) return;
            looked = true;
            if (loaded == Loaded.EMULATED) {
                reason = "the emulated device is in use, and a process has one CUDA driver";
                return;
            }
            try {
                SymbolLookup.libraryLookup("libcuda.so.1", Arena.global());
            } catch (IllegalArgumentException e) {
                reason = "no NVIDIA driver (libcuda.so.1 was not found)";
                missing = true;
                return;
            }
            try {
                CudaDriver.load();
                loaded = Loaded.REAL;
                found = devices(cuInit(0));
            } catch (CudaLibraries.MissingException | CudaDriver.CudaException e) {
                reason = e.getMessage();
            }
        }
    }

    private List<CudaDevice> devices(int initialised) {
        if (initialised != 0) {
            missing = initialised == CUresult.CUDA_ERROR_NO_DEVICE;
            reason = initialised == CUresult.CUDA_ERROR_NO_DEVICE ? "the NVIDIA driver finds no GPU" : "cuInit: " + CudaDriver.describe(initialised);
            return List.of();
        }
        int[] version = {0}, count = {0};
        CudaDriver.check(cuDriverGetVersion(version), "cuDriverGetVersion");
        if (version[0] < OLDEST_DRIVER) {
            reason = "the NVIDIA driver is for CUDA " + version[0] / 1000 + "." + version[0] % 1000 / 10 + "; update it to one for CUDA 12.0 or newer";
            return List.of();
        }
        CudaDriver.check(cuDeviceGetCount(count), "cuDeviceGetCount");
        List<CudaDevice> all = IntStream.range(0, count[0]).mapToObj(CudaDevice::of).toList(), usable = new ArrayList<>();
        for (CudaDevice device : all) if (device.capability() >= OLDEST_CAPABILITY) usable.add(device);
        if (usable.isEmpty()) reason = all.isEmpty() ? "the NVIDIA driver finds no GPU"
                : all.getFirst().describe() + " is too old: compute capability 7.5 or newer is needed";
        return usable;
    }

    @Override
    public String name() {
        return "cuda";
    }

    /** A machine without a driver or without a GPU is none to expect it on. */
    @Override
    public boolean expected() {
        look();
        return !missing;
    }

    @Override
    public int rank() {
        return 20;
    }

    @Override
    public List<String> devices() {
        look();
        return found.stream().map(device -> "cuda:" + device.ordinal()).toList();
    }

    @Override
    public String status() {
        look();
        return reason != null ? reason : found.getFirst().describe();
    }

    @Override
    public List<String> details() {
        look();
        return loaded == Loaded.REAL ? CudaLibraries.describe() : List.of();
    }

    @Override
    public Backend open(String name) {
        look();
        CudaDevice device = found.stream().filter(one -> name.equals("cuda:" + one.ordinal())).findFirst().orElseThrow();
        try {
            return new CudaBackend(name, device, new NvrtcCompiler(KernelSources.open(), device.architecture()), false);
        } catch (CudaLibraries.MissingException e) {
            throw new Backends.UnavailableException("device '" + name + "' (" + device.describe() + ") cannot be used: " + e.getMessage());
        }
    }
}
