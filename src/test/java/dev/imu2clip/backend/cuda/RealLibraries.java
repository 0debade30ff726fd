package dev.imu2clip.backend.cuda;

import static jcuda.jcudnn.JCudnn.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.backend.Backends;
import dev.imu2clip.memory.Slab;

import jcuda.cudaDataType;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasStatus;
import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnConvolutionDescriptor;
import jcuda.jcudnn.cudnnConvolutionMode;
import jcuda.jcudnn.cudnnDataType;
import jcuda.jcudnn.cudnnFilterDescriptor;
import jcuda.jcudnn.cudnnTensorDescriptor;
import jcuda.jcudnn.cudnnTensorFormat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** Run by {@link RealLibrariesTest}, in a process of its own: CUDA's own libraries, as far as they go without a GPU. */
class RealLibraries {
    private static void withoutGpu() {
        Assumptions.assumeTrue(new CudaProvider().devices().isEmpty(), "there is a GPU: its own tests say more");
    }

    @Test
    void cublasLoadsAndSaysThatThereIsNoGpu() {
        CudaLibraries.loadCublas();
        JCublas2.setExceptionsEnabled(false);
        assertEquals("the requested functionality is not supported", JCublas2.cublasGetStatusString(15));
        withoutGpu();
        assertEquals(cublasStatus.CUBLAS_STATUS_NOT_INITIALIZED, JCublas2.cublasCreate(new cublasHandle()));
    }

    /** Descriptors need no GPU: the library accepts each attribute, by number and size, and only the handle fails. */
    @Test
    void cublasLtTakesTheDescriptors() {
        Path library = CudaLibraries.loadCublas();
        withoutGpu();
        Slab workspace = new Slab(Backends.get("java"), "workspace", 4096, 1 << 20, null, () -> {});
        CublasLt lt = new CublasLt(library, _ -> cublasComputeType.CUBLAS_COMPUTE_32F, 0, workspace);
        for (int type : new int[] {cudaDataType.CUDA_R_32F, cudaDataType.CUDA_R_16BF}) {
            Product product = new Product(3, 5, 7, 6, true, false, 5, 7, 7, 30, 42, 35, type, type);
            String message = assertThrows(IllegalStateException.class, () -> lt.multiply(product, 256, 512, 1024, 2048, 2048)).getMessage();
            assertTrue(message.startsWith("cublasLtCreate: CUBLAS_STATUS_NOT_INITIALIZED"), message);
        }
    }

    @Test
    void cudnnLoadsAndTakesTheDescriptors() {
        CudaLibraries.loadCudnn();
        JCudnn.setExceptionsEnabled(false);
        assertTrue(cudnnGetVersion() >= 90000, () -> "cuDNN " + cudnnGetVersion());
        var x = new cudnnTensorDescriptor();
        var w = new cudnnFilterDescriptor();
        var convolution = new cudnnConvolutionDescriptor();
        assertEquals(0, cudnnCreateTensorDescriptor(x));
        assertEquals(0, cudnnSetTensor4dDescriptor(x, cudnnTensorFormat.CUDNN_TENSOR_NCHW, cudnnDataType.CUDNN_DATA_BFLOAT16, 2, 6, 1, 40));
        assertEquals(0, cudnnCreateFilterDescriptor(w));
        assertEquals(0, cudnnSetFilter4dDescriptor(w, cudnnDataType.CUDNN_DATA_BFLOAT16, cudnnTensorFormat.CUDNN_TENSOR_NCHW, 8, 3, 1, 5));
        assertEquals(0, cudnnCreateConvolutionDescriptor(convolution));
        assertEquals(0, cudnnSetConvolution2dDescriptor(convolution, 0, 3, 1, 2, 1, 4, cudnnConvolutionMode.CUDNN_CROSS_CORRELATION,
                cudnnDataType.CUDNN_DATA_FLOAT));
        assertEquals(0, cudnnSetConvolutionGroupCount(convolution, 2));
        int[] n = {0}, c = {0}, h = {0}, l = {0};
        assertEquals(0, cudnnGetConvolution2dForwardOutputDim(convolution, x, w, n, c, h, l));
        assertEquals("2 8 1 15", n[0] + " " + c[0] + " " + h[0] + " " + l[0]); // (40 + 2 * 3 - 4 * (5 - 1) - 1) / 2 + 1
    }

    /** The driver's stand-in is none for the real libraries: they must say so, and nothing may crash. */
    @Test
    void theyDoNotStartOnTheEmulatedDevice() {
        Assumptions.assumeTrue(Backends.devices().contains("emulated"), "no emulated device");
        withoutGpu();
        CudaBackend emulated = (CudaBackend) Backends.get("emulated");
        for (Runnable start : List.<Runnable>of(() -> new Cublas(emulated), () -> new Cudnn(emulated))) {
            String message = assertThrows(CudaLibraries.MissingException.class, start::run).getMessage();
            assertTrue(message.contains(" does not start on emulated: CU") && message.contains("NOT_INITIALIZED"), message);
        }
    }
}
