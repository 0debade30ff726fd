package dev.imu2clip.backend.cuda;

import dev.imu2clip.io.CacheFolder;
import dev.imu2clip.io.Sha256;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.UUID;

/** Makes a module of a .cu file; what it made before lies in the cache folder, by the hash of all that it depends on. */
abstract class KernelCompiler {
    /** A kernel does not compile. The message is the compiler's, with file and line. */
    static final class CompileException extends RuntimeException {
        private static final long serialVersionUID = 1;

        CompileException(String message) {
            super(message);
        }
    }

    private final KernelSources sources;

    KernelCompiler(KernelSources sources) {
        this.sources = sources;
    }

    /** What else than the sources decides the result: compiler, version, options. */
    abstract String key();

    /** How the compiled file's name ends. */
    abstract String suffix();

    /**
     * Compiles into {@code target}.
     *
     * @throws CompileException with the compiler's words
     */
    abstract void compile(Path source, Path include, Path target) throws IOException;

    /**
     * The compiled form of a source.
     *
     * @throws CompileException where it does not compile
     */
    final Path module(Path source) {
        String name = source.getFileName().toString().replaceFirst("\\.\\w+$", "");
        Path folder = CacheFolder.path().resolve("kernels");
        Path target = folder.resolve(name + "-" + Sha256.of(sources.hash(source) + key() + source).substring(0, 32) + suffix());
        if (Files.isRegularFile(target)) return target;
        try {
            Files.createDirectories(folder);
            Path temporary = folder.resolve("." + UUID.randomUUID() + ".tmp");
            try {
                compile(source, sources.folder(), temporary);
                Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            } finally {
                Files.deleteIfExists(temporary);
            }
            return target;
        } catch (IOException e) {
            throw new UncheckedIOException(target + " cannot be written; choose another folder by -Dimu2clip.cache", e);
        }
    }

    final KernelSources sources() {
        return sources;
    }
}
