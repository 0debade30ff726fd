package dev.imu2clip.backend.cuda;

import static jcuda.jcublas.JCublas2.*;

import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.backend.cuda.CudaDriver.Host;
import dev.imu2clip.memory.Slab;
import dev.imu2clip.tensor.Tensor;

import jcuda.cudaDataType;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasOperation;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/**
 * Matrix products by cuBLAS: plain ones through JCublas2, those with a bias or a residual by cuBLASLt, which adds them as it writes.
 * Products of float32 use TF32 only where {@link CudaBackend#useTf32} allows it; products of bfloat16 are summed in float32. The
 * workspace is one of our own: so the same product gives the same bits, and may be part of a recorded step.
 */
final class Cublas implements Library {
    /** What NVIDIA recommends: from Hopper on, and before. */
    private static final long WORKSPACE_HOPPER = 32 << 20, WORKSPACE = 8 << 20;
    private static final int ALGORITHM = -1; // CUBLAS_GEMM_DEFAULT
    static final MemorySegment ONE = number(1), ZERO = number(0);
    private static final Host ONE_POINTER = new Host(ONE), ZERO_POINTER = new Host(ZERO);

    private final CudaBackend backend;
    private final cublasHandle handle = new cublasHandle();
    private final CublasLt lt;

    /** @throws CudaLibraries.MissingException where cuBLAS is not there or does not start */
    Cublas(CudaBackend backend) {
        this.backend = backend;
        Path library = CudaLibraries.loadCublas();
        JCublas2.setExceptionsEnabled(false);
        int code = cublasCreate(handle);
        if (code != 0) throw new CudaLibraries.MissingException(library + " does not start on " + backend.name() + ": " + describe(code));
        Slab workspace = backend.allocate(backend.device().capability() >= 90 ? WORKSPACE_HOPPER : WORKSPACE, "workspace of cuBLAS");
        check(cublasSetStream(handle, new cudaStream_t(backend.stream())), "cublasSetStream");
        check(cublasSetWorkspace(handle, new Host(workspace.address()), workspace.bytes()), "cublasSetWorkspace");
        this.lt = new CublasLt(library, this::compute, backend.stream().address(), workspace);
    }

    @Override
    public Form form(Kernel kernel, String types) {
        int bf16 = cudaDataType.CUDA_R_16BF, f32 = cudaDataType.CUDA_R_32F;
        return switch (kernel.name() + types) {
            case "matmul" -> args -> matmul(args, f32, f32);
            case "matmul_bf16" -> args -> matmul(args, bf16, bf16);
            case "matmul_bf16_bf16_f32" -> args -> matmul(args, bf16, f32);
            case "packed_linear" -> args -> linear(args, f32);
            case "packed_linear_bf16" -> args -> linear(args, bf16);
            default -> null;
        };
    }

    private boolean matmul(Args args, int factors, int result) {
        Product product = Product.matmul(args, factors, result);
        if (product == null) return false;
        long a = address(args, "a"), b = address(args, "b"), bias = address(args, "bias"), c = address(args, "c");
        return bias == 0 ? multiply(product, a, b, c) : lt.multiply(product, a, b, bias, 0, c);
    }

    /** Ends before the activation: that is a launch of its own (kernels/packed_linear.cu). */
    private boolean linear(Args args, int type) {
        Product product = Product.linear(args, type);
        if (product == null) return false;
        long x = address(args, "x"), weight = address(args, "panels"), y = address(args, "y");
        long bias = address(args, "bias"), add = address(args, "add");
        return bias == 0 && add == 0 ? multiply(product, x, weight, y) : lt.multiply(product, x, weight, bias, add, y);
    }

    private static long address(Args args, String field) {
        Tensor tensor = args.tensor(field);
        return tensor == null ? 0 : tensor.address();
    }

    private boolean multiply(Product p, long a, long b, long c) {
        int compute = compute(p), opA = operation(p.aTransposed()), opB = operation(p.bTransposed());
        int code = p.batch() == 1
                ? cublasGemmEx_new(handle, opB, opA, p.n(), p.m(), p.k(), ONE_POINTER, new Host(b), p.factors(), p.ldb(),
                        new Host(a), p.factors(), p.lda(), ZERO_POINTER, new Host(c), p.result(), p.ldc(), compute, ALGORITHM)
                : cublasGemmStridedBatchedEx_new(handle, opB, opA, p.n(), p.m(), p.k(), ONE_POINTER, new Host(b), p.factors(), p.ldb(),
                        p.bStride(), new Host(a), p.factors(), p.lda(), p.aStride(), ZERO_POINTER, new Host(c), p.result(), p.ldc(),
                        p.cStride(), p.batch(), compute, ALGORITHM);
        if (unsupported(code)) return false;
        check(code, "cuBLAS: " + p);
        return true;
    }

    static int operation(boolean transposed) {
        return transposed ? cublasOperation.CUBLAS_OP_T : cublasOperation.CUBLAS_OP_N;
    }

    private int compute(Product p) {
        return p.factors() == cudaDataType.CUDA_R_32F && backend.tf32() ? cublasComputeType.CUBLAS_COMPUTE_32F_FAST_TF32
                : cublasComputeType.CUBLAS_COMPUTE_32F;
    }

    /** The library has nothing for this product on this device. */
    static boolean unsupported(int code) {
        return code == cublasStatus.CUBLAS_STATUS_NOT_SUPPORTED || code == cublasStatus.CUBLAS_STATUS_ARCH_MISMATCH;
    }

    static void check(int code, String what) {
        if (code != cublasStatus.CUBLAS_STATUS_SUCCESS) throw new IllegalStateException(what + ": " + describe(code));
    }

    private static String describe(int code) {
        return cublasStatus.stringFor(code) + " (" + cublasGetStatusString(code) + ")";
    }

    private static MemorySegment number(float value) {
        MemorySegment memory = Arena.global().allocate(ValueLayout.JAVA_FLOAT);
        memory.set(ValueLayout.JAVA_FLOAT, 0, value);
        return memory;
    }
}
