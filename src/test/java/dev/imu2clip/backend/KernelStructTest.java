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
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

/**
 * The two sides of every kernel agree: the fields that Java writes and the struct that C reads, by name, order and kind. A slip there
 * would be a read of a wrong address and no error. The structs are taken from the preprocessor's output, so macros may make them.
 */
class KernelStructTest {
    private static final Path SOURCES = Path.of("src/main/java"), NATIVE = Path.of("native");
    /** {@code cast} in C has a form for each pair of types: {@code cast_bf16_f32}. */
    private static final String TYPES = "(_(f32|f64|bf16|f16))+";

    private static Map<String, Kernel> kernels;

    @BeforeAll
    static void loadEveryKernel() throws Exception {
        List<Path> files;
        try (Stream<Path> walk = Files.walk(SOURCES)) {
            files = walk.filter(file -> file.toString().endsWith(".java")).toList();
        }
        for (Path file : files) {
            String name = SOURCES.relativize(file).toString().replace(".java", "").replace('/', '.').replace('\\', '.');
            if (!name.startsWith("dev.imu2clip.backend.") && Files.readString(file).contains("Kernel")) initialize(Class.forName(name));
        }
        kernels = Kernel.all().stream().filter(kernel -> !kernel.name().startsWith("test_"))
                .collect(Collectors.toMap(Kernel::name, Function.identity(), (a, b) -> fail("two kernels are named " + a), TreeMap::new));
        assertTrue(kernels.containsKey("accumulate") && kernels.containsKey("relu_forward"), "kernels were not found");
    }

    private static void initialize(Class<?> type) throws ClassNotFoundException {
        Class.forName(type.getName(), true, type.getClassLoader());
        for (Class<?> nested : type.getDeclaredClasses()) initialize(nested);
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
                List<String> expected = kernel.fields().stream().map(field -> kind(field) + " " + field.name()).toList();
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
        parse("struct f_args { const float *x, *w; float *y; double eps; int64_t size[2], n; const void *index; int32_t *at; };", structs);
        assertEquals(List.of("in float x", "in float w", "out float y", "real eps", "size size0", "size size1", "size n", "in void index",
                "out int32_t at"), structs.get("f"));
    }

    private static String kind(Kernel.Field field) {
        return switch (field.kind()) {
            case IN -> "in " + elements(field);
            case OUT, INOUT -> "out " + elements(field);
            case SIZE -> "size";
            case REAL -> "real";
        };
    }

    private static String elements(Kernel.Field field) {
        return switch (field.elements()) {
            case FLOATS, WIDE -> "float";
            case INTS -> "void"; // cast in the kernel, by the element size that it is told
            case I32 -> "int32_t";
        };
    }

    private static Map<String, List<String>> structs() throws IOException, InterruptedException {
        Map<String, List<String>> structs = new TreeMap<>();
        try (Stream<Path> files = Files.list(NATIVE)) {
            for (Path file : files.filter(path -> path.toString().endsWith(".c")).sorted().toList())
                if (!file.endsWith("runtime.c")) parse(preprocess(file), structs);
        }
        assertFalse(structs.isEmpty(), "no struct was found");
        return structs;
    }

    private static String preprocess(Path file) throws IOException, InterruptedException {
        String compiler = System.getenv().getOrDefault("CC", "cc");
        List<String> command = new ArrayList<>(List.of(compiler.split(" ")));
        command.addAll(List.of("-E", "-P", "-std=c11", "-DISA=baseline", file.toString()));
        Process process;
        try {
            process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        } catch (IOException e) {
            return Assumptions.abort("no C compiler '" + compiler + "' to read the structs with");
        }
        String text = new String(process.getInputStream().readAllBytes());
        assertEquals(0, process.waitFor(), String.join(" ", command));
        return text;
    }

    private static void parse(String source, Map<String, List<String>> structs) {
        Matcher matcher = Pattern.compile("struct\\s+(\\w+)_args\\s*\\{([^}]*)\\}").matcher(source);
        while (matcher.find()) {
            List<String> fields = new ArrayList<>();
            for (String declaration : matcher.group(2).split(";")) if (!declaration.isBlank()) declare(declaration.strip(), fields);
            List<String> before = structs.put(matcher.group(1), fields);
            assertTrue(before == null, "two structs " + matcher.group(1) + "_args");
        }
    }

    /** One declaration, {@code const float *x, *y} or {@code int64_t size[6]}: an array stands for size0 to size5. */
    private static void declare(String declaration, List<String> fields) {
        Matcher matcher = Pattern.compile("(const\\s+)?(\\w+)\\s*(.*)", Pattern.DOTALL).matcher(declaration);
        assertTrue(matcher.matches(), declaration);
        for (String part : matcher.group(3).split(",")) {
            String name = part.strip();
            boolean pointer = name.startsWith("*");
            String kind = pointer ? (matcher.group(1) != null ? "in " : "out ") + matcher.group(2)
                    : switch (matcher.group(2)) {
                        case "int64_t" -> "size";
                        case "double" -> "real";
                        default -> "a field of a type that is not 8 bytes:";
                    };
            Matcher array = Pattern.compile("(\\w+)\\s*\\[\\s*(\\d+)\\s*\\]").matcher(name);
            if (array.matches()) for (int i = 0; i < Integer.parseInt(array.group(2)); i++) fields.add(kind + " " + array.group(1) + i);
            else fields.add(kind + " " + (pointer ? name.substring(1).strip() : name));
        }
    }
}
