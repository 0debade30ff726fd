package dev.imu2clip;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.imu2clip.backend.Kernel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Which package may know which, and one name for an op in Java, in C and in the tests. docs/architecture.md has the picture. */
class ArchitectureTest {
    private static final String ROOT = "dev.imu2clip";

    /** What each package may use of ours beside itself. A new package has to be entered here. */
    private static final Map<String, Set<String>> MAY_USE = Map.ofEntries(
            Map.entry("memory", Set.of()),
            Map.entry("tensor", Set.of("memory")),
            Map.entry("backend", Set.of("tensor", "memory")),
            Map.entry("backend.cpu", Set.of("backend", "tensor", "memory")),
            Map.entry("backend.cuda", Set.of("backend", "io", "tensor", "memory")),
            Map.entry("autograd", Set.of("backend", "tensor", "memory")),
            Map.entry("ops", Set.of("autograd", "backend", "tensor", "memory")),
            Map.entry("nn", Set.of("ops", "autograd", "backend", "tensor", "memory")),
            Map.entry("io", Set.of("tensor")),
            Map.entry("optim", Set.of("nn", "backend", "tensor", "memory")),
            Map.entry("media", Set.of("io", "tensor")),
            Map.entry("clip", Set.of("media", "io", "nn", "ops", "autograd", "backend", "tensor", "memory")),
            Map.entry("imu", Set.of("io", "nn", "ops", "autograd", "backend", "tensor", "memory")),
            Map.entry("data", Set.of("media", "io", "tensor")),
            Map.entry("data.ego4d", Set.of("data", "media", "io", "tensor")),
            Map.entry("data.check", Set.of("data.ego4d", "data", "media", "io", "tensor")),
            Map.entry("data.formats", Set.of("data", "io", "tensor")),
            Map.entry("eval", Set.of("io", "tensor")),
            Map.entry("train", Set.of("clip", "imu", "data.ego4d", "data", "eval", "optim", "media", "io", "nn", "ops", "autograd", "backend", "tensor",
                    "memory")),
            Map.entry("check", Set.of("io", "optim", "nn", "ops", "autograd", "backend", "tensor", "memory")),
            Map.entry("bench", Set.of("train", "clip", "imu", "optim", "nn", "ops", "autograd", "backend", "tensor", "memory")),
            Map.entry("cli", Set.of("bench", "check", "train", "clip", "imu", "data.check", "data.formats", "data.ego4d", "data",
                    "eval",
                    "optim", "media", "io", "nn", "backend", "tensor", "memory")));

    /** C files that belong to no op of their own name: what all kernels stand on, and kernels of the tape and the optimiser. */
    private static final Set<String> OTHER_C_FILES = Set.of("runtime", "accumulate", "adam");

    private static JavaClasses code;

    @BeforeAll
    static void read() {
        code = new ClassFileImporter().withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS).importPackages(ROOT);
        assertTrue(code.size() > 150, code.size() + " classes were read");
    }

    private static String packageOf(JavaClass type) {
        return type.getPackageName().equals(ROOT) ? "" : type.getPackageName().substring(ROOT.length() + 1);
    }

    @Test
    void packagesKnowOnlyWhatLiesBelow() {
        List<String> violations = new ArrayList<>();
        for (JavaClass type : code) {
            String from = packageOf(type);
            assertTrue(MAY_USE.containsKey(from), "package '" + from + "' of " + type.getSimpleName() + " is not in MAY_USE");
            type.getDirectDependenciesFromSelf().stream().map(dependency -> dependency.getTargetClass().getBaseComponentType())
                    .filter(target -> target.getPackageName().startsWith(ROOT)).filter(target -> !from.equals(packageOf(target)))
                    .filter(target -> !MAY_USE.get(from).contains(packageOf(target))).distinct()
                    .forEach(target -> violations.add(type.getName() + " uses " + target.getName()));
        }
        assertEquals(List.of(), violations);
    }

    @Test
    void theDirectionHasNoCycle() {
        for (String start : MAY_USE.keySet()) {
            Set<String> reached = new TreeSet<>();
            List<String> open = new ArrayList<>(MAY_USE.get(start));
            while (!open.isEmpty()) {
                String next = open.removeLast();
                if (reached.add(next)) open.addAll(MAY_USE.get(next));
            }
            assertTrue(!reached.contains(start), start + " reaches itself");
        }
    }

    @Test
    void backendsAreFoundAsServices() {
        noClasses().that().resideOutsideOfPackage("..backend.cpu..").should().dependOnClassesThat().resideInAPackage("..backend.cpu..")
                .check(code);
        noClasses().that().resideOutsideOfPackage("..backend.cuda..").should().dependOnClassesThat()
                .resideInAnyPackage("..backend.cuda..", "jcuda..")
                .check(code);
    }

    @Test
    void onlyTheCommandLineEndsTheProgram() {
        noClasses().that().resideOutsideOfPackage("..cli..").should().callMethod(System.class, "exit", int.class).check(code);
        noClasses().that().resideOutsideOfPackage("..cli..").should().dependOnClassesThat().resideInAPackage("picocli..").check(code);
    }

    /** The engine stands on the JDK alone. */
    @Test
    void theEngineHasNoDependencies() {
        classes().that().resideInAnyPackage("..memory..", "..tensor..", "..backend", "..backend.cpu..", "..autograd..", "..ops..",
                "..nn..", "..optim..",
                "..imu..").should().onlyDependOnClassesThat().resideInAnyPackage("java..", ROOT + "..").check(code);
    }

    /** {@code ops/InfoNce.java} has {@code native/info_nce.c} and {@code InfoNceTest}; names are compared without their underscores. */
    @Test
    void anOpHasOneNameEverywhere() throws IOException {
        Set<String> ops = code.stream().filter(type -> packageOf(type).equals("ops")).filter(ArchitectureTest::declaresKernels)
                .map(type -> type.getName().substring(type.getPackageName().length() + 1).replaceFirst("\\$.*", ""))
                .collect(Collectors.toCollection(TreeSet::new));
        assertTrue(ops.contains("Softmax") && ops.contains("InfoNce"), ops.toString());
        Set<String> expected = ops.stream().map(name -> name.toLowerCase(Locale.ROOT)).collect(Collectors.toCollection(TreeSet::new));
        Set<String> compiled = files(Path.of("native"), ".c").map(name -> name.replace("_", ""))
                .collect(Collectors.toCollection(TreeSet::new));
        compiled.removeAll(OTHER_C_FILES);
        assertEquals(expected, compiled, "ops with kernels, and files native/<op>.c");
        Set<String> tests = files(Path.of("src/test/java/dev/imu2clip/ops"), "Test.java").collect(Collectors.toSet());
        assertEquals(List.of(), ops.stream().filter(name -> !tests.contains(name)).toList(), "ops without a test of their name");
    }

    private static boolean declaresKernels(JavaClass type) {
        return type.getFields().stream().anyMatch(field -> field.getRawType().isEquivalentTo(Kernel.class));
    }

    private static Stream<String> files(Path folder, String ending) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).filter(name -> name.endsWith(ending))
                    .map(name -> name.substring(0, name.length() - ending.length())).toList().stream();
        }
    }
}
