package dev.imu2clip.backend.cuda;

import static jcuda.driver.JCudaDriver.*;

import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.backend.Recording;
import dev.imu2clip.backend.cuda.CudaDriver.Stream;
import dev.imu2clip.memory.Slab;
import dev.imu2clip.tensor.DType;

import jcuda.driver.CUcontext;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

/**
 * Runs the kernels of {@code kernels/} on a CUDA device, through JCuda: everything is queued in order on one stream. Which implementation
 * runs a kernel is chosen by {@code -Dimu2clip.impl.<kernel>=NAME} ({@code cu} is the hand-written one, {@code cublas} and {@code cudnn}
 * are those of CUDA's libraries), else it is the fastest that was measured and is there. The emulated device is the same code over a
 * stand-in driver that computes on the CPU.
 *
 * <p>{@code -Dimu2clip.debug=true} waits for every kernel, so that one that faults is named, and finds what a kernel leaves unwritten.
 * The emulated device always does.
 */
public final class CudaBackend implements Backend {
    private static final boolean DEBUG = Boolean.getBoolean("imu2clip.debug");
    /** Whether somebody wants to see every kernel of a recorded step by itself. */
    private static final boolean KERNEL_BY_KERNEL = DEBUG || Boolean.getBoolean("imu2clip.profile");
    private static final int CAPTURE_OF_THIS_THREAD = 1;

    private final String name;
    private final CudaDevice device;
    private final Programs programs;
    private final CUcontext context;
    private final Stream stream = new Stream();
    private final DeviceMemory memory;
    private final boolean careful;
    private final ThreadLocal<Boolean> current = new ThreadLocal<>();
    private final Map<String, Program> mixed = new ConcurrentHashMap<>();
    private volatile Program[] float32 = new Program[0];
    /** Kernels queued since the device was last waited for: one of them is to blame for an error that shows then. */
    private final String[] queued = new String[64];
    private int queuedCount;
    /** {@link #useTf32}; at first {@code -Dimu2clip.tf32}. */
    private volatile boolean tf32 = Boolean.getBoolean("imu2clip.tf32");
    private boolean recording;
    private final Set<String> recorded = new TreeSet<>();

    CudaBackend(String name, CudaDevice device, KernelCompiler compiler, boolean emulated) {
        this.name = name;
        this.device = device;
        this.careful = emulated || DEBUG;
        this.context = device.retainContext();
        makeCurrent();
        check(cuStreamCreate(stream, 1), "cuStreamCreate"); // 1: does not wait for the default stream
        this.memory = new DeviceMemory(this, stream, this::check);
        this.programs = new Programs(this, compiler, emulated);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public String describe() {
        return device.describe();
    }

    /** A weight is best kept as it is, which panels of width 1 are. */
    @Override
    public int panelWidth() {
        return 1;
    }

    @Override
    public boolean computesIn(DType dtype) {
        return dtype == DType.F32 || dtype == DType.BF16;
    }

    @Override
    public String implementation(Kernel kernel, String types) {
        return programs.implementation(kernel, types);
    }

    CudaDevice device() {
        return device;
    }

    Stream stream() {
        return stream;
    }

    @Override
    public void useTf32(boolean allowed) {
        synchronized (programs) {
            if (tf32 != allowed) float32 = new Program[0]; // it may take other kernels
            tf32 = allowed;
        }
    }

    boolean tf32() {
        return tf32;
    }

    /** Device memory for the time of one kernel. */
    long scratch(long bytes) {
        return memory.scratch(bytes, recording);
    }

    /** The context belongs to threads one by one. */
    private void makeCurrent() {
        if (current.get() != null) return;
        check(cuCtxSetCurrent(context), "cuCtxSetCurrent");
        current.set(true);
    }

    // ---- kernels ----

    @Override
    public void run(Kernel kernel, Args args) {
        makeCurrent();
        Program program = args.isFloat32() ? float32(kernel) : mixed.computeIfAbsent(kernel.name() + args.types(),
                _ -> programs.program(kernel, args.types()));
        if (careful && !recording) runCarefully(kernel, args, program);
        else program.run(args);
        if (recording) recorded.add(kernel.name());
        else queued[queuedCount++ % queued.length] = kernel.name();
    }

    private Program float32(Kernel kernel) {
        Program[] table = float32;
        if (kernel.id() >= table.length || table[kernel.id()] == null)
            synchronized (programs) {
                table = Arrays.copyOf(float32, Math.max(float32.length, Kernel.all().size()));
                table[kernel.id()] = programs.program(kernel, "");
                float32 = table;
            }
        return table[kernel.id()];
    }

    private void runCarefully(Kernel kernel, Args args, Program program) {
        UnwrittenOutputs outputs = new UnwrittenOutputs(kernel, args);
        outputs.poison(memory);
        program.run(args);
        int code = cuStreamSynchronize(stream);
        if (code != 0) throw new CudaDriver.CudaException("kernel " + kernel + args.types() + Programs.values(args) + " failed", code);
        outputs.check();
    }

    @Override
    public void synchronize() {
        makeCurrent();
        refuseWhileRecording("waiting for the device");
        check(cuStreamSynchronize(stream), "cuStreamSynchronize");
        queuedCount = 0;
    }

    /** Any call may answer that a kernel queued before it has failed: then the error is about those. */
    void check(int code, String call) {
        if (code == 0) return;
        if (!CudaDriver.isFault(code)) throw new CudaDriver.CudaException(call, code);
        int n = Math.min(queuedCount, queued.length);
        String kernels = n == 0 ? "(none since the device was last waited for)"
                : Arrays.stream(queued, 0, n).distinct().sorted().collect(Collectors.joining(", "));
        queuedCount = 0;
        throw new CudaDriver.CudaException("on " + name + ", one of the kernels queued last failed: " + kernels
                + "; run again with -Dimu2clip.debug=true to see which", code);
    }

    // ---- memory ----

    @Override
    public Slab allocate(long bytes, String what) {
        makeCurrent();
        refuseWhileRecording("taking device memory");
        return memory.allocate(bytes, what);
    }

    @Override
    public void upload(MemorySegment source, Slab target, long offset) {
        makeCurrent();
        refuseWhileRecording("copying from the host");
        memory.upload(source, target.address() + offset);
    }

    @Override
    public void download(Slab source, long offset, MemorySegment target) {
        makeCurrent();
        refuseWhileRecording("copying to the host");
        memory.download(source.address() + offset, target, this::synchronize);
    }

    @Override
    public void copy(Slab source, long sourceOffset, Slab target, long targetOffset, long bytes) {
        makeCurrent();
        memory.copy(source.address() + sourceOffset, target.address() + targetOffset, bytes);
    }

    @Override
    public void fill(Slab slab, long offset, long bytes, byte value) {
        makeCurrent();
        memory.fill(slab.address() + offset, bytes, value);
    }

    // ---- recording ----

    private void refuseWhileRecording(String what) {
        if (recording) throw new IllegalStateException(what + " cannot be part of a recorded step: do it before or after");
    }

    /**
     * Captures the work as a CUDA graph: a replay costs the CPU one call, and no kernel waits for the next to be launched. With {@code
     * -Dimu2clip.debug=true} or {@code -Dimu2clip.profile=true} every replay runs the work kernel by kernel.
     */
    @Override
    public Recording record(Runnable work) {
        if (KERNEL_BY_KERNEL) return work::run;
        makeCurrent();
        refuseWhileRecording("recording");
        synchronize();
        check(cuStreamBeginCapture(stream, CAPTURE_OF_THIS_THREAD), "cuStreamBeginCapture");
        CUgraph graph = new CUgraph();
        recording = true;
        recorded.clear();
        int ended;
        try {
            work.run();
        } finally {
            recording = false;
            ended = cuStreamEndCapture(stream, graph);
        }
        check(ended, "cuStreamEndCapture");
        String kernels = "a recorded step of " + String.join(" and ", recorded);
        CUgraphExec executable = new CUgraphExec();
        check(cuGraphInstantiate(executable, graph, 0), "cuGraphInstantiate");
        check(cuGraphDestroy(graph), "cuGraphDestroy");
        return new Recording() {
            private boolean closed;

            @Override
            public void replay() {
                if (closed) throw new IllegalStateException("this recording was closed");
                makeCurrent();
                refuseWhileRecording("replaying");
                CudaBackend.this.check(cuGraphLaunch(executable, stream), "cuGraphLaunch");
                queued[queuedCount++ % queued.length] = kernels;
            }

            @Override
            public void close() {
                if (closed) return;
                closed = true;
                makeCurrent();
                CudaBackend.this.check(cuGraphExecDestroy(executable), "cuGraphExecDestroy");
            }
        };
    }
}
