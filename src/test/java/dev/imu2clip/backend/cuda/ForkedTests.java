package dev.imu2clip.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Tests in a process of their own: one process has one CUDA driver, one cuBLAS and one cuDNN. */
final class ForkedTests {
    private ForkedTests() {}

    /** Runs the tests of some classes with these properties and variables; fails with their output where one fails or none is found. */
    static void run(Map<String, String> properties, Map<String, String> environment, Class<?>... classes) throws Exception {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx1g",
                "-XX:+UseSerialGC", "--enable-native-access=ALL-UNNAMED", "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"))));
        for (String kept : List.of("imu2clip.cache", "imu2clip.strict"))
            if (System.getProperty(kept) != null) command.add("-D" + kept + "=" + System.getProperty(kept));
        properties.forEach((name, value) -> command.add("-D" + name + "=" + value));
        command.add(ForkedTests.class.getName());
        Stream.of(classes).map(Class::getName).forEach(command::add);
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().putAll(environment);
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes());
        assertEquals(0, process.waitFor(), output);
    }

    public static void main(String[] classes) {
        var listener = new SummaryGeneratingListener();
        LauncherFactory.create().execute(LauncherDiscoveryRequestBuilder.request()
                .selectors(Stream.of(classes).map(DiscoverySelectors::selectClass).toList()).build(), listener);
        listener.getSummary().printFailuresTo(new PrintWriter(System.out, true), 12);
        boolean good = listener.getSummary().getTestsSucceededCount() > 0 && listener.getSummary().getTotalFailureCount() == 0;
        Runtime.getRuntime().halt(good ? 0 : 1);
    }
}
