package dev.imu2clip.backend;

import dev.imu2clip.TestDevices;
import dev.imu2clip.backend.cpu.CpuBackend;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

import java.util.List;
import java.util.Locale;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class BackendsTest {
    /** A kernel without a C form: its name says that the tests of C forms are to leave it out. */
    private static final Kernel SCALED = new Kernel("test_scaled", "in x, in? bias, out y, real factor, size n", a -> {
        Reals x = a.reals("x"), y = a.reals("y");
        double bias = a.tensor("bias") == null ? 0 : a.reals("bias").get(0);
        for (long i = 0; i < a.size("n"); i++) y.set(i, a.real("factor") * x.get(i) + bias);
    });

    private final Backend java = Backends.get("java");

    private Tensor tensor(Backend backend, DType dtype, float... values) {
        return Tensor.zeros(backend, dtype, values.length).set(values);
    }

    private static Backend cpu() {
        Assumptions.assumeTrue(Backends.devices().stream().anyMatch(device -> device.startsWith("cpu")), "this build holds no C kernels");
        return Backends.get("cpu");
    }

    private static String refused(Object... values) {
        return assertThrows(IllegalArgumentException.class, () -> SCALED.run(values)).getMessage();
    }

    @AfterEach
    void propertyIsNotLeft() {
        System.clearProperty("imu2clip.backend");
    }

    @Test
    void wrongArgumentsNameKernelAndField() {
        Tensor x = tensor(java, DType.F32, 1, 2), y = tensor(java, DType.F32, 0, 0);
        assertEquals("kernel test_scaled takes 5 arguments, got 4", refused(x, null, y, 2.0));
        assertEquals("kernel test_scaled takes 5 arguments, got 6", refused(x, null, y, 2.0, 2, 2));
        assertEquals("kernel test_scaled: 'n' must be a whole number, is 2.5", refused(x, null, y, 2.0, 2.5));
        assertEquals("kernel test_scaled: 'n' must be a whole number, is null", refused(x, null, y, 2.0, null));
        assertEquals("kernel test_scaled: 'factor' must be a number, is null", refused(x, null, y, null, 2));
        assertEquals("kernel test_scaled: 'x' must be a tensor, is 1", refused(1, null, y, 2.0, 2));
        assertEquals("kernel test_scaled: 'y' must not be null", refused(x, null, null, 2.0, 2));
        SCALED.run(x, null, y, 2, 2L);
        assertArrayEquals(new float[] {2, 4}, y.toFloats());
        SCALED.run(x, tensor(java, DType.F32, 10), y, 2.0, 2);
        assertArrayEquals(new float[] {12, 14}, y.toFloats());
    }

    @Test
    void wrongDeclarationsAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> new Kernel("test_bad", "in x y", a -> {}));
        assertThrows(IllegalArgumentException.class, () -> new Kernel("test_bad", "tensor x", a -> {}));
        var noTensor = new Kernel("test_no_tensor", "size n", a -> {});
        assertTrue(assertThrows(IllegalArgumentException.class, () -> noTensor.run(3)).getMessage().contains("no tensor"));
        var wrongField = new Kernel("test_wrong_field", "in x", a -> a.size("m"));
        assertTrue(assertThrows(IllegalArgumentException.class, () -> wrongField.run(tensor(java, DType.F32, 1))).getMessage()
                .contains("no field 'm'"));
    }

    @Test
    void aKernelGetsNoOtherKindOfNumbers() {
        var gather = new Kernel("test_gather", "in x, in ints index, in? i32 length, out y",
                a -> a.reals("y").set(0, a.reals("x").get(a.reals("index").integer(0))));
        Tensor x = tensor(java, DType.F32, 4, 5), y = tensor(java, DType.F32, 0), i32 = tensor(java, DType.I32, 1),
                i64 = tensor(java, DType.I64, 1);
        gather.run(x, i32, i32, y);
        gather.run(x, i64, null, y);
        assertEquals(5, y.item());
        assertEquals("kernel test_gather: 'x' takes floating-point numbers, is I32 (1,)", message(() -> gather.run(i32, i32, null, y)));
        assertEquals("kernel test_gather: 'index' takes I32 or I64, is F32 (2,)", message(() -> gather.run(x, x, null, y)));
        assertEquals("kernel test_gather: 'index' takes I32 or I64, is BOOL (1,)",
                message(() -> gather.run(x, tensor(java, DType.BOOL, 1), null, y)));
        assertEquals("kernel test_gather: 'length' takes I32, is I64 (1,)", message(() -> gather.run(x, i32, i64, y)));
        assertEquals("kernel test_gather: 'y' takes floating-point numbers, is I64 (1,)", message(() -> gather.run(x, i32, null, i64)));
        for (String wrong : List.of("in size x", "size ints x", "size? n", "in any x", "ints x"))
            assertThrows(IllegalArgumentException.class, () -> new Kernel("test_bad", wrong, _ -> {}), wrong);
    }

    private static String message(Runnable refused) {
        return assertThrows(IllegalArgumentException.class, refused::run).getMessage();
    }

    /** Where i and I are different letters. */
    @Test
    void kernelsAreDeclaredAlikeInEveryLanguage() {
        Locale before = Locale.getDefault();
        try {
            Locale.setDefault(Locale.forLanguageTag("tr"));
            assertEquals(Kernel.Kind.INOUT, new Kernel("test_turkish", "inout x, in ints i, size n", _ -> {}).fields().getFirst().kind());
        } finally {
            Locale.setDefault(before);
        }
    }

    @Test
    void theInstructionSetIsACap() {
        cpu();
        List<String> all = Backends.devices().stream().filter(device -> device.startsWith("cpu:")).map(device -> device.substring(4)).toList();
        List<String> known = List.of("avx512", "avx2", "baseline");
        try {
            for (int cap = 0; cap < known.size(); cap++) {
                System.setProperty("imu2clip.isa", known.get(cap));
                List<String> allowed = known.subList(cap, known.size());
                assertEquals(all.stream().filter(allowed::contains).map(isa -> "cpu:" + isa).toList(), new CpuBackend.Provider().devices());
            }
            System.setProperty("imu2clip.isa", "mmx");
            assertEquals(List.of(), new CpuBackend.Provider().devices());
            assertEquals("imu2clip.isa=mmx is no instruction set known here: avx512, avx2, baseline", new CpuBackend.Provider().status());
        } finally {
            System.clearProperty("imu2clip.isa");
        }
    }

    @Test
    void tensorsOfTwoDevicesAreRefused() {
        Tensor x = tensor(java, DType.F32, 1), y = tensor(cpu(), DType.F32, 0);
        String message = refused(x, null, y, 2.0, 1);
        assertTrue(message.startsWith("kernel test_scaled: 'y' is on cpu:") && message.contains("the tensors before it on java"), message);
    }

    @Test
    void doublesRunByTheDefinitionOnEveryDevice() {
        for (String device : TestDevices.all()) {
            Tensor x = tensor(Backends.get(device), DType.F64, 1, 2, 3), y = tensor(Backends.get(device), DType.F64, 0, 0, 0);
            SCALED.run(x, null, y, 1e-9, 3);
            assertEquals(3e-9f, y.toFloats()[2], device);
        }
    }

    @Test
    void strictModeMissesTheCForm() {
        assertTrue(Boolean.getBoolean("imu2clip.strict"), "the tests run in strict mode");
        Backend cpu = cpu();
        Tensor x = tensor(cpu, DType.F32, 1), y = tensor(cpu, DType.F32, 0);
        String message = assertThrows(IllegalStateException.class, () -> SCALED.run(x, null, y, 2.0, 1)).getMessage();
        assertEquals("kernel test_scaled has no C form for " + cpu.name().substring(4) + " and f32", message);
        Tensor half = tensor(cpu, DType.BF16, 1), mixed = tensor(cpu, DType.F64, 0);
        for (Tensor other : List.of(tensor(cpu, DType.BF16, 0), mixed))
            assertThrows(IllegalStateException.class, () -> SCALED.run(half, null, other, 2.0, 1),
                    "only float64 runs on definitions by design");
    }

    @Test
    void unknownDevicesAreRefusedWithWhatThereIs() {
        for (String device : List.of("gpu", "", ":", "tpu:0", ":0", "CPU")) {
            String message = assertThrows(Backends.UnavailableException.class, () -> Backends.get(device)).getMessage();
            assertEquals("no device '" + device + "'; there is " + String.join(", ", Backends.devices()), message);
        }
        for (String device : List.of("java:1", "java:"))
            assertEquals("device '" + device + "' does not exist here; there is java",
                    assertThrows(Backends.UnavailableException.class, () -> Backends.get(device)).getMessage());
        assertTrue(assertThrows(Backends.UnavailableException.class, () -> Backends.get("cpu:mmx")).getMessage().contains("cpu:mmx"));
    }

    @Test
    void aDeviceIsOpenedOnce() {
        for (String device : Backends.devices()) {
            assertSame(Backends.get(device), Backends.get(device));
            assertEquals(device, Backends.get(device).name());
            assertFalse(Backends.get(device).describe().isEmpty());
        }
        assertSame(Backends.get(Backends.devices().getFirst()), Backends.get("auto"));
        assertSame(Backends.get("auto"), Backends.preferred());
        assertEquals(List.of(), Backends.passedOver(Backends.get("auto")), "nothing better is missing, or BadConfigurationTest tells");
    }

    @Test
    void theSettingForcesABackend() {
        System.setProperty("imu2clip.backend", "java");
        assertSame(java, Backends.get("auto"));
        assertSame(java, Backends.preferred());
        System.setProperty("imu2clip.backend", "tpu");
        assertTrue(assertThrows(Backends.UnavailableException.class, () -> Backends.get("auto")).getMessage()
                .startsWith("-Dimu2clip.backend=tpu: no device 'tpu'"));
        assertSame(java, Backends.get("java"), "a device named by the user stands");
    }
}
