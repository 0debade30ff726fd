package dev.imu2clip.backend.cuda;

import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.backend.Recording;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/**
 * The emulated device itself: what a GPU answers with a hang, with garbage or with the end of the process is an error here that says what
 * and where, and the device runs the next kernel all the same. The kernels are in {@code src/test/resources/cuda/device.cu}.
 */
class EmulatedDeviceTest {
    private static final int N = 32;
    private static final Map<String, Kernel> KERNELS = new ConcurrentHashMap<>();
    private static String source;
    private static CudaBackend device;

    @BeforeAll
    static void open() throws IOException {
        source = Files.readString(Path.of("src/test/resources/cuda/device.cu"));
        device = DeviceKernels.open(DeviceKernels.folder("device", "device.cu", source));
    }

    @AfterEach
    void runsTheNextKernel() {
        assertArrayEquals(expected(1), run("test_plus"));
    }

    /** y = f(x) of n elements; the definition is x + 1. */
    private static Kernel kernel(String name) {
        return KERNELS.computeIfAbsent(name, _ -> new Kernel(name, "in x, out y, size n", a -> plus(a, a.count("n"))));
    }

    private static void plus(Args a, int count) {
        Reals x = a.reals("x"), y = a.reals("y");
        for (int i = 0; i < count; i++) y.set(i, x.get(i) + 1);
    }

    private static Tensor input() {
        float[] x = new float[N];
        for (int i = 0; i < N; i++) x[i] = i;
        return Tensor.of(device, x, N);
    }

    private static float[] run(String name) {
        Tensor y = Tensor.zeros(device, DType.F32, N);
        kernel(name).run(input(), y, N);
        return y.toFloats();
    }

    private static float[] expected(int plus) {
        float[] y = new float[N];
        for (int i = 0; i < N; i++) y[i] = i + plus;
        return y;
    }

    private static void assertSays(Throwable error, String... parts) {
        for (String part : parts)
            assertTrue(error.getMessage() != null && error.getMessage().contains(part), () -> "'" + part + "' is not in: " + error);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            test_part_of_block          | only 3 of 64 threads reached the barrier at
            test_two_barriers           | threads of a block wait at different barriers
            test_mask_without_lane      | lane 16 takes part in __shfl_xor_sync
            test_missing_lane           | 31 threads wait in __shfl_xor_sync
            test_source_outside_of_mask | reads from lane 20, which the mask 0xffff leaves out
            test_two_operations         | lanes of a warp wait for each other in __shfl_down_sync and in __syncwarp
            test_shared_index           | index 32 out of bounds for 'float [32]'
            test_local_index            | index 4 out of bounds for 'float [4]'
            test_null                   | null where there should be 'const float'
            test_misaligned             | an address that is not aligned for 'const struct float4'
            test_division               | a division by zero
            test_defect_in_one_block    | a division by zero
            """)
    void defectsAreErrorsWithTheirPlace(String name, String text) {
        CudaDriver.CudaException error = assertThrows(CudaDriver.CudaException.class, () -> run(name));
        assertSays(error, "kernel " + name, "x [32], y [32], n 32", text, "(block ", ", thread ");
        String place = error.getMessage().replaceAll("(?s).*\\w+\\.(cu|cuh):(\\d+).*", "$2");
        List<String> lines = source.lines().toList();
        if (!name.equals("test_misaligned")) // load4's own place
            assertTrue(lines.get(Integer.parseInt(place) - 1).contains("// defect"), error.getMessage());
    }

    @Test
    void writesOutsideOfMemory() {
        assertSays(assertThrows(CudaDriver.CudaException.class, () -> run("test_dynamic_shared")),
                "wrote outside of the 128 bytes of dynamic shared memory");
        assertSays(assertThrows(CudaDriver.CudaException.class, () -> run("test_behind_tensor")), "kernel test_behind_tensor",
                "wrote outside of the device memory that was allocated");
    }

    @Test
    void unwrittenOutputs() {
        assertSays(assertThrows(IllegalStateException.class, () -> run("test_unwritten")), "kernel test_unwritten",
                "left 5 of 32 elements of 'y' unwritten, the first is element 27");
        assertSays(assertThrows(IllegalStateException.class, () -> run("test_unwritten_shared")),
                "left 1 of 32 elements of 'y' unwritten, the first is element 0");
    }

    @Test
    void unwrittenOutputsInBf16() {
        Tensor x = Tensor.zeros(device, DType.BF16, N), y = Tensor.zeros(device, DType.BF16, N);
        assertSays(assertThrows(IllegalStateException.class, () -> kernel("test_unwritten").run(x, y, N)), "kernel test_unwritten_bf16",
                "left 5 of 32 elements of 'y' unwritten, the first is element 27");
    }

    @Test
    void whatTheDefinitionLeavesUnwrittenMayStaySo() {
        Kernel kernel = new Kernel("test_unwritten_by_definition_too", "in x, out y, size n", a -> plus(a, a.count("n") - 5));
        Tensor y = Tensor.zeros(device, DType.F32, N);
        kernel.run(input(), y, N);
        assertTrue(Float.isNaN(y.toFloats()[N - 1]));
    }

    @Test
    void warpsSeeWhatTheirLanesBrought() {
        assertArrayEquals(expected(1), run("test_warps"));
    }

    @Test
    void blocksWaitForEachOther() {
        assertArrayEquals(expected(1), run("test_cooperative"));
        setenv("IMU2CLIP_EMULATED_PATIENCE", "1");
        try {
            assertSays(assertThrows(CudaDriver.CudaException.class, () -> run("test_not_cooperative")), "waits at", "device.cu:",
                    "only in a cooperative launch all blocks run at once");
        } finally {
            setenv("IMU2CLIP_EMULATED_PATIENCE", "60");
        }
    }

    @Test
    void launchesThatCannotBe() {
        assertSays(assertThrows(CudaDriver.CudaException.class, () -> run("test_too_many_threads")), "kernel test_too_many_threads",
                "function plus_one", "512 x 1 x 1 threads", "device.cu:", "compiled for blocks of 1 to 256 threads, not 512");
        assertSays(assertThrows(CudaDriver.CudaException.class, () -> run("test_too_much_shared")), "kernel test_too_much_shared",
                "asks for 307200 bytes of shared memory", "at most 227 KiB");
        assertSays(assertThrows(IllegalStateException.class, () -> run("test_negative_size")), "kernel test_negative_size", "size of -68",
                "device.cu:");
        assertSays(assertThrows(InputException.class, () -> run("test_unknown_name")), "device.cu:",
                "'m' in 'ceil(m, 256)' is neither a field of kernel test_unknown_name nor a constant");
        assertSays(assertThrows(IllegalStateException.class, () -> run("test_no_function")), "kernel test_no_function", "exports no minus_one");
        assertSays(assertThrows(IllegalStateException.class, () -> run("test_nowhere")), "kernel test_nowhere has no CUDA form in");
    }

    @Test
    void implementationsByName() {
        System.setProperty("imu2clip.impl.test_implementations", "v9");
        try {
            assertSays(assertThrows(IllegalStateException.class, () -> run("test_implementations")),
                    "-Dimu2clip.impl.test_implementations=v9", "there is cu, v2");
            System.setProperty("imu2clip.impl.test_implementations", "v2");
            assertArrayEquals(expected(2), run("test_implementations"));
        } finally {
            System.clearProperty("imu2clip.impl.test_implementations");
        }
    }

    @Test
    void outOfMemory() {
        try (var _ = device.allocate(16 << 20, "weights of the test")) {
            setenv("IMU2CLIP_EMULATED_MIB", "1");
            assertSays(assertThrows(DeviceMemory.NoDeviceMemoryError.class, () -> device.allocate(3 << 20, "activations of the test")),
                    "out of memory on emulated: activations of the test needs 3 MiB", "0 MiB of 1 MiB are free", "weights of the test 16 MiB");
        } finally {
            setenv("IMU2CLIP_EMULATED_MIB", "8192");
        }
    }

    // ---- recorded steps ----

    @Test
    void replaysGiveTheBitsOfTheFirstRun() {
        Tensor x = input(), y = Tensor.zeros(device, DType.F32, N), z = Tensor.zeros(device, DType.F32, N);
        kernel("test_cooperative").run(x, y, N); // takes its scratch memory
        try (Recording recording = device.record(() -> {
            kernel("test_plus").run(x, y, N);
            kernel("test_cooperative").run(y, z, N);
        })) {
            recording.replay();
            assertArrayEquals(expected(2), z.toFloats());
            run("test_large_scratch"); // that of the recorded step stays
            float[] other = new float[N];
            Arrays.fill(other, -3);
            x.set(other);
            recording.replay();
            recording.replay();
            Arrays.fill(other, -1);
            assertArrayEquals(other, z.toFloats());
        }
    }

    @Test
    void copiesAndAllocationsAreNoPartOfARecordedStep() {
        Tensor x = input();
        assertSays(assertThrows(IllegalStateException.class, () -> device.record(() -> x.set(new float[N]))),
                "copying from the host cannot be part of a recorded step");
        assertSays(assertThrows(IllegalStateException.class, () -> device.record(x::toFloats)),
                "copying to the host cannot be part of a recorded step");
        assertSays(assertThrows(IllegalStateException.class, () -> device.record(() -> device.allocate(64, "more"))),
                "taking device memory cannot be part of a recorded step");
        assertSays(assertThrows(IllegalStateException.class, () -> device.record(device::synchronize)),
                "waiting for the device cannot be part of a recorded step");
    }

    @Test
    void aFaultThatShowsLaterNamesTheKernelsQueued() {
        Tensor x = input(), y = Tensor.zeros(device, DType.F32, N), z = Tensor.zeros(device, DType.F32, N);
        try (Recording recording = device.record(() -> {
            kernel("test_plus").run(x, y, N);
            kernel("test_division").run(x, z, N);
        })) {
            recording.replay();
            assertSays(assertThrows(CudaDriver.CudaException.class, device::synchronize),
                    "one of the kernels queued last failed: a recorded step of test_division and test_plus", "-Dimu2clip.debug=true",
                    "CUDA_ERROR_LAUNCH_FAILED", "a division by zero");
            recording.replay();
            assertSays(assertThrows(CudaDriver.CudaException.class, () -> x.set(new float[N])), "a recorded step of test_division and test_plus");
        }
    }

    // ---- sources ----

    @Test
    void aSyntaxErrorHasFileAndLine() {
        Path folder = DeviceKernels.folder("syntax", "wrong.cu", """
                #include "common.cuh"
                // launch test_syntax: plus<<<1, 1>>>
                this is no C++;
                """);
        CudaBackend edited = DeviceKernels.open(folder);
        Tensor x = Tensor.zeros(edited, DType.F32, N);
        assertSays(assertThrows(KernelCompiler.CompileException.class, () -> kernel("test_syntax").run(x, x, N)),
                "does not compile for the emulated device", folder.resolve("wrong.cu") + ":3:1: error:");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            // launch test_f: f<<<1>>>
            // launch test_f f<<<1, 2>>>
            // launch test_f: f<<<1, 2, 3, 4>>>
            // launch test_f: f<<<1, 2>>> at once
            """)
    void aLaunchThatCannotBeReadHasFileAndLine(String comment) {
        Path folder = DeviceKernels.folder("launch", "wrong.cu", "#include \"common.cuh\"\n\n" + comment + "\n");
        assertSays(assertThrows(InputException.class, () -> KernelSources.open(folder)),
                folder.resolve("wrong.cu") + ":3: this is no launch: write '// launch kernel");
    }

    private static void setenv(String name, String value) {
        Linker linker = Linker.nativeLinker();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment function = linker.defaultLookup().find("setenv").orElseThrow();
            int _ = (int) linker.downcallHandle(function,
                    FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_INT))
                    .invokeExact(arena.allocateFrom(name), arena.allocateFrom(value), 1);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
