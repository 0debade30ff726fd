package dev.imu2clip.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.ops.Tensors;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Run by {@link LibrariesTest}, in a process where the libraries are stand-ins and chosen: their kernels beside the definitions. */
class LibraryKernels {
    private final Backend device = Backends.get("emulated"), java = Backends.get("java");
    private final Random random = new Random(1);

    static Kernel kernel(String op, String name) throws ReflectiveOperationException {
        Class.forName("dev.imu2clip.ops." + op);
        return Kernel.all().stream().filter(kernel -> kernel.name().equals(name)).findFirst().orElseThrow();
    }

    /** A tensor on a device, {@code shift} elements behind an aligned address. */
    private static Tensor tensor(Backend backend, DType dtype, int shift, double[] values) {
        Tensor whole = Tensor.zeros(backend, dtype, values.length + shift);
        double[] shifted = new double[values.length + shift];
        System.arraycopy(values, 0, shifted, shift, values.length);
        Tensors.set(whole, shifted);
        return whole.view(shift, values.length);
    }

    private double[] normal(long count, DType dtype) {
        double[] values = new double[Math.toIntExact(count)];
        Arrays.setAll(values, _ -> (float) random.nextGaussian());
        if (dtype == DType.BF16) values = Tensors.get(Tensors.set(Tensor.zeros(java, dtype, values.length), values));
        return values;
    }

    /** The tensors of one call: the same on both devices, float64 on the one that runs definitions. */
    private final class Call {
        private final int shift;
        private final List<Object> here = new ArrayList<>(), there = new ArrayList<>();
        private final List<Integer> outputs = new ArrayList<>();

        private Call(int shift) {
            this.shift = shift;
        }

        Call in(DType dtype, long count) {
            double[] values = normal(count, dtype);
            here.add(tensor(device, dtype, shift, values));
            there.add(tensor(java, DType.F64, 0, values));
            return this;
        }

        Call out(DType dtype, long count) {
            outputs.add(here.size());
            return in(dtype, count);
        }

        /** The tensor of an earlier field, written in place. */
        Call out(int field) {
            outputs.add(here.size());
            here.add(here.get(field));
            there.add(there.get(field));
            return this;
        }

        Call none() {
            return sizes((Object) null);
        }

        Call sizes(Object... sizes) {
            here.addAll(Arrays.asList(sizes));
            there.addAll(Arrays.asList(sizes));
            return this;
        }

        void check(Kernel kernel, String library, int calls, double tolerance) {
            long before = StandIns.calls(), own = StandIns.calls(library);
            kernel.run(here.toArray());
            kernel.run(there.toArray());
            assertEquals(calls, StandIns.calls(library) - own, kernel + " by " + library);
            assertEquals(calls, StandIns.calls() - before, kernel + " by " + library + " alone");
            compare(kernel, tolerance);
        }

        void compare(Kernel kernel, double tolerance) {
            for (int output : outputs) {
                double[] expected = Tensors.get((Tensor) there.get(output)), actual = Tensors.get((Tensor) here.get(output));
                for (int i = 0; i < expected.length; i++)
                    assertEquals(expected[i], actual[i], tolerance * Math.max(1, Math.abs(expected[i])), kernel + " " + here + " " + i);
            }
        }
    }

    private static double tolerance(DType result) {
        return result == DType.BF16 ? 0.005 : 2e-5;
    }

    @AfterEach
    void withoutTf32() {
        device.useTf32(false);
    }

    @Test
    void products() throws Exception {
        Kernel matmul = kernel("MatMul", "matmul");
        DType[][] types = {{DType.F32, DType.F32}, {DType.BF16, DType.BF16}, {DType.BF16, DType.F32}};
        long[][] sizes = {{1, 1, 1, 1}, {1, 5, 1, 3}, {1, 1, 7, 4}, {1, 13, 6, 9}, {1, 33, 17, 40}, {3, 5, 7, 6}, {4, 1, 2, 3}};
        for (DType[] type : types)
            for (long[] s : sizes)
                for (int form = 0; form < 4; form++)
                    for (boolean biased : type[0] == type[1] ? new boolean[] {false, true} : new boolean[] {false})
                        for (boolean repeated : s[0] > 1 ? new boolean[] {false, true} : new boolean[] {false}) {
                            Call call = new Call(form).in(type[0], s[0] * s[1] * s[3]).in(type[0], s[0] * s[3] * s[2]);
                            if (biased) call.in(type[1], s[2]);
                            else call.none();
                            call.out(type[1], s[0] * s[1] * s[2])
                                    .sizes(s[0], s[1], s[2], s[3], form % 2, form / 2, s[1] * s[3], repeated ? 0 : s[3] * s[2])
                                    .check(matmul, biased ? "libcublasLt.so.13" : "libcublas.so.13", 1, tolerance(type[1]));
                        }
    }

    @Test
    void leftFactorOfAWholeBatch() throws Exception {
        new Call(0).in(DType.F32, 6).in(DType.F32, 3 * 15).none().out(DType.F32, 3 * 10).sizes(3, 2, 5, 3, false, false, 0, 15)
                .check(kernel("MatMul", "matmul"), "libcublas.so.13", 1, 2e-5);
    }

    @Test
    void linearLayersOfFrozenModels() throws Exception {
        Kernel linear = kernel("PackedLinear", "packed_linear");
        for (DType type : new DType[] {DType.F32, DType.BF16})
            for (int activation = 0; activation < 3; activation++)
                for (int form = 0; form < 6; form++) {
                    int rows = 9, n = 13, k = 21;
                    Call call = new Call(form).in(type, rows * k).in(type, n * k);
                    if (form % 2 == 0) call.in(type, n);
                    else call.none();
                    if (form / 2 == 0) call.none().out(type, rows * n);
                    if (form / 2 == 1) call.in(type, rows * n).out(type, rows * n);
                    if (form / 2 == 2) call.in(type, rows * n).out(3);
                    call.sizes(rows, n, k, 1, activation).check(linear, form == 1 ? "libcublas.so.13" : "libcublasLt.so.13", 1,
                            type == DType.BF16 ? 0.02 : 2e-5);
                }
    }

    @Test
    void convolutions() throws Exception {
        // n, c, l, o, k, stride, padding, dilation, groups
        long[][] shapes = {{1, 1, 1, 1, 1, 1, 0, 1, 1}, {2, 6, 53, 8, 10, 1, 0, 2, 1}, {3, 4, 23, 6, 3, 2, 1, 1, 2},
            {2, 6, 50, 9, 5, 3, 4, 2, 3}, {3, 8, 31, 8, 3, 1, 1, 1, 8}, {2, 2, 9, 3, 2, 5, 0, 1, 1}, {1, 2, 3, 4, 1, 1, 5, 1, 1},
            {2, 3, 7, 13, 2, 3, 2, 4, 1}};
        for (DType type : new DType[] {DType.F32, DType.BF16})
            for (boolean biased : new boolean[] {false, true})
                for (long[] s : shapes) {
                    long n = s[0], c = s[1], l = s[2], o = s[3], k = s[4], w = o * (c / s[8]) * k;
                    long lout = (l + 2 * s[6] - s[7] * (k - 1) - 1) / s[5] + 1;
                    Object[] sizes = {n, c, l, o, k, lout, s[5], s[6], s[7], s[8]};
                    Call forward = new Call(1).in(type, n * c * l).in(type, w);
                    if (biased) forward.in(type, o);
                    else forward.none();
                    forward.out(type, n * o * lout).sizes(sizes).check(kernel("Conv1d", "conv1d_forward"), "libcudnn.so.9", biased ? 2 : 1,
                            type == DType.BF16 ? 0.02 : 2e-5);
                    if (biased) continue;
                    new Call(0).in(type, n * o * lout).in(type, w).out(type, n * c * l).sizes(sizes)
                            .check(kernel("Conv1d", "conv1d_backward_input"), "libcudnn.so.9", 1, tolerance(type));
                    if (type == DType.BF16) continue;
                    for (boolean ofBias : new boolean[] {false, true}) {
                        Call call = new Call(0).in(type, n * c * l).in(type, n * o * lout).out(type, w);
                        if (ofBias) call.out(type, o);
                        else call.none();
                        call.sizes(sizes).check(kernel("Conv1d", "conv1d_backward_weight"), "libcudnn.so.9", ofBias ? 2 : 1, 2e-5);
                    }
                }
    }

    /** A graph holds the library's work like any other, also where an activation follows it. */
    @Test
    void recordedSteps() throws Exception {
        Call product = new Call(0).in(DType.F32, 4 * 6).in(DType.F32, 5 * 6).in(DType.F32, 5).none().out(DType.F32, 4 * 5)
                .sizes(4, 5, 6, 1, 2);
        Call convolution = new Call(0).in(DType.F32, 2 * 3 * 9).in(DType.F32, 4 * 3 * 2).in(DType.F32, 4).out(DType.F32, 2 * 4 * 8)
                .sizes(2, 3, 9, 4, 2, 8, 1, 0, 1, 1);
        Kernel linear = kernel("PackedLinear", "packed_linear"), forward = kernel("Conv1d", "conv1d_forward");
        Runnable step = () -> {
            linear.run(product.here.toArray());
            forward.run(convolution.here.toArray());
        };
        step.run();
        try (var recording = device.record(step)) {
            ((CudaBackend) device).scratch(1 << 20); // others may need more meanwhile
            for (int replay = 0; replay < 2; replay++) {
                for (Call call : List.of(product, convolution)) {
                    double[] x = normal(((Tensor) call.here.getFirst()).count(), DType.F32);
                    Tensors.set((Tensor) call.here.getFirst(), x);
                    Tensors.set((Tensor) call.there.getFirst(), x);
                }
                recording.replay();
                device.synchronize();
                linear.run(product.there.toArray());
                forward.run(convolution.there.toArray());
                product.compare(linear, 2e-5);
                convolution.compare(forward, 2e-5);
            }
        }
    }

    /** Factors are rounded where the setting allows it, and nowhere else; what is computed in float32 is compared above. */
    @Test
    void tf32() throws Exception {
        Kernel matmul = kernel("MatMul", "matmul"), forward = kernel("Conv1d", "conv1d_forward");
        Tensor x = tensor(device, DType.F32, 0, normal(30, DType.F32)), w = tensor(device, DType.F32, 0, normal(30, DType.F32)),
                bias = tensor(device, DType.F32, 0, normal(5, DType.F32)), y = Tensor.zeros(device, DType.F32, 25);
        List<Runnable> calls = List.of(() -> matmul.run(x, w, null, y, 1, 5, 5, 6, false, false, 30, 30),
                () -> matmul.run(x, w, bias, y, 1, 5, 5, 6, false, false, 30, 30),
                () -> forward.run(x, w, bias, y, 1, 6, 5, 5, 1, 5, 1, 0, 1, 1));
        for (Runnable call : calls) {
            device.useTf32(false);
            call.run();
            float[] exact = y.toFloats();
            device.useTf32(true);
            call.run();
            assertFalse(Arrays.equals(exact, y.toFloats()));
            assertArrayEquals(exact, y.toFloats(), 0.02f);
        }
    }
}
