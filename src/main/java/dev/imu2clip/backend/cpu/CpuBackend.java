package dev.imu2clip.backend.cpu;

import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.BackendProvider;
import dev.imu2clip.backend.HostBackend;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Runs the C kernels of {@code native/}, one instruction set of them, on all cores.
 *
 * <p>The symbol of a kernel is {@code <name>_<isa>}; when some floating-point tensor is not float32, the element types of all of them
 * stand in between ({@code cast_bf16_f32_avx2}). Where no such symbol exists the definition runs: by design for float64,
 * and for a float32 kernel that was not written yet; {@code -Dimu2clip.strict=true} makes the latter an error.
 *
 * <p>Settings: {@code imu2clip.threads} (default: all cores), {@code imu2clip.isa} (the highest one to use).
 */
public final class CpuBackend extends HostBackend {
    /** Below this many bytes a kernel runs on the calling thread: waking others would cost more than it saves. */
    private static final long ALONE_BYTES = 16 << 10;
    /** Of native/runtime.c: its team is a fixed table. */
    private static final int MAX_THREADS = 256;
    private static final boolean STRICT = Boolean.getBoolean("imu2clip.strict");
    private static final MemorySegment MISSING = MemorySegment.ofAddress(1);

    private final NativeLibrary library;
    private final String isa;
    private final int threads;
    private volatile MemorySegment[] float32 = new MemorySegment[0];

    private CpuBackend(NativeLibrary library, String isa, int threads) {
        this.library = library;
        this.isa = isa;
        this.threads = threads;
    }

    @Override
    public String name() {
        return "cpu:" + isa;
    }

    @Override
    public String describe() {
        return "C kernels for " + isa + " on " + threads + " threads, " + library.file().getFileName();
    }

    @Override
    public void run(Kernel kernel, Args args) {
        MemorySegment function = args.isFloat32() ? float32(kernel) : find(kernel.name() + types(kernel, args));
        if (function == MISSING) {
            if (STRICT && args.isFloat32()) throw new IllegalStateException("kernel " + kernel + " has no C form for " + isa);
            kernel.definition().accept(args);
        } else {
            library.run(function, args.block(), args.tensorBytes() < ALONE_BYTES ? 1 : threads);
        }
    }

    private MemorySegment float32(Kernel kernel) {
        MemorySegment[] table = float32;
        if (kernel.id() >= table.length || table[kernel.id()] == null) {
            table = Arrays.copyOf(table, Math.max(table.length, Kernel.all().size()));
            table[kernel.id()] = find(kernel.name());
            float32 = table;
        }
        return table[kernel.id()];
    }

    private MemorySegment find(String symbol) {
        return library.find(symbol + "_" + isa).orElse(MISSING);
    }

    private static String types(Kernel kernel, Args args) {
        StringBuilder types = new StringBuilder();
        for (int i = 0; i < kernel.fields().size(); i++)
            if (args.value(i) instanceof Tensor tensor && tensor.dtype().isFloat()) types.append('_').append(tensor.dtype().name().toLowerCase());
        return types.toString();
    }

    /** Whether a float32 kernel of this name exists in this instruction set. */
    public boolean has(String kernel) {
        return find(kernel) != MISSING;
    }

    public static final class Provider implements BackendProvider {
        private final String setting = System.getProperty("imu2clip.threads", "");
        private final int threads = threads(setting);
        private NativeLibrary.Loaded loaded;

        private synchronized NativeLibrary.Loaded loaded() {
            if (loaded == null)
                loaded = threads > 0 ? NativeLibrary.load(threads)
                        : new NativeLibrary.Loaded(null, "imu2clip.threads=" + setting + " is not a whole number from 1 to " + MAX_THREADS);
            return loaded;
        }

        /** 0 where the setting is none. */
        private static int threads(String setting) {
            if (setting.isEmpty()) return Math.min(MAX_THREADS, Runtime.getRuntime().availableProcessors());
            return setting.matches("[0-9]{1,3}") && Integer.parseInt(setting) <= MAX_THREADS ? Integer.parseInt(setting) : 0;
        }

        @Override
        public String name() {
            return "cpu";
        }

        @Override
        public int rank() {
            return 10;
        }

        @Override
        public List<String> devices() {
            if (loaded().library() == null) return List.of();
            List<String> isas = loaded().library().isas();
            String cap = System.getProperty("imu2clip.isa", "");
            int first = cap.isEmpty() ? 0 : IntStream.range(0, isas.size()).filter(i -> isas.get(i).equals(cap)).findFirst().orElse(-1);
            return first < 0 ? List.of() : isas.subList(first, isas.size()).stream().map(isa -> "cpu:" + isa).toList();
        }

        @Override
        public String status() {
            NativeLibrary library = loaded().library();
            if (library == null) return loaded().reason();
            if (devices().isEmpty())
                return "imu2clip.isa=" + System.getProperty("imu2clip.isa") + " is not among this processor's " + String.join(", ", library.isas());
            return "C kernels for " + devices().getFirst().substring(4) + " on " + threads + " threads";
        }

        @Override
        public Backend open(String device) {
            return new CpuBackend(loaded().library(), device.substring(device.indexOf(':') + 1), threads);
        }
    }
}
