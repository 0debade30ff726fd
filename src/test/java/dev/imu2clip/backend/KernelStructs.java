package dev.imu2clip.backend;

import org.junit.jupiter.api.Assumptions;

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
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

/** Argument blocks as sources in C and CUDA declare them, and all kernels that Java knows. */
public final class KernelStructs {
    private static final Path SOURCES = Path.of("src/main/java");
    private static final Pattern STRUCT = Pattern.compile("(?:template\\s*<([^<>]*)>\\s*)?struct\\s+(\\w+)_args\\s*\\{([^}]*)\\}");
    private static final Pattern CONSTANT = Pattern.compile("constexpr\\s+int\\s+(\\w+)\\s*=\\s*(\\d+)\\s*;");

    private KernelStructs() {}

    /** Every kernel of the program, by name. */
    public static Map<String, Kernel> kernels() throws Exception {
        List<Path> files;
        try (Stream<Path> walk = Files.walk(SOURCES)) {
            files = walk.filter(file -> file.toString().endsWith(".java")).toList();
        }
        for (Path file : files) {
            String name = SOURCES.relativize(file).toString().replace(".java", "").replace('/', '.').replace('\\', '.');
            if (!name.startsWith("dev.imu2clip.backend.") && Files.readString(file).contains("Kernel")) initialize(Class.forName(name));
        }
        Map<String, Kernel> kernels = Kernel.all().stream().filter(kernel -> !kernel.name().startsWith("test_"))
                .collect(Collectors.toMap(Kernel::name, Function.identity(), (a, b) -> fail("two kernels are named " + a), TreeMap::new));
        assertTrue(kernels.containsKey("accumulate") && kernels.containsKey("relu_forward"), "kernels were not found");
        return kernels;
    }

    private static void initialize(Class<?> type) throws ClassNotFoundException {
        Class.forName(type.getName(), true, type.getClassLoader());
        for (Class<?> nested : type.getDeclaredClasses()) initialize(nested);
    }

    /** What a compiler's preprocessor makes of a source; the test is skipped where there is no such compiler. */
    public static String preprocess(String compiler, String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(compiler.split(" ")));
        command.addAll(List.of("-E", "-P"));
        command.addAll(List.of(arguments));
        Process process;
        try {
            process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        } catch (IOException e) {
            return Assumptions.abort("no compiler '" + compiler + "' to read the structs with");
        }
        String text = new String(process.getInputStream().readAllBytes());
        assertEquals(0, process.waitFor(), String.join(" ", command));
        return text;
    }

    /**
     * Adds the structs NAME_args of a source by name: every field as kind, type of the elements and name. A parameter of the struct's
     * template is type T.
     */
    public static void parse(String source, Map<String, List<String>> structs) {
        Map<String, Integer> constants = CONSTANT.matcher(source).results()
                .collect(Collectors.toMap(m -> m.group(1), m -> Integer.parseInt(m.group(2)), (a, _) -> a));
        Matcher matcher = STRUCT.matcher(source.replaceAll("[\\w ]+\\([^()]*\\)\\s*const\\s*\\{[^{}]*\\}", "")); // without member functions
        while (matcher.find()) {
            List<String> types = matcher.group(1) == null ? List.of() : List.of(matcher.group(1).replace("typename ", "").split("\\s*,\\s*"));
            List<String> fields = new ArrayList<>();
            for (String declaration : matcher.group(3).split(";"))
                if (!declaration.isBlank()) declare(declaration.strip(), types, constants, fields);
            List<String> before = structs.put(matcher.group(2), fields);
            assertTrue(before == null || before.equals(fields), "two structs " + matcher.group(2) + "_args");
        }
    }

    /** One declaration, {@code const float *x, *y} or {@code int64_t size[6]}: an array stands for size0 to size5. */
    private static void declare(String declaration, List<String> types, Map<String, Integer> constants, List<String> fields) {
        Matcher matcher = Pattern.compile("(const\\s+)?(\\w+)\\s*(.*)", Pattern.DOTALL).matcher(declaration);
        assertTrue(matcher.matches(), declaration);
        String type = types.contains(matcher.group(2)) ? "T" : matcher.group(2);
        for (String part : matcher.group(3).split(",")) {
            String name = part.strip();
            boolean pointer = name.startsWith("*");
            String kind = pointer ? (matcher.group(1) != null ? "in " : "out ") + type
                    : switch (type) {
                        case "int64_t" -> "size";
                        case "double" -> "real";
                        default -> "a field of a type that is not 8 bytes:";
                    };
            Matcher array = Pattern.compile("(\\w+)\\s*\\[\\s*(\\w+)\\s*\\]").matcher(name);
            if (!array.matches()) {
                fields.add(kind + " " + (pointer ? name.substring(1).strip() : name));
                continue;
            }
            String length = array.group(2);
            int n = constants.containsKey(length) ? constants.get(length) : Integer.parseInt(length);
            for (int i = 0; i < n; i++) fields.add(kind + " " + array.group(1) + i);
        }
    }

    /** A field as {@link #parse} says it; {@code floats} and {@code wide} are the types of those elements. */
    public static String describe(Kernel.Field field, String floats, String wide) {
        return switch (field.kind()) {
            case IN -> "in " + elements(field, floats, wide);
            case OUT, INOUT -> "out " + elements(field, floats, wide);
            case SIZE -> "size";
            case REAL -> "real";
        } + " " + field.name();
    }

    private static String elements(Kernel.Field field, String floats, String wide) {
        return switch (field.elements()) {
            case FLOATS -> floats;
            case WIDE -> wide;
            case INTS -> "void"; // cast in the kernel, by the element size that it is told
            case I32 -> "int32_t";
        };
    }
}
