package dev.imu2clip.check;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.backend.ForwardingBackend;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.backend.MissingKernelException;
import dev.imu2clip.io.Progress;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class SelfTestTest {
    private static final Path SOURCES = Path.of("src/main/java");

    /** Every kernel, forward and backward, by the CUDA kernels on the emulated device: what is in no case shows as not run. */
    @Test
    @Tag("heavy")
    void everyCudaKernelIsLikeItsDefinition() throws Exception {
        Assumptions.assumeTrue(Backends.devices().contains("emulated"), "the emulated device cannot run here");
        loadKernels();
        SelfTest.Report report = SelfTest.run(Backends.get("emulated"), name -> !name.startsWith("test_"), Progress.NONE);
        assertEquals(List.of(), report.failures());
        assertEquals(List.of(), report.kernels().stream().filter(row -> !row.status().equals("ok")).toList());
        assertEquals(Set.of("fp32", "tf32", "bf16"), report.kernels().stream().map(SelfTest.Row::precision).collect(Collectors.toSet()));
        assertTrue(report.kernels().stream().filter(row -> row.types().startsWith("bf16")).count() > 60);
    }

    private static void loadKernels() throws IOException, ClassNotFoundException {
        List<Path> files;
        try (Stream<Path> all = Files.walk(SOURCES)) {
            files = all.filter(file -> file.toString().endsWith(".java")).toList();
        }
        for (Path file : files) {
            String name = SOURCES.relativize(file).toString().replace(".java", "").replace('/', '.');
            if (!name.startsWith("dev.imu2clip.backend.") && Files.readString(file).contains("new Kernel(")) load(Class.forName(name));
        }
    }

    private static void load(Class<?> type) throws ClassNotFoundException {
        Class.forName(type.getName(), true, type.getClassLoader());
        for (Class<?> nested : type.getDeclaredClasses()) load(nested);
    }

    @Test
    void aWrongKernelIsNamed() {
        assertEquals("ok", row(_ -> {}).status());
        SelfTest.Row wrong = row(a -> change(a.tensor("y"), 1e-3));
        assertEquals("failed", wrong.status());
        assertEquals(1e-3, wrong.error(), 1e-3);
        assertEquals("failed", row(a -> change(a.tensor("y"), Double.NaN)).status());
        assertEquals("failed", row(a -> {
            throw new IllegalStateException("the device is gone");
        }).status());
    }

    @Test
    void aKernelThatDoesNotRepeatIsNamed() {
        int[] calls = {0};
        SelfTest.Row row = row(a -> change(a.tensor("y"), 1e-7 * calls[0]++));
        assertEquals("failed", row.status());
        assertTrue(row.detail().contains("other bits"), row.detail());
    }

    @Test
    void aMissingKernelIsMissingAndTheRestGoesOn() {
        SelfTest.Report report = report(a -> {
            throw new MissingKernelException("no relu_forward");
        });
        assertFalse(report.ok());
        assertEquals(List.of(), report.failures());
        assertEquals(List.of("ok", "missing"), report.kernels().stream().filter(row -> row.precision().equals("fp32")).map(SelfTest.Row::status)
                .toList());
    }

    private static SelfTest.Row row(Consumer<Args> after) {
        return report(after).kernels().stream().filter(row -> row.kernel().equals("relu_forward") && row.precision().equals("fp32")).findFirst()
                .orElseThrow();
    }

    /** The self-test of two kernels on the definitions, with something done after each call of one. */
    private static SelfTest.Report report(Consumer<Args> after) {
        Backend tampered = new ForwardingBackend(Backends.get("java")) {
            @Override
            public boolean computesIn(DType dtype) {
                return dtype == DType.F32;
            }

            @Override
            public void run(Kernel kernel, Args args) {
                super.run(kernel, args);
                if (kernel.name().equals("relu_forward")) after.accept(args);
            }
        };
        return SelfTest.run(tampered, Set.of("relu_forward", "relu_backward")::contains, Progress.NONE);
    }

    private static void change(Tensor tensor, double by) {
        Reals values = Reals.of(tensor.segment(), tensor.dtype());
        values.set(0, values.get(0) + by * 4);
    }
}
