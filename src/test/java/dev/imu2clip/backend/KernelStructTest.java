package dev.imu2clip.backend;

import dev.imu2clip.backend.cpu.CpuBackend;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

/**
 * The two sides of every kernel agree: the fields that Java writes and the struct that C reads, by name, order and kind. A slip there
 * would be a read of a wrong address and no error. The structs are taken from the preprocessor's output, so macros may make them.
 */
class KernelStructTest {
    private static final Path NATIVE = Path.of("native");
    private static final String COMPILER = System.getenv().getOrDefault("CC", "cc");
    /** {@code cast} in C has a form for each pair of types: {@code cast_bf16_f32}. */
    private static final String TYPES = "(_(f32|f64|bf16|f16))+";

    private static Map<String, Kernel> kernels;

    @BeforeAll
    static void loadEveryKernel() throws Exception {
        kernels = KernelStructs.kernels();
    }

    @Test
    void structsMatchFields() throws Exception {
        Map<String, List<String>> structs = structs();
        List<String> wrong = new ArrayList<>();
        structs.forEach((name, fields) -> {
            Kernel kernel = kernels.getOrDefault(name, kernels.get(name.replaceFirst(TYPES + "$", "")));
            if (kernel == null) wrong.add("struct " + name + "_args has no kernel in Java");
            else {
                // With element types in its name a kernel says itself what its floats are.
                boolean typed = !kernel.name().equals(name);
                List<String> expected = kernel.fields().stream().map(field -> KernelStructs.describe(field, "float", "float")).toList();
                if (typed) fields.replaceAll(field -> field.replaceFirst("(float|double|uint16_t) ", "float "));
                if (!expected.equals(fields)) wrong.add("kernel " + name + "\n  Java: " + expected + "\n  C:    " + fields);
            }
        });
        for (String name : kernels.keySet())
            if (structs.keySet().stream().noneMatch(struct -> struct.equals(name) || struct.matches(Pattern.quote(name) + TYPES)))
                wrong.add("kernel " + name + " has no struct " + name + "_args in " + NATIVE + "/*.c");
        assertEquals(List.of(), wrong);
    }

    @Test
    void everyInstructionSetHasEveryKernel() throws Exception {
        Map<String, List<String>> structs = structs();
        List<String> devices = Backends.devices().stream().filter(device -> device.startsWith("cpu:")).toList();
        Assumptions.assumeFalse(devices.isEmpty(), "this build holds no C kernels");
        for (String device : devices) {
            CpuBackend backend = (CpuBackend) Backends.get(device);
            List<String> missing = structs.keySet().stream().filter(name -> !backend.has(name)).toList();
            assertEquals(List.of(), missing, "structs without a KERNEL on " + device);
        }
    }

    @Test
    void theParserSeesDifferences() {
        Map<String, List<String>> structs = new TreeMap<>();
        KernelStructs.parse("struct f_args { const float *x, *w; float *y; double eps; int64_t size[2], n; const void *index; int32_t *at; };", structs);
        assertEquals(List.of("in float x", "in float w", "out float y", "real eps", "size size0", "size size1", "size n", "in void index",
                "out int32_t at"), structs.get("f"));
    }

    private static Map<String, List<String>> structs() throws IOException, InterruptedException {
        Map<String, List<String>> structs = new TreeMap<>();
        try (Stream<Path> files = Files.list(NATIVE)) {
            for (Path file : files.filter(path -> path.toString().endsWith(".c")).sorted().toList())
                if (!file.endsWith("runtime.c")) KernelStructs.parse(KernelStructs.preprocess(COMPILER, "-std=c11", "-DISA=baseline", file.toString()), structs);
        }
        assertFalse(structs.isEmpty(), "no struct was found");
        return structs;
    }
}
