package dev.imu2clip.backend.cuda;

import static jcuda.driver.JCudaDriver.cuGetErrorString;

import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

import java.lang.foreign.MemorySegment;

/** What the CUDA driver answers, as Java errors, and addresses as JCuda's pointers. */
final class CudaDriver {
    static final int OUT_OF_MEMORY = CUresult.CUDA_ERROR_OUT_OF_MEMORY;

    private CudaDriver() {}

    /** A call failed. */
    static final class CudaException extends RuntimeException {
        private static final long serialVersionUID = 1;
        private final int code;

        CudaException(String what, int code) {
            super(what + ": " + describe(code));
            this.code = code;
        }

        int code() {
            return code;
        }
    }

    /** Whether a kernel that was launched before is to blame, not the call that answers so: illegal addresses, instructions, time-outs. */
    static boolean isFault(int code) {
        return code == CUresult.CUDA_ERROR_ILLEGAL_ADDRESS || code == CUresult.CUDA_ERROR_LAUNCH_TIMEOUT || code == CUresult.CUDA_ERROR_ASSERT
                || code >= CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR && code <= CUresult.CUDA_ERROR_LAUNCH_FAILED;
    }

    static void check(int code, String call) {
        if (code != CUresult.CUDA_SUCCESS) throw new CudaException(call, code);
    }

    /** Name and the driver's text for a code. */
    static String describe(int code) {
        String[] text = {""};
        cuGetErrorString(code, text);
        return CUresult.stringFor(code) + (text[0] == null || text[0].isBlank() ? "" : " (" + text[0] + ")");
    }

    static void load() {
        CudaLibraries.loadDriver();
        JCudaDriver.setExceptionsEnabled(false);
    }

    /** An address of the host. */
    static final class Host extends Pointer {
        Host(long address) {
            super(address);
        }

        Host(MemorySegment segment) {
            super(segment.address());
        }

        long address() {
            return getNativePointer() + getByteOffset();
        }
    }

    /** A stream whose address others than JCuda may know. */
    static final class Stream extends CUstream {
        long address() {
            return getNativePointer();
        }
    }

    /** An address of the device. */
    static final class Address extends CUdeviceptr {
        Address() {}

        Address(long address) {
            super(new CUdeviceptr(), address);
        }

        long address() {
            return getNativePointer() + getByteOffset();
        }
    }
}
