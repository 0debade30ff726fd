package dev.imu2clip.backend.cuda;

import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.util.List;
import java.util.Map;

/** CUDA's own cuBLAS and cuDNN under JCuda, where this machine has them; {@code -Dimu2clip.cuda.path=DIR:DIR} says where. */
@Tag("heavy")
class RealLibrariesTest {
    @Test
    void theyLoad() throws Exception {
        try {
            CudaLibraries.find("libcublas.so", List.of(13, 12));
            CudaLibraries.find("libcudnn.so", List.of(9));
        } catch (CudaLibraries.MissingException e) {
            Assumptions.abort(e.getMessage());
        }
        ForkedTests.run(Map.of("imu2clip.cuda.path", System.getProperty("imu2clip.cuda.path", "")), Map.of(), RealLibraries.class);
    }
}
