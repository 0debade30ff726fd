package dev.imu2clip.backend.cuda;

import dev.imu2clip.backend.Kernel;
import dev.imu2clip.backend.KernelStructs;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;

import static org.junit.jupiter.api.Assertions.assertEquals;

/**
 * The CUDA side of every kernel agrees with Java's: there is a launch comment whose sizes can be computed, and a struct with the same
 * fields, by name, order and kind. Tensors of floating-point numbers are of the template's type, wide ones float.
 */
class CudaStructTest {
    private static final String COMPILER = System.getenv().getOrDefault("CXX", "g++");
    private static final String TYPES = "(_(f32|f64|bf16|f16))*";
    private static final Pattern ALIAS = Pattern.compile("using\\s+(\\w+)\\s*=\\s*(\\w+)\\s*(?:<[^;]*>)?\\s*;");
    private static final Pattern EXPORT = Pattern.compile("imu2clip_(\\w+)\\s*\\(\\s*const\\s+__grid_constant__\\s+(\\w+)");
    private static Map<String, Kernel> kernels;
    private static KernelSources sources;

    @BeforeAll
    static void read() throws Exception {
        kernels = KernelStructs.kernels();
        sources = KernelSources.open(Path.of("kernels"));
    }

    /** The functions that launch comments name, with all types that they are exported for, take the arguments of the kernel. */
    @Test
    void structsMatchFields() throws Exception {
        Map<Path, Map<String, List<String>>> functions = new HashMap<>();
        for (Path file : sources.cuFiles()) functions.put(file, functions(file));
        List<String> wrong = new ArrayList<>();
        kernels.forEach((name, kernel) -> {
            List<String> expected = kernel.fields().stream().map(field -> KernelStructs.describe(field, "T", "float")).toList();
            sources.implementations(name).values().forEach(launches -> launches.forEach(launch -> {
                Map<String, List<String>> forms = new TreeMap<>(functions.get(launch.file()));
                forms.keySet().removeIf(function -> !function.matches(launch.function() + TYPES));
                if (forms.isEmpty()) wrong.add(launch.file() + ":" + launch.line() + ": there is no function " + launch.function());
                forms.forEach((function, fields) -> {
                    if (!expected.equals(fields))
                        wrong.add("kernel " + name + ", function " + function + "\n  Java: " + expected + "\n  CUDA: " + fields);
                });
            }));
        });
        assertEquals(List.of(), wrong);
    }

    /** Exported functions and the fields of their arguments, from what NVRTC sees: it has no system headers. */
    private static Map<String, List<String>> functions(Path file) throws Exception {
        String text = KernelStructs.preprocess(COMPILER, "-D__CUDACC_RTC__", "-I" + sources.folder(), "-x", "c++", file.toString());
        Map<String, List<String>> structs = new TreeMap<>(), functions = new TreeMap<>();
        KernelStructs.parse(text, structs);
        Map<String, String> aliases = new HashMap<>();
        ALIAS.matcher(text).results().forEach(match -> aliases.put(match.group(1), match.group(2)));
        EXPORT.matcher(text).results().forEach(match -> {
            String type = match.group(2);
            while (aliases.containsKey(type)) type = aliases.get(type);
            functions.put(match.group(1), structs.get(type.replaceFirst("_args$", "")));
        });
        return functions;
    }

    @Test
    void theReaderSeesDifferences() throws Exception {
        Path file = DeviceKernels.folder("structs", "f.cu", """
                #include "common.cuh"
                template <typename T> struct f_args { const T *x; float *mean; double eps; int64_t n; };
                template <typename T> using g_args = f_args<T>;
                template <typename T> __device__ void g(const g_args<T> &) {}
                EXPORT(g, 32)
                """).resolve("f.cu");
        KernelSources kept = sources;
        try {
            sources = KernelSources.open(file.getParent());
            assertEquals(Map.of("g", List.of("in T x", "out float mean", "real eps", "size n"),
                    "g_bf16", List.of("in T x", "out float mean", "real eps", "size n")), functions(file));
        } finally {
            sources = kept;
        }
    }

    @Test
    void everyKernelHasALaunch() {
        TreeSet<String> without = new TreeSet<>(kernels.keySet()), unknown = new TreeSet<>(sources.kernels());
        without.removeIf(name -> sources.implementations(name).containsKey(KernelSources.PLAIN));
        unknown.removeAll(kernels.keySet());
        assertEquals(List.of(), List.copyOf(without), "kernels without a launch comment in " + sources.folder());
        assertEquals(List.of(), List.copyOf(unknown), "launch comments of kernels that Java does not know");
    }

    /** Of every implementation, also of those that nothing runs by default. */
    @Test
    void everyLaunchCanBeComputed() {
        List<String> wrong = new ArrayList<>();
        kernels.forEach((name, kernel) -> sources.implementations(name).values().forEach(launches -> launches.forEach(launch -> {
            Map<String, Long> constants = new HashMap<>(sources.constants(launch.file()));
            for (String constant : Programs.CONSTANTS) constants.put(constant, 4L);
            try {
                Programs.dimensions(launch.grid(), kernel, constants);
                Programs.dimensions(launch.block(), kernel, constants);
                for (String text : List.of(launch.shared(), launch.scratch(), launch.condition())) Expression.parse(text, kernel, constants);
            } catch (IllegalArgumentException e) {
                wrong.add(launch.file() + ":" + launch.line() + ": " + e.getMessage());
            }
        })));
        assertEquals(List.of(), wrong);
    }
}
