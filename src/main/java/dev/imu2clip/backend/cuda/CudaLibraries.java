package dev.imu2clip.backend.cuda;

import jcuda.JCudaVersion;
import jcuda.LibUtils;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/**
 * Where CUDA's libraries are, and JCuda's on top of them. No LD_LIBRARY_PATH is needed: a library that was loaded by its path satisfies
 * those that ask for it by name. Folders are searched in this order: {@code -Dimu2clip.cuda.path=DIR:DIR}, the variables CUDA_PATH
 * and CUDA_HOME, {@code /usr/local/cuda*}, the system's own folders, and the CUDA packages of Python environments (VIRTUAL_ENV,
 * CONDA_PREFIX, the Python on the PATH).
 */
final class CudaLibraries {
    /** CUDA's major versions that are known to work, best first. */
    private static final List<Integer> MAJORS = List.of(13, 12);
    private static final int CUDNN = 9;

    private CudaLibraries() {}

    /** A library is missing or does not load. */
    static final class MissingException extends RuntimeException {
        private static final long serialVersionUID = 1;

        MissingException(String message) {
            super(message);
        }
    }

    /**
     * Loads CUDA's run-time compiler and JCuda's class for it.
     *
     * @return CUDA's major version
     */
    static int loadNvrtc() {
        Path library = find("libnvrtc.so", MAJORS);
        int major = major(library);
        // Without its builtins in reach it answers error 7 to every compilation.
        Path builtins = first(library.getParent(), "libnvrtc-builtins.so." + major + ".*");
        if (builtins != null) load(builtins);
        load(library);
        boot("JNvrtc", "jcuda.nvrtc.JNvrtc", "libnvrtc.so.12", "libnvrtc.so." + major);
        return major;
    }

    /** Loads cuBLAS and JCublas2; returns cuBLAS's file. */
    static Path loadCublas() {
        Path library = find("libcublas.so", MAJORS);
        int major = major(library);
        Path lt = library.resolveSibling("libcublasLt.so." + major);
        if (Files.exists(lt)) load(lt);
        load(library);
        boot("JCublas2", "jcuda.jcublas.JCublas2", "libcublas.so.12", "libcublas.so." + major);
        return library;
    }

    /** Loads cuDNN and JCudnn; returns cuDNN's file. */
    static Path loadCudnn() {
        Path library = find("libcudnn.so", List.of(CUDNN));
        // cuDNN loads its parts by name when they are first needed.
        for (String part : List.of("graph", "ops", "cnn", "adv", "engines_precompiled", "engines_runtime_compiled", "engines_tensor_ir",
                "heuristic", "ext")) {
            Path file = library.resolveSibling("libcudnn_" + part + ".so." + CUDNN);
            if (Files.exists(file)) load(file);
        }
        load(library);
        boot("JCudnn", "jcuda.jcudnn.JCudnn", null, null);
        return library;
    }

    /** Loads JCuda's class for the driver, which must be loaded already. */
    static void loadDriver() {
        boot("JCudaDriver", "jcuda.driver.JCudaDriver", null, null);
    }

    static void load(Path library) {
        try {
            System.load(library.toAbsolutePath().toString());
        } catch (UnsatisfiedLinkError e) {
            throw new MissingException(library + " does not load: " + e.getMessage());
        }
    }

    /** The first library of this name, by order of versions first and of folders second, but in chosen folders before all others. */
    static Path find(String name, List<Integer> majors) {
        List<Path> folders = folders();
        for (List<Path> some : List.of(chosen(), folders))
            for (int major : majors)
                for (Path folder : some) {
                    Path file = folder.resolve(name + "." + major);
                    if (Files.exists(file)) return file;
                }
        throw new MissingException("no " + majors.stream().map(major -> name + "." + major).toList() + " was found. Looked in "
                + folders.stream().map(Path::toString).toList() + "; name its folder by -Dimu2clip.cuda.path=DIR");
    }

    private static int major(Path library) {
        String name = library.getFileName().toString();
        return Integer.parseInt(name.substring(name.lastIndexOf('.') + 1));
    }

    private static Path first(Path folder, String pattern) {
        try (Stream<Path> files = Files.list(folder)) {
            var matcher = folder.getFileSystem().getPathMatcher("glob:" + pattern);
            return files.filter(file -> matcher.matches(file.getFileName())).sorted().findFirst().orElse(null);
        } catch (IOException e) {
            return null;
        }
    }

    private static List<Path> chosen() {
        String folders = System.getProperty("imu2clip.cuda.path", "");
        return Arrays.stream(folders.split(":")).filter(name -> !name.isBlank()).map(Path::of).toList();
    }

    /** Folders that exist and may hold CUDA's libraries. */
    static List<Path> folders() {
        List<Path> folders = new ArrayList<>(chosen());
        for (String variable : List.of("CUDA_PATH", "CUDA_HOME")) toolkit(folders, System.getenv(variable));
        toolkit(folders, "/usr/local/cuda");
        for (Path toolkit : list(Path.of("/usr/local"), "cuda-*")) toolkit(folders, toolkit.toString());
        for (String folder : List.of("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib")) folders.add(Path.of(folder));
        for (String variable : List.of("VIRTUAL_ENV", "CONDA_PREFIX")) environment(folders, System.getenv(variable));
        String path = System.getenv("PATH");
        for (String folder : path == null ? new String[0] : path.split(":"))
            if (Files.exists(Path.of(folder, "python3"))) {
                try {
                    environment(folders, Path.of(folder, "python3").toRealPath().getParent().getParent().toString());
                } catch (IOException | NullPointerException e) {
                    // no environment then
                }
                environment(folders, Path.of(folder).toAbsolutePath().normalize().getParent().toString());
            }
        for (String prefix : List.of("/usr/local", "/usr", "/opt/conda")) environment(folders, prefix);
        return folders.stream().distinct().filter(Files::isDirectory).toList();
    }

    private static void toolkit(List<Path> folders, String root) {
        if (root == null || root.isBlank()) return;
        folders.add(Path.of(root, "lib64"));
        folders.add(Path.of(root, "lib"));
        folders.add(Path.of(root, "targets", "x86_64-linux", "lib"));
    }

    /** The packages {@code nvidia-*} of a Python environment: {@code nvidia/cu13/lib}, and each library apart in older ones. */
    private static void environment(List<Path> folders, String prefix) {
        if (prefix == null || prefix.isBlank()) return;
        folders.add(Path.of(prefix, "lib"));
        for (Path python : list(Path.of(prefix, "lib"), "python3*"))
            for (String packages : List.of("site-packages", "dist-packages"))
                for (Path part : list(python.resolve(packages).resolve("nvidia"), "*")) folders.add(part.resolve("lib"));
        for (Path part : list(Path.of(prefix, "lib", "python3", "dist-packages", "nvidia"), "*")) folders.add(part.resolve("lib"));
    }

    private static List<Path> list(Path folder, String pattern) {
        if (!Files.isDirectory(folder)) return List.of();
        try (var files = Files.newDirectoryStream(folder, pattern)) {
            List<Path> found = new ArrayList<>();
            files.forEach(found::add);
            found.sort(null);
            return found.reversed();
        } catch (IOException e) {
            return List.of();
        }
    }

    /** A line for each library: where it is and its version, or why it is not there. Nothing is loaded for that. */
    static List<String> describe() {
        return List.of(describe("NVRTC", "libnvrtc.so", MAJORS, "compiles the kernels; needed"),
                describe("cuBLAS", "libcublas.so", MAJORS, "products run on the hand-written kernels"),
                describe("cuDNN", "libcudnn.so", List.of(CUDNN), "convolutions run on the hand-written kernels"));
    }

    private static String describe(String title, String name, List<Integer> majors, String without) {
        try {
            Path file = find(name, majors), real = file.toRealPath();
            return "[ok] " + title + ": " + real;
        } catch (MissingException e) {
            return "[no] " + title + " (" + without + "): " + e.getMessage();
        } catch (IOException e) {
            return "[no] " + title + " (" + without + "): " + e;
        }
    }

    /**
     * Initialises a class of JCuda with its library in a private folder, renamed where CUDA is another version. JCuda extracts its
     * libraries to the temporary folder and takes what already has their name there, so for this moment that folder is one of our own.
     */
    private static synchronized void boot(String library, String type, String needs, String has) {
        String file = "lib" + LibUtils.createPlatformLibraryName(library + "-" + JCudaVersion.get()) + ".so";
        String before = System.getProperty("java.io.tmpdir");
        try {
            Path folder = Files.createTempDirectory("imu2clip-jcuda");
            try (InputStream in = LibUtils.class.getResourceAsStream("/lib/" + file)) {
                if (in == null) throw new MissingException("this build holds no " + file + ": JCuda is for Linux on x86-64 only");
                byte[] bytes = in.readAllBytes();
                if (needs != null && !needs.equals(has)) SonamePatch.rename(bytes, needs, has);
                Files.write(folder.resolve(file), bytes);
                System.setProperty("java.io.tmpdir", folder.toString());
                Class.forName(type);
            } finally {
                System.setProperty("java.io.tmpdir", before);
                Files.deleteIfExists(folder.resolve(file));
                Files.deleteIfExists(folder);
            }
        } catch (IOException | ClassNotFoundException e) {
            throw new MissingException(file + " cannot be prepared: " + e);
        } catch (LinkageError e) {
            throw new MissingException(file + " does not load: " + Arrays.stream(e.toString().split("\n")).findFirst().orElse(""));
        }
    }
}
