package dev.imu2clip.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.backend.Backends;
import dev.imu2clip.backend.Kernel;

import java.util.ArrayList;
import java.util.List;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import org.junit.jupiter.api.Test;

/** Run by {@link LibrariesTest}, in a process where cuBLAS is there but does not start. */
class LibraryFailure {
    private final CudaBackend emulated = (CudaBackend) Backends.get("emulated");

    private Programs programs(boolean asOnAGpu) {
        return new Programs(emulated, new HostCompiler(KernelSources.open()), !asOnAGpu);
    }

    @Test
    void theHandWrittenKernelIsTakenAndTheReasonTold() throws Exception {
        List<String> told = new ArrayList<>();
        Logger logger = Logger.getLogger(Programs.class.getName());
        logger.addHandler(new Handler() {
            @Override
            public void publish(LogRecord entry) {
                told.add(new SimpleFormatter().formatMessage(entry));
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        });
        Kernel matmul = LibraryKernels.kernel("MatMul", "matmul");
        try {
            programs(true).program(matmul, "");
        } catch (RuntimeException e) {
            assertTrue(!e.getMessage().contains("cublas"), e.toString()); // a module of the CPU's in the place of the GPU's
        }
        assertEquals(1, told.size());
        assertTrue(told.getFirst().startsWith("kernel matmul runs without cublas: ") && told.getFirst().endsWith(
                "libcublas.so.13 does not start on emulated: CUBLAS_STATUS_NOT_INITIALIZED (the library was not initialized)"),
                told.getFirst());
    }

    @Test
    void whereItWasChosenItIsAnError() throws Exception {
        Kernel matmul = LibraryKernels.kernel("MatMul", "matmul");
        System.setProperty("imu2clip.impl.matmul", "cublas");
        try {
            Programs programs = programs(false);
            for (int again = 0; again < 2; again++) {
                String message = assertThrows(IllegalStateException.class, () -> programs.program(matmul, "")).getMessage();
                assertTrue(message.startsWith("-Dimu2clip.impl.matmul=cublas: "), message);
                assertTrue(message.contains("does not start on emulated"), message);
            }
        } finally {
            System.clearProperty("imu2clip.impl.matmul");
        }
    }
}
