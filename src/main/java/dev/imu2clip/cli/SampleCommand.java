package dev.imu2clip.cli;

import dev.imu2clip.data.PreparedSummary;
import dev.imu2clip.data.SampleDataSet;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code imu2clip sample OUT}. */
@Command(name = "sample", description = "Write a synthetic data set: simulated motion with narrations, from a seed.",
        mixinStandardHelpOptions = true, footerHeading = "%nExample:%n",
        footer = "  imu2clip sample data/sample --recordings 40 --seed 1")
public final class SampleCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "OUT", description = "Folder to write the data set to.")
    private Path target;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "0", description = "Same seed, same bytes (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--recordings", paramLabel = "N", defaultValue = "20",
            description = "Recordings, each of another person (default: ${DEFAULT-VALUE}).")
    private int recordings;

    @Option(names = "--minutes", paramLabel = "M", defaultValue = "6",
            description = "Length of each recording (default: ${DEFAULT-VALUE}).")
    private double minutes;

    @Option(names = "--overwrite", description = "Replace the data set in OUT.")
    private boolean overwrite;

    @Override
    public Integer call() {
        PreparedSummary summary;
        try (var progress = new ProgressLine("simulating")) {
            summary = SampleDataSet.generate(target, new SampleDataSet.Options(seed, recordings, minutes, overwrite), progress);
        }
        System.out.print(summary.table());
        System.out.println("Written to " + target + ". Train on it with: imu2clip pretrain --data " + target);
        return 0;
    }
}
