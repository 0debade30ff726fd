package dev.imu2clip.backend.cuda;

import dev.imu2clip.backend.Backends;
import org.junit.jupiter.api.Assumptions;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Folders of kernels for tests of the emulated device: the project's headers and some .cu files. */
final class DeviceKernels {
    private static final Path KERNELS = Path.of("kernels"), FOLDERS = Path.of("target", "test-kernels");

    private DeviceKernels() {}

    /** A folder with common.cuh, what it includes, and these files: the name of one, its text, and so on. */
    static Path folder(String name, String... files) {
        try {
            Path folder = FOLDERS.resolve(name);
            try (Stream<Path> headers = Files.walk(KERNELS)) {
                for (Path file : headers.filter(file -> !file.toString().endsWith(".cu") && Files.isRegularFile(file)).toList())
                    write(folder.resolve(KERNELS.relativize(file)), Files.readString(file));
            }
            for (int i = 0; i < files.length; i += 2) write(folder.resolve(files[i]), files[i + 1]);
            return folder;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void write(Path file, String text) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }

    /** The emulated device with the kernels of a folder; the test is skipped where there is none. */
    static CudaBackend open(Path folder) {
        Assumptions.assumeTrue(Backends.devices().contains("emulated"), "no emulated device here");
        Backends.get("emulated"); // loads the driver
        try {
            return new CudaBackend("emulated", CudaDevice.of(0), new HostCompiler(KernelSources.open(folder)), true);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
