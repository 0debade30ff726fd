package dev.imu2clip.backend.cpu;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The compiled C kernels. The library travels inside the jar as {@code native/<os>-<arch>/}; {@code -Dimu2clip.native=FILE} takes another.
 * A library that is missing or does not load is a reason, kept for {@code doctor}, and never an exception at start.
 */
final class NativeLibrary {
    private static final int ABI = 2;

    private final SymbolLookup symbols;
    private final MethodHandle run, allocate, release;
    private final Path file;
    private final List<String> isas;
    private final int wanted, threads;

    private NativeLibrary(Path file, SymbolLookup symbols, int threads) throws Throwable {
        this.file = file;
        this.symbols = symbols;
        int abi = (int) handle("imu2clip_abi", FunctionDescriptor.of(ValueLayout.JAVA_INT)).invokeExact();
        if (abi != ABI) throw new IOException(file + " has interface version " + abi + ", this program needs " + ABI + ": rebuild it");
        MemorySegment names = (MemorySegment) handle("imu2clip_isas", FunctionDescriptor.of(ValueLayout.ADDRESS)).invokeExact();
        this.isas = List.of(names.reinterpret(256).getString(0).strip().split(" "));
        this.run = handle("imu2clip_run", FunctionDescriptor.ofVoid(ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG));
        this.allocate = handle("imu2clip_allocate", FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.JAVA_LONG));
        this.release = handle("imu2clip_release", FunctionDescriptor.ofVoid(ValueLayout.ADDRESS, ValueLayout.JAVA_LONG));
        this.wanted = threads;
        this.threads = (int) handle("imu2clip_start",
                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT)).invokeExact(threads);
    }

    /** The loaded library or the reason why there is none. */
    record Loaded(NativeLibrary library, String reason) {}

    static Loaded load(int threads) {
        try {
            return new Loaded(load(threads, System.getProperty("imu2clip.native", "")), null);
        } catch (Throwable e) {
            if (e instanceof Error error && !(e instanceof LinkageError)) throw error;
            return new Loaded(null, e.getMessage() == null ? e.toString() : e.getMessage());
        }
    }

    private static NativeLibrary load(int threads, String chosen) throws Throwable {
        if (!chosen.isEmpty()) return open(Path.of(chosen), threads);
        String resource = "/native/" + platform() + "/" + System.mapLibraryName("imu2clip");
        URL url = NativeLibrary.class.getResource(resource);
        if (url == null)
            throw new IOException("this build holds no C kernels for " + platform()
                    + ": install a C compiler (for instance the package gcc) and build again");
        if (url.getProtocol().equals("file")) return open(Path.of(url.toURI()), threads);
        // A fresh private folder for each process: no other user can put a library there, and no stale one is taken. It is deleted at
        // once, so
        // that nothing stays behind however the process ends: what is mapped lives on.
        Path folder = Files.createTempDirectory("imu2clip-native"), file = folder.resolve(System.mapLibraryName("imu2clip"));
        try (InputStream in = url.openStream()) {
            Files.copy(in, file);
            return open(file, threads);
        } catch (UnsatisfiedLinkError e) {
            throw new IOException(e.getMessage() + "; where " + folder.getParent()
                    + " may not hold programs (noexec), choose another folder by -Djava.io.tmpdir", e);
        } finally {
            Files.deleteIfExists(file);
            Files.deleteIfExists(folder);
        }
    }

    private static NativeLibrary open(Path file, int threads) throws Throwable {
        SymbolLookup symbols;
        try {
            symbols = SymbolLookup.libraryLookup(file, Arena.global());
        } catch (IllegalArgumentException e) {
            System.load(file.toAbsolutePath().toString()); // fails as well, and says why
            throw e;
        }
        return new NativeLibrary(file, symbols, threads);
    }

    /** {@code linux-x86_64}, {@code linux-aarch64}, {@code darwin-aarch64}: as native/build.sh names its output folder. */
    static String platform() {
        String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        String arch = System.getProperty("os.arch");
        return (os.startsWith("mac") ? "darwin" : os.startsWith("linux") ? "linux" : os.replaceAll("[^a-z]", ""))
                + "-" + (arch.equals("amd64") ? "x86_64" : arch);
    }

    private MethodHandle handle(String symbol, FunctionDescriptor type) throws IOException {
        MemorySegment address = symbols.find(symbol).orElseThrow(() -> new IOException(file + " lacks the symbol " + symbol
                + ": rebuild it"));
        return Linker.nativeLinker().downcallHandle(address, type);
    }

    /** Instruction sets that the library holds and this processor has, best first. */
    List<String> isas() {
        return isas;
    }

    /** How many threads were asked for. */
    int wanted() {
        return wanted;
    }

    /** How many threads there are, the caller included: fewer than asked for where the system starts no more. */
    int threads() {
        return threads;
    }

    Optional<MemorySegment> find(String symbol) {
        return symbols.find(symbol);
    }

    /** Runs {@code kernel(args, part, parts)} for every part, each on its own thread; returns when all are done. */
    void run(MemorySegment kernel, MemorySegment args, long parts) {
        try {
            run.invokeExact(kernel, args, parts);
        } catch (Throwable e) {
            throw new AssertionError("a native call cannot throw", e);
        }
    }

    /** Zeroed memory in huge pages, for much of it; freed when the arena closes. */
    MemorySegment allocate(Arena arena, long bytes) {
        MemorySegment memory = call(() -> (MemorySegment) allocate.invokeExact(bytes));
        if (memory.address() == 0) throw new OutOfMemoryError(bytes + " bytes outside of the Java heap");
        return memory.reinterpret(bytes, arena, freed -> call(() -> {
            release.invokeExact(freed, bytes);
            return null;
        }));
    }

    @FunctionalInterface
    private interface Call<T> {
        T run() throws Throwable;
    }

    private static <T> T call(Call<T> call) {
        try {
            return call.run();
        } catch (Throwable e) {
            throw new AssertionError("a native call cannot throw", e);
        }
    }

    Path file() {
        return file;
    }
}
