package dev.imu2clip.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.check.SelfTest;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code imu2clip selftest}. */
@Command(name = "selftest", mixinStandardHelpOptions = true,
        description = {"Runs every kernel of the engine on a device and compares it with its definition, forward and backward: in float32,"
                + " and on CUDA devices with TF32 and in bfloat16. Exit code 1 where one fails or is missing.", ""},
        footerHeading = "%nExamples:%n",
        footer = {"  imu2clip selftest --device cuda", "  imu2clip selftest --device cuda --kernel matmul gru_forward --json"})
final class SelfTestCommand implements Callable<Integer> {
    @Option(names = "--device", paramLabel = "D", defaultValue = "auto",
            description = "Device to test: cpu, cuda, cuda:1, emulated, ... (default: the best there is).")
    String device;

    @Option(names = "--kernel", paramLabel = "NAME", arity = "1..*", description = "Only these kernels.")
    List<String> kernels = List.of();

    @Option(names = "--json", description = "Print JSON.")
    boolean json;

    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec;

    @Override
    public Integer call() throws JsonProcessingException {
        Backend backend = Backends.get(device);
        SelfTest.Report report;
        try (var progress = new ProgressLine("testing")) {
            report = SelfTest.run(backend, name -> kernels.isEmpty() || kernels.contains(name), progress);
        }
        List<String> names = Kernel.all().stream().map(Kernel::name).sorted().toList();
        for (String kernel : kernels)
            if (!names.contains(kernel))
                throw new CommandLine.ParameterException(spec.commandLine(), "no kernel '" + kernel + "'; there is " + String.join(", ", names));
        PrintWriter out = spec.commandLine().getOut();
        if (json) out.println(new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValueAsString(report));
        else print(report, out);
        return report.ok() ? Main.OK : Main.FAILED;
    }

    private static void print(SelfTest.Report report, PrintWriter out) {
        out.println(report.device() + ": " + report.description());
        String format = "%-28s %-5s %-9s %-10s %6s %9s %9s %10s  %-8s %s%n";
        out.printf(format, "kernel", "", "types", "by", "calls", "error", "allowed", "us", "", "sizes");
        for (SelfTest.Row row : report.kernels())
            out.printf(format, row.kernel(), row.precision(), row.types(), row.implementation(), row.calls(), number("%.1e", row.error()),
                    number("%.1e", row.allowed()), number("%.1f", row.microseconds()), row.status(),
                    row.detail() == null ? row.sizes() : row.sizes() + ": " + row.detail().lines().findFirst().orElse(""));
        report.failures().forEach(failure -> out.println("failed: " + failure));
        long bad = report.kernels().stream().filter(row -> !row.status().equals("ok")).count();
        out.println(report.ok() ? "all " + report.kernels().size() + " ok" : bad + " of " + report.kernels().size() + " not ok");
    }

    private static String number(String format, double value) {
        return String.format(Locale.ROOT, format, value);
    }
}
