package dev.imu2clip.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.backend.Precision;
import dev.imu2clip.bench.Bench;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** {@code imu2clip bench}. */
@Command(name = "bench", mixinStandardHelpOptions = true,
        description = {"Measures a device: kernels at the models' sizes, the pre-training step of mw2, CLIP ViT-B/32's towers with random"
                + " weights. Medians, with the 10th and 90th percentile.", ""},
        footerHeading = "%nExamples:%n",
        footer = {"  imu2clip bench --device cuda --json > bench.json", "  imu2clip bench step \"image tower\" --precision bf16 --steps 512 --towers 256"})
final class BenchCommand implements Callable<Integer> {
    /** The whole output with --json. */
    private record Output(String version, Doctor.Jdk java, Doctor.Machine machine, String device, String description,
                          List<Bench.Result> results, List<Bench.Failure> failures) {}

    @Parameters(paramLabel = "NAME", description = "What to measure, by how its name begins: matmul, attention, step, image, ... (default: all).")
    List<String> names = List.of();

    @Option(names = "--device", paramLabel = "D", defaultValue = "auto",
            description = "Device to measure: cpu, cuda, cuda:1, ... (default: the best there is).")
    String device;

    @Option(names = "--precision", paramLabel = "P", split = ",", description = "fp32, tf32, bf16; several with commas (default: all that the device has).")
    List<Precision> precisions = List.of();

    @Option(names = "--steps", paramLabel = "N", split = ",", defaultValue = "32,512",
            description = "Batches of the pre-training step and its kernels (default: ${DEFAULT-VALUE}).")
    List<Integer> steps;

    @Option(names = "--towers", paramLabel = "N", split = ",", defaultValue = "1,16,256",
            description = "Batches of the towers and their kernels (default: ${DEFAULT-VALUE}).")
    List<Integer> towers;

    @Option(names = "--seconds", paramLabel = "S", defaultValue = "1", description = "How long to measure each (default: ${DEFAULT-VALUE}).")
    double seconds;

    @Option(names = "--json", description = "Print JSON; the table goes to the error output.")
    boolean json;

    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec;

    @Override
    public Integer call() throws JsonProcessingException {
        check();
        Backend backend = Backends.get(device);
        List<Precision> there = Precision.of(backend);
        for (Precision precision : precisions)
            if (!there.contains(precision))
                throw new ParameterException(spec.commandLine(), backend.name() + " does not compute in " + precision);
        PrintWriter out = json ? spec.commandLine().getErr() : spec.commandLine().getOut();
        out.println(backend.name() + ": " + backend.describe());
        out.printf("%-32s %5s %-5s %12s %25s %10s %9s %8s  %s%n", "", "batch", "", "median us", "10 % to 90 %", "GFLOP/s", "GB/s", "kernels", "sizes");
        Bench.Report report = Bench.run(backend, new Bench.Options(names, seconds, steps, towers, precisions.isEmpty() ? there : precisions),
                result -> print(result, out));
        for (Bench.Failure failure : report.failures())
            out.println("failed: " + failure.name() + " " + failure.batch() + " " + failure.precision() + ": " + failure.reason());
        Doctor doctor = Doctor.examine();
        if (json)
            spec.commandLine().getOut().println(new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValueAsString(
                    new Output(Main.version(), doctor.jdk(), doctor.machine(), backend.name(), backend.describe(), report.results(),
                            report.failures())));
        return report.failures().isEmpty() ? Main.OK : Main.FAILED;
    }

    private void check() {
        for (String name : names)
            if (Bench.names().stream().noneMatch(one -> one.startsWith(name)))
                throw new ParameterException(spec.commandLine(), "nothing to measure is called '" + name + "'; there is "
                        + String.join(", ", Bench.names()));
        if (steps.stream().anyMatch(n -> n < 1) || towers.stream().anyMatch(n -> n < 1))
            throw new ParameterException(spec.commandLine(), "a batch has at least 1");
    }

    private static void print(Bench.Result result, PrintWriter out) {
        String spread = number(result.low()) + " to " + number(result.high());
        out.printf("%-32s %5d %-5s %12s %25s %10s %9s %8d  %s%n", result.name(), result.batch(), result.precision(), number(result.microseconds()),
                spread, result.gflops() == null ? "" : number(result.gflops()), number(result.gbytes()), result.kernels(), result.sizes());
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.1f", value);
    }
}
