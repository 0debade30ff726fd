package dev.imu2clip.backend.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.imu2clip.memory.Slab;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.function.ToIntFunction;
import java.util.stream.Stream;

/**
 * Products by cuBLASLt that add a bias to every row, or another matrix: JCuda has no such thing, so its functions are called through
 * Panama. Names and numbers are those of {@code cublasLt.h}, the same in CUDA 12 and 13. Its GELU is the approximation by tanh, which is
 * not ours, so activations are not left to it.
 */
final class CublasLt {
    /** CUBLASLT_MATMUL_DESC_*. */
    private static final int TRANSPOSE_A = 3, TRANSPOSE_B = 4, EPILOGUE = 7, BIAS_POINTER = 8;
    /** CUBLASLT_MATRIX_LAYOUT_*. */
    private static final int BATCH_COUNT = 5, BATCH_OFFSET = 6;
    /** CUBLASLT_MATMUL_PREF_*; alignments of A, B, C and D follow each other. */
    private static final int MAX_WORKSPACE = 1, ALIGNMENT_A = 5;
    private static final int EPILOGUE_BIAS = 4, FLOAT32 = 0;
    /** sizeof(cublasLtMatmulHeuristicResult_t); the algorithm is its first field. */
    private static final long HEURISTIC_BYTES = 96;
    private static final long MOST_ALIGNED = 256;

    /** What decides which algorithm is taken. */
    private record Key(Product product, int compute, long a, long b, long bias, long add, long c) {}

    /** A product ready to run: its descriptors, and the algorithm that cuBLASLt suggests; no algorithm where it has none. */
    private record Plan(MemorySegment operation, MemorySegment a, MemorySegment b, MemorySegment c, MemorySegment algorithm) {}

    private final SymbolLookup library;
    private final ToIntFunction<Product> compute;
    private final MethodHandle setOperation, matmul;
    private final MemorySegment stream, workspace, biasAddress = Arena.global().allocate(ADDRESS);
    private final long workspaceBytes;
    private MemorySegment handle;
    private final Map<Key, Plan> plans = new HashMap<>();

    /**
     * @param cublas  the library beside which cuBLASLt lies
     * @param compute CUBLAS_COMPUTE_* for a product
     */
    CublasLt(Path cublas, ToIntFunction<Product> compute, long stream, Slab workspace) {
        this.compute = compute;
        Path file = cublas.resolveSibling(cublas.getFileName().toString().replace("libcublas", "libcublasLt"));
        try {
            library = SymbolLookup.libraryLookup(file, Arena.global());
        } catch (IllegalArgumentException e) {
            throw new CudaLibraries.MissingException(file + " does not load: " + e.getMessage());
        }
        this.stream = MemorySegment.ofAddress(stream);
        this.workspace = MemorySegment.ofAddress(workspace.address());
        this.workspaceBytes = workspace.bytes();
        this.setOperation = function("cublasLtMatmulDescSetAttribute", ADDRESS, JAVA_INT, ADDRESS, JAVA_LONG);
        this.matmul = function("cublasLtMatmul", ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS,
                ADDRESS, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS);
    }

    private MethodHandle function(String name, MemoryLayout... parameters) {
        MemorySegment symbol = library.find(name).orElseThrow(() -> new CudaLibraries.MissingException("cuBLASLt has no function " + name));
        return Linker.nativeLinker().downcallHandle(symbol, FunctionDescriptor.of(JAVA_INT, parameters));
    }

    /** c = op(a) op(b) + bias + add; a bias or add of 0 is left out, and add may be c. False where cuBLASLt cannot. */
    synchronized boolean multiply(Product p, long a, long b, long bias, long add, long c) {
        Key key = new Key(p, compute.applyAsInt(p), alignment(a), alignment(b), alignment(bias), alignment(add), alignment(c));
        Plan plan = plans.get(key);
        if (plan == null) plans.put(key, plan = plan(key, bias));
        if (plan.algorithm == null) return false;
        MemorySegment beta = add == 0 ? Cublas.ZERO : Cublas.ONE;
        int code;
        try {
            if (bias != 0) setBias(plan.operation, bias);
            code = (int) matmul.invokeExact(handle, plan.operation, Cublas.ONE, pointer(b), plan.a, pointer(a), plan.b,
                    beta, pointer(add == 0 ? c : add), plan.c, pointer(c), plan.c, plan.algorithm, workspace, workspaceBytes, stream);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
        Cublas.check(code, "cuBLASLt: " + p);
        return true;
    }

    private static MemorySegment pointer(long address) {
        return MemorySegment.ofAddress(address);
    }

    /** The largest power of two that divides an address, which decides how wide the library may read; 0 where there is nothing. */
    private static long alignment(long address) {
        return Math.min(Long.lowestOneBit(address), MOST_ALIGNED);
    }

    private void setBias(MemorySegment operation, long bias) throws Throwable {
        biasAddress.set(JAVA_LONG, 0, bias);
        int code = (int) setOperation.invokeExact(operation, BIAS_POINTER, biasAddress, 8L);
        Cublas.check(code, "cublasLtMatmulDescSetAttribute");
    }

    // ---- plans: once for a shape, so these calls need not be fast ----

    private Plan plan(Key key, long bias) {
        Product p = key.product;
        MemorySegment operation = create("cublasLtMatmulDescCreate", key.compute, FLOAT32);
        set("cublasLtMatmulDescSetAttribute", operation, TRANSPOSE_A, Cublas.operation(p.bTransposed()));
        set("cublasLtMatmulDescSetAttribute", operation, TRANSPOSE_B, Cublas.operation(p.aTransposed()));
        if (bias != 0) {
            set("cublasLtMatmulDescSetAttribute", operation, EPILOGUE, EPILOGUE_BIAS);
            set("cublasLtMatmulDescSetAttribute", operation, BIAS_POINTER, bias); // its alignment counts
        }
        boolean aT = p.aTransposed(), bT = p.bTransposed();
        MemorySegment first = layout(p.factors(), bT ? p.k() : p.n(), bT ? p.n() : p.k(), p.ldb(), p.batch(), p.bStride());
        MemorySegment second = layout(p.factors(), aT ? p.m() : p.k(), aT ? p.k() : p.m(), p.lda(), p.batch(), p.aStride());
        MemorySegment result = layout(p.result(), p.n(), p.m(), p.ldc(), p.batch(), p.cStride());
        return new Plan(operation, first, second, result, algorithm(key, operation, first, second, result));
    }

    private MemorySegment layout(int type, long rows, long columns, long ld, int batch, long stride) {
        MemorySegment layout = create("cublasLtMatrixLayoutCreate", type, rows, columns, ld);
        if (batch > 1) {
            set("cublasLtMatrixLayoutSetAttribute", layout, BATCH_COUNT, batch);
            set("cublasLtMatrixLayoutSetAttribute", layout, BATCH_OFFSET, stride);
        }
        return layout;
    }

    private MemorySegment algorithm(Key key, MemorySegment operation, MemorySegment a, MemorySegment b, MemorySegment c) {
        MemorySegment preference = create("cublasLtMatmulPreferenceCreate");
        set("cublasLtMatmulPreferenceSetAttribute", preference, MAX_WORKSPACE, workspaceBytes);
        long[] alignments = {key.b, key.a, key.add == 0 ? key.c : key.add, key.c};
        for (int i = 0; i < alignments.length; i++)
            set("cublasLtMatmulPreferenceSetAttribute", preference, ALIGNMENT_A + i, (int) alignments[i]);
        if (handle == null) handle = create("cublasLtCreate");
        MemorySegment result = Arena.global().allocate(HEURISTIC_BYTES, 16), count = Arena.global().allocate(JAVA_INT);
        int code = call("cublasLtMatmulAlgoGetHeuristic", handle, operation, a, b, c, c, preference, 1, result, count);
        call("cublasLtMatmulPreferenceDestroy", preference);
        if (Cublas.unsupported(code) || code == 0 && count.get(JAVA_INT, 0) == 0) return null;
        Cublas.check(code, "cublasLtMatmulAlgoGetHeuristic: " + key.product);
        return result;
    }

    /** Something that a function named ...Create puts where its first argument points. */
    private MemorySegment create(String function, Object... values) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment place = arena.allocate(ADDRESS);
            Cublas.check(call(function, Stream.concat(Stream.of(place), Stream.of(values)).toArray()), function);
            return place.get(ADDRESS, 0);
        }
    }

    /** Sets an attribute of a descriptor to an int or a long. */
    private void set(String function, MemorySegment descriptor, int attribute, Number value) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = value instanceof Integer number ? arena.allocateFrom(JAVA_INT, number)
                    : arena.allocateFrom(JAVA_LONG, value.longValue());
            Cublas.check(call(function, descriptor, attribute, memory, memory.byteSize()), function + " " + attribute);
        }
    }

    private int call(String function, Object... values) {
        MemoryLayout[] parameters = Stream.of(values).map(value -> switch (value) {
            case Integer _ -> JAVA_INT;
            case Long _ -> JAVA_LONG;
            default -> ADDRESS;
        }).toArray(MemoryLayout[]::new);
        try {
            return (int) function(function, parameters).invokeWithArguments(values);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
