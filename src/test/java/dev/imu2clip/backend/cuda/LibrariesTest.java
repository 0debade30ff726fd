package dev.imu2clip.backend.cuda;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Path;
import java.util.Map;

/**
 * cuBLAS and cuDNN as implementations of kernels: the whole way through JCublas2, JCudnn and Panama (order of arguments, transposes,
 * leading dimensions, strides, epilogues) on the emulated device, over stand-ins that compute what NVIDIA's documentation says.
 */
@Tag("heavy")
class LibrariesTest {
    @TempDir
    static Path folder;

    @BeforeAll
    static void compile() throws Exception {
        StandIns.compile(folder);
    }

    @Test
    void theyComputeTheKernels() throws Exception {
        ForkedTests.run(Map.of("imu2clip.cuda.path", folder.toString(), "imu2clip.impl.matmul", "cublas",
                "imu2clip.impl.packed_linear", "cublas", "imu2clip.impl.conv1d_forward", "cudnn",
                "imu2clip.impl.conv1d_backward_input", "cudnn", "imu2clip.impl.conv1d_backward_weight", "cudnn"), Map.of(),
                LibraryKernels.class);
    }

    /** Ops with their gradients, on top of the libraries. */
    @Test
    void theyRunTheOps() throws Exception {
        ForkedTests.run(Map.of("imu2clip.cuda.path", folder.toString(), "imu2clip.devices", "emulated", "imu2clip.impl.matmul", "cublas",
                "imu2clip.impl.packed_linear", "cublas", "imu2clip.impl.conv1d_forward", "cudnn",
                "imu2clip.impl.conv1d_backward_input", "cudnn"), Map.of(), Class.forName("dev.imu2clip.ops.MatMulTest"),
                Class.forName("dev.imu2clip.ops.PackedLinearTest"), Class.forName("dev.imu2clip.ops.Conv1dTest"));
    }

    @Test
    void theyAreChosenByName() throws Exception {
        ForkedTests.run(Map.of("imu2clip.cuda.path", folder.toString()), Map.of(), LibraryChoice.class);
    }

    @Test
    void oneThatDoesNotStartIsAReason() throws Exception {
        ForkedTests.run(Map.of("imu2clip.cuda.path", folder.toString()), Map.of("CUBLAS_STAND_IN_FAILS", "1"), LibraryFailure.class);
    }
}
