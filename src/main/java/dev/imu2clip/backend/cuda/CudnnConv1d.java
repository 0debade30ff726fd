package dev.imu2clip.backend.cuda;

import static dev.imu2clip.backend.cuda.Cudnn.check;
import static jcuda.jcudnn.JCudnn.*;

import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.cuda.CudaDriver.Host;

import jcuda.jcudnn.cudnnConvolutionBwdDataAlgoPerf;
import jcuda.jcudnn.cudnnConvolutionBwdFilterAlgoPerf;
import jcuda.jcudnn.cudnnConvolutionDescriptor;
import jcuda.jcudnn.cudnnConvolutionFwdAlgoPerf;
import jcuda.jcudnn.cudnnConvolutionMode;
import jcuda.jcudnn.cudnnDataType;
import jcuda.jcudnn.cudnnDeterminism;
import jcuda.jcudnn.cudnnFilterDescriptor;
import jcuda.jcudnn.cudnnHandle;
import jcuda.jcudnn.cudnnMathType;
import jcuda.jcudnn.cudnnTensorDescriptor;
import jcuda.jcudnn.cudnnTensorFormat;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import java.util.stream.Stream;

/**
 * Convolution over time as cuDNN's over pictures one pixel high. Of the algorithms that cuDNN suggests, the first that repeats its bits is
 * taken.
 */
final class CudnnConv1d {
    /** Suggestions to ask for. */
    private static final int MOST = 16;
    private static final long MOST_WORKSPACE = 256 << 20;
    private static final Host ONE = new Host(Cublas.ONE), ZERO = new Host(Cublas.ZERO);

    private record Shape(int n, int c, int l, int o, int k, int lout, int stride, int padding, int dilation, int groups) {
        /** Null where there is nothing to compute, or more than cuDNN can count. */
        static Shape of(Args args) {
            long[] s = Stream.of("n", "c", "l", "o", "k", "lout", "stride", "padding", "dilation", "groups").mapToLong(args::size)
                    .toArray();
            boolean empty = Arrays.stream(s, 0, 6).anyMatch(size -> size == 0);
            if (empty || Arrays.stream(s).anyMatch(size -> size > Integer.MAX_VALUE)) return null;
            return new Shape((int) s[0], (int) s[1], (int) s[2], (int) s[3], (int) s[4], (int) s[5], (int) s[6], (int) s[7], (int) s[8],
                    (int) s[9]);
        }
    }

    /** A suggestion of cuDNN's: an algorithm's number, and whether and how it can be used. */
    private record Algorithm(int number, int status, int determinism, long workspace) {
        private boolean usable() {
            return status == 0 && determinism == cudnnDeterminism.CUDNN_DETERMINISTIC && workspace <= MOST_WORKSPACE;
        }
    }

    private record Key(String kernel, Shape shape, boolean tf32) {}

    /** A kernel for one shape. */
    private final class Plan {
        private final cudnnTensorDescriptor x, y, bias;
        private final cudnnFilterDescriptor w = new cudnnFilterDescriptor();
        private final cudnnConvolutionDescriptor convolution = new cudnnConvolutionDescriptor();
        /** Null where cuDNN has none. */
        private final Algorithm algorithm;

        private Plan(Shape s, boolean tf32, Function<Plan, Stream<Algorithm>> suggestions) {
            x = tensor(s.n, s.c, s.l);
            y = tensor(s.n, s.o, s.lout);
            bias = tensor(1, s.o, 1);
            check(cudnnCreateFilterDescriptor(w), "cudnnCreateFilterDescriptor");
            check(cudnnSetFilter4dDescriptor(w, type, cudnnTensorFormat.CUDNN_TENSOR_NCHW, s.o, s.c / s.groups, 1, s.k),
                    "cudnnSetFilter4dDescriptor");
            check(cudnnCreateConvolutionDescriptor(convolution), "cudnnCreateConvolutionDescriptor");
            check(cudnnSetConvolution2dDescriptor(convolution, 0, s.padding, 1, s.stride, 1, s.dilation,
                    cudnnConvolutionMode.CUDNN_CROSS_CORRELATION, cudnnDataType.CUDNN_DATA_FLOAT), "cudnnSetConvolution2dDescriptor");
            check(cudnnSetConvolutionGroupCount(convolution, s.groups), "cudnnSetConvolutionGroupCount");
            // For float32, cuDNN's default is TF32.
            int math = type != cudnnDataType.CUDNN_DATA_FLOAT ? cudnnMathType.CUDNN_TENSOR_OP_MATH
                    : tf32 ? cudnnMathType.CUDNN_DEFAULT_MATH : cudnnMathType.CUDNN_FMA_MATH;
            check(cudnnSetConvolutionMathType(convolution, math), "cudnnSetConvolutionMathType");
            algorithm = suggestions.apply(this).filter(Algorithm::usable).findFirst().orElse(null);
        }

        private cudnnTensorDescriptor tensor(int n, int c, int w) {
            cudnnTensorDescriptor descriptor = new cudnnTensorDescriptor();
            check(cudnnCreateTensorDescriptor(descriptor), "cudnnCreateTensorDescriptor");
            check(cudnnSetTensor4dDescriptor(descriptor, cudnnTensorFormat.CUDNN_TENSOR_NCHW, type, n, c, 1, w),
                    "cudnnSetTensor4dDescriptor");
            return descriptor;
        }
    }

    private final CudaBackend backend;
    private final cudnnHandle handle;
    private final int type;
    private final Map<Key, Plan> plans = new HashMap<>();

    CudnnConv1d(CudaBackend backend, cudnnHandle handle, int type) {
        this.backend = backend;
        this.handle = handle;
        this.type = type;
    }

    boolean forward(Args args) {
        Plan p = plan(args, this::forwardAlgorithms);
        if (p == null) return false;
        check(cudnnConvolutionForward(handle, ONE, p.x, data(args, "x"), p.w, data(args, "w"), p.convolution, p.algorithm.number,
                workspace(p), p.algorithm.workspace, ZERO, p.y, data(args, "y")), "cudnnConvolutionForward");
        if (args.tensor("bias") != null)
            check(cudnnAddTensor(handle, ONE, p.bias, data(args, "bias"), ONE, p.y, data(args, "y")), "cudnnAddTensor");
        return true;
    }

    boolean backwardInput(Args args) {
        Plan p = plan(args, this::backwardInputAlgorithms);
        if (p == null) return false;
        check(cudnnConvolutionBackwardData(handle, ONE, p.w, data(args, "w"), p.y, data(args, "dy"), p.convolution, p.algorithm.number,
                workspace(p), p.algorithm.workspace, ZERO, p.x, data(args, "dx")), "cudnnConvolutionBackwardData");
        return true;
    }

    boolean backwardWeight(Args args) {
        Plan p = plan(args, this::backwardWeightAlgorithms);
        if (p == null) return false;
        check(cudnnConvolutionBackwardFilter(handle, ONE, p.x, data(args, "x"), p.y, data(args, "dy"), p.convolution, p.algorithm.number,
                workspace(p), p.algorithm.workspace, ZERO, p.w, data(args, "dw")), "cudnnConvolutionBackwardFilter");
        if (args.tensor("db") != null)
            check(cudnnConvolutionBackwardBias(handle, ONE, p.y, data(args, "dy"), ZERO, p.bias, data(args, "db")),
                    "cudnnConvolutionBackwardBias");
        return true;
    }

    private synchronized Plan plan(Args args, Function<Plan, Stream<Algorithm>> suggestions) {
        Shape shape = Shape.of(args);
        if (shape == null) return null;
        boolean tf32 = backend.tf32();
        Plan plan = plans.computeIfAbsent(new Key(args.kernel().name(), shape, tf32), _ -> new Plan(shape, tf32, suggestions));
        return plan.algorithm == null ? null : plan;
    }

    private static Host data(Args args, String field) {
        return new Host(args.tensor(field).address());
    }

    private Host workspace(Plan plan) {
        return new Host(backend.scratch(plan.algorithm.workspace));
    }

    // ---- what cuDNN suggests, best first ----

    private Stream<Algorithm> forwardAlgorithms(Plan p) {
        var found = Stream.generate(cudnnConvolutionFwdAlgoPerf::new).limit(MOST).toArray(cudnnConvolutionFwdAlgoPerf[]::new);
        int n = count(count -> cudnnGetConvolutionForwardAlgorithm_v7(handle, p.x, p.w, p.convolution, p.y, MOST, count, found));
        return Arrays.stream(found, 0, n).map(a -> new Algorithm(a.algo, a.status, a.determinism, a.memory));
    }

    private Stream<Algorithm> backwardInputAlgorithms(Plan p) {
        var found = Stream.generate(cudnnConvolutionBwdDataAlgoPerf::new).limit(MOST).toArray(cudnnConvolutionBwdDataAlgoPerf[]::new);
        int n = count(count -> cudnnGetConvolutionBackwardDataAlgorithm_v7(handle, p.w, p.y, p.convolution, p.x, MOST, count, found));
        return Arrays.stream(found, 0, n).map(a -> new Algorithm(a.algo, a.status, a.determinism, a.memory));
    }

    private Stream<Algorithm> backwardWeightAlgorithms(Plan p) {
        var found = Stream.generate(cudnnConvolutionBwdFilterAlgoPerf::new).limit(MOST).toArray(cudnnConvolutionBwdFilterAlgoPerf[]::new);
        int n = count(count -> cudnnGetConvolutionBackwardFilterAlgorithm_v7(handle, p.x, p.y, p.convolution, p.w, MOST, count, found));
        return Arrays.stream(found, 0, n).map(a -> new Algorithm(a.algo, a.status, a.determinism, a.memory));
    }

    private static int count(ToIntFunction<int[]> query) {
        int[] count = {0};
        int code;
        try {
            code = query.applyAsInt(count);
        } catch (ArrayIndexOutOfBoundsException e) {
            return 0; // JCudnn copies as many results as the count says, also where the call failed and the count says nothing
        }
        if (Cudnn.unsupported(code)) return 0;
        check(code, "cudnnGetConvolution*Algorithm_v7");
        return count[0];
    }
}
