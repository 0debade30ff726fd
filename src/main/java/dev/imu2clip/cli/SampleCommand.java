package dev.imu2clip.cli;

import dev.imu2clip.data.PreparedSummary;
import dev.imu2clip.data.SampleDataSet;
import dev.imu2clip.data.ego4d.Ego4dSample;
import dev.imu2clip.io.InputException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code imu2clip sample OUT}. */
@Command(name = "sample", description = "Write a synthetic data set: simulated motion with narrations, from a seed.",
        mixinStandardHelpOptions = true, footerHeading = "%nExamples:%n",
        footer = {"  imu2clip sample data/sample --recordings 40 --seed 1", "  imu2clip sample data/raw --ego4d --videos 8 --minutes 1.2"})
public final class SampleCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "OUT", description = "Folder to write the data set to.")
    private Path target;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "0", description = "Same seed, same bytes (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--recordings", paramLabel = "N", description = "Recordings, each of another person (default: 20).")
    private Integer recordings;

    @Option(names = "--minutes", paramLabel = "M", description = "Length of each recording or video (default: 6, with --ego4d 1.2).")
    private Double minutes;

    @Option(names = "--ego4d", description = "Write raw files in Ego4D's layout instead (films, IMU csv, narrations), to be prepared.")
    private boolean ego4d;

    @Option(names = "--videos", paramLabel = "N", description = "With --ego4d: videos, each of another person (default: 8).")
    private Integer videos;

    @Option(names = "--no-splits", description = "With --ego4d: leave the split files out, so that preparation makes them.")
    private boolean noSplits;

    @Option(names = "--overwrite", description = "Replace the data set in OUT.")
    private boolean overwrite;

    @Override
    public Integer call() {
        if (!ego4d && (videos != null || noSplits)) throw new InputException("--videos and --no-splits belong to --ego4d");
        if (ego4d && recordings != null) throw new InputException("--recordings does not go with --ego4d. Give --videos");
        return ego4d ? raw() : prepared();
    }

    private int prepared() {
        var preset = SampleDataSet.Options.DEFAULT;
        var options = new SampleDataSet.Options(seed, recordings == null ? preset.recordings() : recordings,
                minutes == null ? preset.minutes() : minutes, overwrite);
        PreparedSummary summary;
        try (var progress = new ProgressLine("simulating")) {
            summary = SampleDataSet.generate(target, options, progress);
        }
        System.out.print(summary.table());
        System.out.println("Written to " + target + ". Train on it with: imu2clip pretrain --data " + target);
        return 0;
    }

    private int raw() {
        var preset = Ego4dSample.Options.DEFAULT;
        var options = new Ego4dSample.Options(seed, videos == null ? preset.videos() : videos, minutes == null ? preset.minutes() : minutes,
                !noSplits, overwrite);
        int narrations;
        try (var progress = new ProgressLine("filming")) {
            narrations = Ego4dSample.generate(target, options, progress);
        }
        System.out.println(options.videos() + " videos with " + narrations + " narrations written to " + target
                + ". Prepare them with: imu2clip prepare ego4d " + target + " OUT");
        return 0;
    }
}
