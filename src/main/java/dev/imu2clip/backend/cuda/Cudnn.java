package dev.imu2clip.backend.cuda;

import static jcuda.jcudnn.JCudnn.*;

import dev.imu2clip.backend.Kernel;

import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnDataType;
import jcuda.jcudnn.cudnnHandle;
import jcuda.runtime.cudaStream_t;

import java.nio.file.Path;

/**
 * Convolutions by cuDNN, through JCudnn. The gradient of weights stays float32 also where all else is bfloat16, which cuDNN does not know,
 * so it has a form for float32 only. A GRU is not among the kernels: docs/libraries.md says why.
 */
final class Cudnn implements Library {
    private static final int NOT_SUPPORTED = 3; // the first digit of cuDNN 9's numbers for what it cannot do

    private final cudnnHandle handle = new cudnnHandle();
    private final CudnnConv1d float32, bf16;

    /** @throws CudaLibraries.MissingException where cuDNN is not there or does not start */
    Cudnn(CudaBackend backend) {
        Path library = CudaLibraries.loadCudnn();
        JCudnn.setExceptionsEnabled(false);
        int code = cudnnCreate(handle);
        if (code != 0)
            throw new CudaLibraries.MissingException(library + " does not start on " + backend.name() + ": " + cudnnGetErrorString(code));
        check(cudnnSetStream(handle, new cudaStream_t(backend.stream())), "cudnnSetStream");
        this.float32 = new CudnnConv1d(backend, handle, cudnnDataType.CUDNN_DATA_FLOAT);
        this.bf16 = new CudnnConv1d(backend, handle, cudnnDataType.CUDNN_DATA_BFLOAT16);
    }

    @Override
    public Form form(Kernel kernel, String types) {
        return switch (kernel.name() + types) {
            case "conv1d_forward" -> float32::forward;
            case "conv1d_backward_input" -> float32::backwardInput;
            case "conv1d_backward_weight" -> float32::backwardWeight;
            case "conv1d_forward_bf16" -> bf16::forward;
            case "conv1d_backward_input_bf16" -> bf16::backwardInput;
            default -> null;
        };
    }

    static boolean unsupported(int code) {
        return code / 1000 == NOT_SUPPORTED;
    }

    static void check(int code, String what) {
        if (code != 0) throw new IllegalStateException(what + ": " + cudnnGetErrorString(code));
    }
}
