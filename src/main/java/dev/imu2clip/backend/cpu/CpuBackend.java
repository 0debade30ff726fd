package dev.imu2clip.backend.cpu;

import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.BackendProvider;
import dev.imu2clip.backend.HostBackend;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.backend.MissingKernelException;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Runs the C kernels of {@code native/}, one instruction set of them, on all cores.
 *
 * <p>The symbol of a kernel is {@code <name>_<isa>}; when some floating-point tensor is not float32, the element types
 * stand in between ({@code cast_bf16_f32_avx2}, see {@link Args#types}). Where no such symbol exists the definition runs: by design where all are float64, and
 * else for a kernel that was not written yet, which is logged once; {@code -Dimu2clip.strict=true} makes the latter an error.
 *
 * <p>Settings: {@code imu2clip.threads} (default: all cores), {@code imu2clip.isa} (the highest one to use).
 */
public final class CpuBackend extends HostBackend {
    /** A thread has at least this many bytes to work on: waking another for less would cost more than it saves. */
    private static final long PART_BYTES = 16 << 10;
    /** From here on memory comes in huge pages. */
    private static final long LARGE = 4 << 20;
    /** Best first. What this processor lacks may still be named as the highest to use. */
    private static final List<String> ISAS = List.of("avx512", "avx2", "baseline");
    private static final boolean STRICT = Boolean.getBoolean("imu2clip.strict");
    private static final MemorySegment MISSING = MemorySegment.ofAddress(1);
    private static final System.Logger LOG = System.getLogger(CpuBackend.class.getName());

    private final NativeLibrary library;
    private final String isa;
    private final Set<String> logged = ConcurrentHashMap.newKeySet();
    private volatile MemorySegment[] float32 = new MemorySegment[0];

    private CpuBackend(NativeLibrary library, String isa) {
        this.library = library;
        this.isa = isa;
    }

    @Override
    public String name() {
        return "cpu:" + isa;
    }

    @Override
    public String describe() {
        return "C kernels for " + isa + " on " + library.threads() + " threads, " + library.file().getFileName();
    }

    @Override
    protected MemorySegment allocate(Arena arena, long bytes) {
        return bytes < LARGE ? super.allocate(arena, bytes) : library.allocate(arena, bytes);
    }

    @Override
    public int panelWidth() {
        return library.find("panel_width_" + isa).map(symbol -> (int) symbol.reinterpret(Long.BYTES).get(ValueLayout.JAVA_LONG, 0)).orElse(0);
    }

    @Override
    public void run(Kernel kernel, Args args) {
        MemorySegment function = args.isFloat32() ? float32(kernel) : find(kernel.name() + args.types());
        if (function != MISSING) {
            library.run(function, args.block(), Math.clamp(args.tensorBytes() / PART_BYTES, 1, library.threads()));
            return;
        }
        if (!args.isFloat64()) passOver(kernel, args.types());
        kernel.definition().accept(args);
    }

    /** The definition runs where a C form was to be expected. */
    private void passOver(Kernel kernel, String types) {
        String named = types.isEmpty() ? "f32" : types.substring(1).replace('_', ' ');
        if (STRICT) throw new MissingKernelException("kernel " + kernel + " has no C form for " + isa + " and " + named);
        if (logged.add(kernel + types)) LOG.log(System.Logger.Level.INFO, "kernel {0} for types {1} runs on its definition", kernel, named);
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

    @Override
    public String implementation(Kernel kernel, String types) {
        return find(kernel.name() + types) == MISSING ? "definition" : isa;
    }

    /** Whether a float32 kernel of this name exists in this instruction set. */
    public boolean has(String kernel) {
        return find(kernel) != MISSING;
    }

    public static final class Provider implements BackendProvider {
        private final String setting = System.getProperty("imu2clip.threads", ""), cap = System.getProperty("imu2clip.isa", "");
        private NativeLibrary.Loaded loaded;

        private synchronized NativeLibrary.Loaded loaded() {
            if (loaded == null) loaded = load();
            return loaded;
        }

        private NativeLibrary.Loaded load() {
            if (!cap.isEmpty() && !ISAS.contains(cap))
                return new NativeLibrary.Loaded(null,
                        "imu2clip.isa=" + cap + " is no instruction set known here: " + String.join(", ", ISAS));
            if (!setting.isEmpty() && !setting.matches("[1-9][0-9]{0,8}"))
                return new NativeLibrary.Loaded(null, "imu2clip.threads=" + setting + " is not a whole number from 1");
            return NativeLibrary.load(setting.isEmpty() ? Runtime.getRuntime().availableProcessors() : Integer.parseInt(setting));
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
            return loaded().library().isas().stream().filter(isa -> cap.isEmpty() || ISAS.indexOf(isa) >= ISAS.indexOf(cap))
                    .map(isa -> "cpu:" + isa).toList();
        }

        @Override
        public String status() {
            NativeLibrary library = loaded().library();
            if (library == null) return loaded().reason();
            return "C kernels for " + devices().getFirst().substring(4) + " on " + library.threads() + " threads"
                    + (library.threads() < library.wanted() ? ", of the " + library.wanted() + " asked for no more could be started" : "");
        }

        @Override
        public Backend open(String device) {
            return new CpuBackend(loaded().library(), device.substring(device.indexOf(':') + 1));
        }
    }
}
