package dev.imu2clip.backend;

import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

import java.util.List;

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
    void tensorsOfTwoDevicesAreRefused() {
        Tensor x = tensor(java, DType.F32, 1), y = tensor(cpu(), DType.F32, 0);
        String message = refused(x, null, y, 2.0, 1);
        assertTrue(message.startsWith("kernel test_scaled: 'y' is on cpu:") && message.contains("the tensors before it on java"), message);
    }

    @Test
    void doublesRunByTheDefinitionOnEveryDevice() {
        for (String device : Backends.devices()) {
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
        assertEquals("kernel test_scaled has no C form for " + cpu.name().substring(4), message);
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
