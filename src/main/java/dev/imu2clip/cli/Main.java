package dev.imu2clip.cli;

import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The command line. Exit codes: 0 done; 1 something the user gave cannot be used, or a defect; 2 wrong usage; 130 stopped by Ctrl-C
 * (from the JVM itself: see {@link dev.imu2clip.train.StopRequest}).
 */
@Command(name = "imu2clip", mixinStandardHelpOptions = true, versionProvider = Main.Version.class,
        description = {"Motion sensors in CLIP's space: trains an IMU encoder against CLIP's frozen text tower.", ""},
        subcommands = {PretrainCommand.class, EvaluateCommand.class, EmbedCommand.class, ClassifyCommand.class, SimilarityCommand.class,
                DownloadCommand.class, ConvertCommand.class, ImportCommand.class, PrepareCommand.class, SampleCommand.class, DoctorCommand.class,
                SelfTestCommand.class, BenchCommand.class},
        synopsisSubcommandLabel = "COMMAND", footerHeading = "%nExamples:%n",
        footer = {"  imu2clip pretrain                       train on a generated sample data set",
                "  imu2clip pretrain --data DIR --epochs 30 --seed 0",
                "  imu2clip download clip-vit-b-32         CLIP's weights, which commands then find",
                "  imu2clip doctor                         what this machine can do",
                "", "'imu2clip COMMAND --help' tells more."})
public final class Main implements Runnable {
    public static final int OK = 0;
    public static final int FAILED = 1;
    public static final int USAGE = 2;

    @Option(names = "--stacktrace", scope = ScopeType.INHERIT, description = "Print the stack trace of an unexpected failure.")
    boolean stacktrace;

    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec;

    public static void main(String[] args) {
        System.exit(run(new PrintWriter(System.out, true), new PrintWriter(System.err, true), args));
    }

    /** Runs a command and gives its exit code. */
    static int run(PrintWriter out, PrintWriter err, String... args) {
        Main main = new Main();
        CommandLine line = new CommandLine(main).setOut(out).setErr(err).setUsageHelpWidth(110).setUsageHelpAutoWidth(false)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setParameterExceptionHandler(Main::usage)
                .setExecutionExceptionHandler((failure, command, result) -> Failures.report(failure, err, main.stacktrace));
        try {
            return line.execute(args);
        } catch (Error failure) {
            return Failures.report(failure, err, main.stacktrace);
        } finally {
            out.flush();
            err.flush();
        }
    }

    /** Without a command. */
    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "which command? There is " + String.join(", ", spec.subcommands().keySet()));
    }

    private static int usage(ParameterException failure, String[] args) {
        CommandLine command = failure.getCommandLine();
        PrintWriter err = command.getErr();
        err.println("imu2clip: " + failure.getMessage());
        UnmatchedArgumentException.printSuggestions(failure, err);
        err.println("Try '" + command.getCommandSpec().qualifiedName() + " --help'.");
        return USAGE;
    }

    static String version() {
        String version = Main.class.getPackage().getImplementationVersion();
        return version == null ? "(not packaged)" : version;
    }

    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {"imu2clip " + version(), "Java " + Runtime.version()};
        }
    }
}
