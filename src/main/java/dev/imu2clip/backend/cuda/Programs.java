package dev.imu2clip.backend.cuda;

import static dev.imu2clip.backend.cuda.CudaDriver.check;
import static jcuda.driver.JCudaDriver.*;

import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.io.InputException;
import dev.imu2clip.backend.MissingKernelException;
import dev.imu2clip.backend.cuda.CudaDriver.Host;
import dev.imu2clip.tensor.Tensor;

import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUmodule;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;
import java.util.TreeSet;

/** Turns kernel names into work for the device: chooses the implementation, compiles what it needs, reads how it is launched. */
final class Programs {
    private static final System.Logger LOG = System.getLogger(Programs.class.getName());
    private static final String SETTING = "imu2clip.impl.";
    /** Names in launch comments that stand for the types of a call and for the device. */
    static final List<String> CONSTANTS = List.of("T_BYTES", "SMS", "SHARED", "MAJOR");
    /** Shared memory that a kernel gets without asking, with what it declares itself. */
    private static final long PLAIN_SHARED = 48 << 10;

    private final CudaBackend backend;
    private final KernelCompiler compiler;
    private final KernelSources sources;
    private final boolean emulated;
    private final Libraries libraries;
    private final Map<Path, CUmodule> modules = new HashMap<>();
    /** Kernel and types, and the implementation that runs them. */
    private final Map<String, String> names = new HashMap<>();

    Programs(CudaBackend backend, KernelCompiler compiler, boolean emulated) {
        this.backend = backend;
        this.compiler = compiler;
        this.sources = compiler.sources();
        this.emulated = emulated;
        this.libraries = new Libraries(backend);
    }

    /** The name of what runs a kernel, once it has its program. */
    synchronized String implementation(Kernel kernel, String types) {
        return names.getOrDefault(kernel.name() + types, "");
    }

    /**
     * The program of a kernel for element types as {@link Args#types} names them.
     *
     * @throws MissingKernelException where there is none
     */
    synchronized Program program(Kernel kernel, String types) {
        String chosen = System.getProperty(SETTING + kernel.name(), "");
        if (!chosen.isEmpty()) return named(kernel, types, chosen, chosen(kernel, types, chosen));
        String preferred = emulated ? null : Libraries.preferred(kernel.name());
        if (preferred != null)
            try {
                Program program = ofLibrary(kernel, types, preferred);
                if (program != null) return named(kernel, types, preferred, program);
            } catch (CudaLibraries.MissingException e) {
                LOG.log(System.Logger.Level.INFO, "kernel {0} runs without {1}: {2}", kernel, preferred, e.getMessage());
            }
        String plain = plain(kernel, types);
        return named(kernel, types, plain, written(kernel, types, plain));
    }

    private Program named(Kernel kernel, String types, String implementation, Program program) {
        names.put(kernel.name() + types, implementation);
        return program;
    }

    /** The hand-written kernel to take: that of tensor cores for float32 where it may be. */
    private String plain(Kernel kernel, String types) {
        boolean tf32 = types.isEmpty() && backend.tf32() && sources.implementations(kernel.name()).containsKey(KernelSources.TF32);
        return tf32 ? KernelSources.TF32 : KernelSources.PLAIN;
    }

    private Program chosen(Kernel kernel, String types, String name) {
        String setting = "-D" + SETTING + kernel + "=" + name;
        Set<String> names = new TreeSet<>(sources.implementations(kernel.name()).keySet());
        names.addAll(Libraries.of(kernel.name()));
        if (!names.contains(name))
            throw new IllegalStateException(setting + ": " + Libraries.whyNot(kernel.name(), name) + "there is "
                    + String.join(", ", names));
        if (!Libraries.of(kernel.name()).contains(name)) return written(kernel, types, name);
        try {
            Program program = ofLibrary(kernel, types, name);
            if (program != null) return program;
        } catch (CudaLibraries.MissingException e) {
            throw new IllegalStateException(setting + ": " + e.getMessage(), e);
        }
        throw new IllegalStateException(setting + ": " + name + " has no form for " + (types.isEmpty() ? "f32" : types.substring(1)));
    }

    /** The launches of an implementation in the sources. */
    private Program written(Kernel kernel, String types, String implementation) {
        List<KernelSources.Launch> launches = sources.implementations(kernel.name()).get(implementation);
        if (launches == null) throw new MissingKernelException("kernel " + kernel + " has no CUDA form in " + sources.folder());
        Step[] steps = launches.stream().map(launch -> step(kernel, types, launch)).toArray(Step[]::new);
        return args -> {
            for (Step step : steps) step.run(args.block(), backend);
        };
    }

    /** A library's work, and then the launches that the sources have under its name; null where the library has no form for these types. */
    private Program ofLibrary(Kernel kernel, String types, String library) {
        Library.Form form = libraries.form(library, kernel, types);
        if (form == null) return null;
        Program rest = sources.implementations(kernel.name()).containsKey(library) ? written(kernel, types, library) : _ -> {};
        return new Program() {
            private Program plain;

            @Override
            public void run(Args args) {
                if (form.run(args)) {
                    rest.run(args);
                    return;
                }
                if (plain == null) {
                    LOG.log(System.Logger.Level.DEBUG, "{0} leaves {1}{2} to the hand-written kernel", library, kernel, values(args));
                    plain = written(kernel, types, plain(kernel, types));
                }
                plain.run(args);
            }
        };
    }

    private Step step(Kernel kernel, String types, KernelSources.Launch launch) {
        CUfunction function = new CUfunction();
        String symbol = "imu2clip_" + launch.function() + types;
        if (cuModuleGetFunction(function, module(launch.file()), symbol) != 0)
            throw new MissingKernelException("kernel " + kernel + " has no CUDA form for " + (types.isEmpty() ? "f32" : types.substring(1))
                    + ": " + launch.file() + " exports no " + launch.function() + types);
        Map<String, Long> constants = sources.constants(launch.file());
        constants.put("T_BYTES", types.startsWith("_bf16") ? 2L : 4L);
        constants.put("SMS", (long) backend.device().multiprocessors());
        constants.put("SHARED", (long) backend.device().shared());
        constants.put("MAJOR", (long) backend.device().capability());
        try {
            return new Step(kernel, launch, function, dimensions(launch.grid(), kernel, constants),
                    dimensions(launch.block(), kernel, constants), Expression.parse(launch.shared(), kernel, constants),
                    Expression.parse(launch.scratch(), kernel, constants), Expression.parse(launch.condition(), kernel, constants));
        } catch (IllegalArgumentException e) {
            throw new InputException(launch.file() + ":" + launch.line() + ": " + e.getMessage());
        }
    }

    static Expression[] dimensions(String text, Kernel kernel, Map<String, Long> constants) {
        boolean tuple = text.startsWith("(") && text.endsWith(")") && KernelSources.split(text.substring(1, text.length() - 1)).size() > 1;
        List<String> parts = tuple ? KernelSources.split(text.substring(1, text.length() - 1)) : List.of(text);
        if (parts.size() > 3) throw new IllegalArgumentException("'" + text + "' has more than three dimensions");
        Expression[] sizes = {_ -> 1, _ -> 1, _ -> 1};
        for (int i = 0; i < parts.size(); i++) sizes[i] = Expression.parse(parts.get(i), kernel, constants);
        return sizes;
    }

    private CUmodule module(Path source) {
        return modules.computeIfAbsent(source, _ -> {
            Path file = compiler.module(source);
            CUmodule module = new CUmodule();
            try {
                byte[] image = emulated ? (file + "\0").getBytes(StandardCharsets.UTF_8) : Files.readAllBytes(file);
                check(cuModuleLoadData(module, image), "loading " + file);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            return module;
        });
    }

    /** One launch of a program. */
    private static final class Step {
        /** What a launch takes: the addresses of its two parameters, the argument block and a pointer to scratch memory. */
        private static final class Parameters {
            private final MemorySegment memory = Arena.ofAuto().allocate(8L * 3, 64);
            private final Host pointer = new Host(memory);
        }

        private static final ThreadLocal<Parameters> PARAMETERS = ThreadLocal.withInitial(Parameters::new);
        private final Kernel kernel;
        private final KernelSources.Launch launch;
        private final CUfunction function;
        private final Expression[] grid, block;
        private final Expression shared, scratch, condition;
        private long sharedAllowed;

        private Step(Kernel kernel, KernelSources.Launch launch, CUfunction function, Expression[] grid, Expression[] block,
                     Expression shared, Expression scratch, Expression condition) {
            this.kernel = kernel;
            this.launch = launch;
            this.function = function;
            this.grid = grid;
            this.block = block;
            this.shared = shared;
            this.scratch = scratch;
            this.condition = condition;
            int[] declared = {0};
            check(cuFuncGetAttribute(declared, CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, function), "cuFuncGetAttribute");
            sharedAllowed = PLAIN_SHARED - declared[0];
        }

        private void run(MemorySegment args, CudaBackend backend) {
            if (condition.of(args) == 0) return;
            int gx = size(grid[0], args), gy = size(grid[1], args), gz = size(grid[2], args);
            if (gx == 0 || gy == 0 || gz == 0) return; // nothing to do
            int bx = size(block[0], args), by = size(block[1], args), bz = size(block[2], args), bytes = size(shared, args);
            if (bytes > sharedAllowed) allow(bytes);
            Parameters parameters = PARAMETERS.get();
            MemorySegment memory = parameters.memory;
            memory.set(ValueLayout.JAVA_LONG, 0, args.address());
            memory.set(ValueLayout.JAVA_LONG, 8, memory.address() + 16);
            memory.set(ValueLayout.JAVA_LONG, 16, backend.scratch(scratch.of(args)));
            int code = launch.cooperative()
                    ? cuLaunchCooperativeKernel(function, gx, gy, gz, bx, by, bz, bytes, backend.stream(), parameters.pointer)
                    : cuLaunchKernel(function, gx, gy, gz, bx, by, bz, bytes, backend.stream(), parameters.pointer, null);
            if (CudaDriver.isFault(code)) backend.check(code, "cuLaunchKernel");
            if (code != 0)
                throw new CudaDriver.CudaException("kernel " + kernel + ", function " + launch.function() + " with " + gx + " x " + gy + " x "
                        + gz + " blocks of " + bx + " x " + by + " x " + bz + " threads and " + bytes + " bytes of shared memory ("
                        + launch.file() + ":" + launch.line() + "), " + Programs.values(kernel, args), code);
        }

        private int size(Expression expression, MemorySegment args) {
            long size = expression.of(args);
            if (size < 0 || size > Integer.MAX_VALUE)
                throw new IllegalStateException("kernel " + kernel + " would be launched with a size of " + size + " (" + launch.file() + ":"
                        + launch.line() + ")");
            return (int) size;
        }

        private void allow(int bytes) {
            check(cuFuncSetAttribute(function, CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes),
                    "kernel " + kernel + " asks for " + bytes + " bytes of shared memory");
            sharedAllowed = bytes;
        }
    }

    /** The numbers of a call, for messages. */
    static String values(Kernel kernel, MemorySegment args) {
        StringJoiner text = new StringJoiner(", ", "(", ")");
        for (int i = 0; i < kernel.fields().size(); i++) {
            Kernel.Field field = kernel.fields().get(i);
            if (field.kind() == Kernel.Kind.SIZE) text.add(field.name() + " " + args.getAtIndex(ValueLayout.JAVA_LONG, i));
        }
        return text.toString();
    }

    /** The shapes and numbers of a call, for messages. */
    static String values(Args args) {
        StringJoiner text = new StringJoiner(", ", "(", ")");
        for (int i = 0; i < args.kernel().fields().size(); i++) {
            Object value = args.value(i);
            text.add(args.kernel().fields().get(i).name() + " "
                    + (value instanceof Tensor tensor ? Arrays.toString(tensor.shape().sizes()) : value));
        }
        return text.toString();
    }
}
