package dev.imu2clip.backend.cuda;

import static dev.imu2clip.backend.cuda.CudaDriver.check;
import static jcuda.driver.JCudaDriver.*;

import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;

import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * A GPU.
 *
 * @param capability 10 times its compute capability: 90 for 9.0
 * @param shared     bytes of shared memory that a block can have
 * @param driver     the CUDA version that the driver supports, 1000 * major + 10 * minor
 */
record CudaDevice(int ordinal, String model, int capability, int multiprocessors, int shared, long bytes, int driver) {
    static CudaDevice of(int ordinal) {
        CUdevice device = handle(ordinal);
        byte[] name = new byte[256];
        check(cuDeviceGetName(name, name.length, device), "cuDeviceGetName");
        int end = 0;
        while (end < name.length && name[end] != 0) end++;
        long[] bytes = {0};
        check(cuDeviceTotalMem(bytes, device), "cuDeviceTotalMem");
        int[] version = {0};
        check(cuDriverGetVersion(version), "cuDriverGetVersion");
        return new CudaDevice(ordinal, new String(name, 0, end, StandardCharsets.UTF_8),
                10 * attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
                        + attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
                attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
                attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN), bytes[0], version[0]);
    }

    private static CUdevice handle(int ordinal) {
        CUdevice device = new CUdevice();
        check(cuDeviceGet(device, ordinal), "cuDeviceGet " + ordinal);
        return device;
    }

    private static int attribute(CUdevice device, int attribute) {
        int[] value = {0};
        check(cuDeviceGetAttribute(value, attribute, device), "cuDeviceGetAttribute");
        return value[0];
    }

    /** The context that all libraries of the process share. */
    CUcontext retainContext() {
        CUcontext context = new CUcontext();
        check(cuDevicePrimaryCtxRetain(context, handle(ordinal)), "cuDevicePrimaryCtxRetain");
        return context;
    }

    /** As compilers name it: {@code sm_90}. */
    String architecture() {
        return "sm_" + capability;
    }

    String describe() {
        return String.format(Locale.ROOT, "%s, compute capability %d.%d, %d multiprocessors, %d MiB, driver for CUDA %d.%d", model,
                capability / 10, capability % 10, multiprocessors, bytes >> 20, driver / 1000, driver % 1000 / 10);
    }
}
