package dev.imu2clip.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.backend.HostBackend;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

import java.util.HashSet;
import java.util.Set;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Run by {@link LibrariesTest}, in a process where the libraries are stand-ins: what runs a kernel. */
class LibraryChoice {
    private static final String SETTING = "imu2clip.impl.";
    private final CudaBackend emulated = (CudaBackend) Backends.get("emulated");
    private final Set<String> chosen = new HashSet<>();

    /** Hands the arguments of a kernel call to others than a backend; its tensors are the host's, as those of the emulated device are. */
    static final class Caller extends HostBackend {
        private Predicate<Args> callee;
        private boolean result;

        @Override
        public void run(Kernel kernel, Args args) {
            result = callee.test(args);
        }

        @Override
        public String name() {
            return "caller";
        }

        @Override
        public String describe() {
            return name();
        }

        boolean call(Predicate<Args> callee, Kernel kernel, Object... values) {
            this.callee = callee;
            kernel.run(values);
            return result;
        }
    }

    private final Caller caller = new Caller();
    private final Tensor x = Tensor.zeros(caller, DType.F32, 12);

    private Programs programs(boolean asOnAGpu) {
        return new Programs(emulated, new HostCompiler(KernelSources.open()), !asOnAGpu);
    }

    private void choose(String kernel, String name) {
        System.setProperty(SETTING + kernel, name);
        chosen.add(kernel);
    }

    @AfterEach
    void clear() {
        chosen.forEach(kernel -> System.clearProperty(SETTING + kernel));
    }

    private String refused(String op, String kernel, String name, String types) throws Exception {
        Kernel of = LibraryKernels.kernel(op, kernel);
        choose(kernel, name);
        return assertThrows(IllegalStateException.class, () -> programs(false).program(of, types)).getMessage();
    }

    private void multipliesByCublas(Programs programs) throws Exception {
        Kernel matmul = LibraryKernels.kernel("MatMul", "matmul");
        long before = StandIns.calls("libcublas.so.13");
        Program program = programs.program(matmul, "");
        assertTrue(caller.call(args -> {
            program.run(args);
            return true;
        }, matmul, x, x, null, x, 1, 2, 3, 2, false, false, 0, 0));
        assertEquals(before + 1, StandIns.calls("libcublas.so.13"));
    }

    @Test
    void aGpuTakesCublasWhereNothingIsChosen() throws Exception {
        multipliesByCublas(programs(true));
        choose("matmul", "cublas");
        multipliesByCublas(programs(false));
    }

    @Test
    void whatIsNotThereIsRefusedWithWhatIs() throws Exception {
        assertEquals("-Dimu2clip.impl.relu_forward=cudnn: there is cu", refused("Activation", "relu_forward", "cudnn", ""));
        assertTrue(refused("MatMul", "matmul", "fast", "").startsWith("-Dimu2clip.impl.matmul=fast: there is "));
        assertTrue(refused("MatMul", "matmul", "cudnn", "").contains("cublas"));
        assertEquals("-Dimu2clip.impl.matmul=cublas: cublas has no form for bf16_f32_f32",
                refused("MatMul", "matmul", "cublas", "_bf16_f32_f32"));
        assertEquals("-Dimu2clip.impl.conv1d_backward_weight=cudnn: cudnn has no form for bf16",
                refused("Conv1d", "conv1d_backward_weight", "cudnn", "_bf16"));
        assertEquals("-Dimu2clip.impl.gru_forward=cudnn: cuDNN's GRU multiplies the inputs itself, and this kernel gets them multiplied "
                + "(docs/libraries.md); there is cu", refused("Gru", "gru_forward", "cudnn", ""));
        assertTrue(refused("Gru", "gru_backward", "cudnn", "").contains("keeps its gates to itself"));
    }

    private boolean runs(Library library, String op, String name, Object... values) throws Exception {
        Kernel kernel = LibraryKernels.kernel(op, name);
        return caller.call(library.form(kernel, "")::run, kernel, values);
    }

    /** Nothing to multiply, more than can be counted, panels of another device, shapes that the library does not support. */
    @Test
    void whatALibraryCannotDoItLeaves() throws Exception {
        Library cublas = new Cublas(emulated), cudnn = new Cudnn(emulated);
        for (long[] s : new long[][] {{1, 2, 3, 0}, {0, 2, 3, 4}, {1, 1L << 32, 3, 1}})
            assertFalse(runs(cublas, "MatMul", "matmul", x, x, null, x, s[0], s[1], s[2], s[3], false, false, 0, 0));
        assertFalse(runs(cublas, "PackedLinear", "packed_linear", x, x, null, null, x, 2, 3, 2, 4, 0));
        assertTrue(runs(cublas, "PackedLinear", "packed_linear", x, x, null, null, x, 2, 3, 2, 1, 0));
        assertFalse(runs(cudnn, "Conv1d", "conv1d_forward", x, x, null, x, 0, 1, 2, 1, 1, 2, 1, 0, 1, 1));
        assertFalse(runs(cudnn, "Conv1d", "conv1d_forward", x, x, null, x, 1, 1, 2, 1, 1, 202, 1, 100, 1, 1));
        assertTrue(runs(cudnn, "Conv1d", "conv1d_forward", x, x, null, x, 1, 1, 2, 1, 1, 2, 1, 0, 1, 1));
    }
}
