package dev.imu2clip.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.imu2clip.data.Json;
import dev.imu2clip.data.check.CheckReport;
import dev.imu2clip.data.check.DataCheck;
import dev.imu2clip.data.check.Status;
import dev.imu2clip.data.ego4d.PreparationReport;
import dev.imu2clip.data.ego4d.PrepareEgo4d;
import dev.imu2clip.data.ego4d.RawEgo4d;
import dev.imu2clip.io.InputException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code imu2clip prepare ego4d SRC OUT} and {@code imu2clip prepare --check DIR}. */
@Command(name = "prepare", mixinStandardHelpOptions = true,
        customSynopsis = {"imu2clip prepare ego4d SRC OUT [options]", "       imu2clip prepare --check DIR [--no-lag] [--jobs N] [--json]"},
        description = {"Turn Ego4D's raw files into a prepared data set: motion at 200 Hz, video at 10 frames a second, sound, metadata, splits.",
                "The same command goes on after a stop, and makes again what has changed.",
                "With --check, look a prepared data set of any origin over: clocks, rates, units, axes, gravity, channels, the lag between "
                        + "film and motion, and every window that is lost (docs/data-check.md).", ""},
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:prepared, whatever its check found; --check: all can be used, with warnings or without",
                "1:an error; --check: a recording cannot be used", "2:wrong usage"},
        footerHeading = "%nExamples:%n",
        footer = {"  imu2clip prepare ego4d ego4d_data data/ego4d",
                "  imu2clip prepare ego4d ego4d_data data/ego4d --no-video --no-audio     motion and text alone",
                "  imu2clip prepare ego4d ego4d_data data/ego4d --imu /disk2/imu --jobs 4",
                "  imu2clip prepare ego4d ego4d_data data/ego4d --json | jq .skipped",
                "  imu2clip prepare --check data/ego4d                      then open data/ego4d/check.html",
                "  imu2clip prepare --check data/hapt --json | jq .findings"})
public final class PrepareCommand implements Callable<Integer> {
    @Parameters(index = "0", arity = "0..1", paramLabel = "FORMAT", description = "What the raw files are: ego4d.")
    private String format;

    @Parameters(index = "1", arity = "0..1", paramLabel = "SRC",
            description = "Folder of the raw files: ego4d.json, narration.json, imu, full_scale; also in its folders v1, v2 and annotations.")
    private Path source;

    @Parameters(index = "2", arity = "0..1", paramLabel = "OUT", description = "Folder to write the data set to.")
    private Path target;

    @Option(names = "--check", paramLabel = "DIR", description = "Check the prepared data set in DIR, and write DIR/check.json and DIR/check.html.")
    private Path check;

    @Option(names = "--no-check", description = "Do not check what was prepared.")
    private boolean noCheck;

    @Option(names = "--no-lag", description = "Check all but the lag between film and motion, which takes longest.")
    private boolean noLag;

    @Option(names = "--metadata", paramLabel = "FILE", description = "ego4d.json, where it lies elsewhere.")
    private Path metadata;

    @Option(names = "--narrations", paramLabel = "FILE", description = "narration.json, where it lies elsewhere.")
    private Path narrations;

    @Option(names = "--imu", paramLabel = "DIR", description = "Folder of UID.csv or UID.csv.gz (default: SRC/imu).")
    private Path imu;

    @Option(names = "--videos", paramLabel = "DIR", description = "Folder of UID.mp4 (default: SRC/full_scale, video or videos).")
    private Path videos;

    @Option(names = "--splits", paramLabel = "DIR", description = "Folder of training_0.json, ... (default: SRC/splits; made where there are none).")
    private Path splits;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "0", description = "Seed of the splits that are made (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--no-video", description = "Leave the pictures out.")
    private boolean noVideo;

    @Option(names = "--no-audio", description = "Leave the sound out.")
    private boolean noAudio;

    @Option(names = "--reference-rate", description = "Take the rate of motion as the reference does, without what follows the decimal point, "
            + "and count its clock in steps of 5 ms: 199.99 Hz becomes 199 Hz, and the clock runs away by 18 s in an hour.")
    private boolean referenceRate;

    @Option(names = "--even", description = "Interpolate motion onto an even clock before it is resampled: for clocks with gaps and jumps.")
    private boolean even;

    @Option(names = "--jobs", paramLabel = "N", description = "Files worked on at once (default: one for each core).")
    private Integer jobs;

    @Option(names = "--strict", description = "Whatever cannot be used is an error, instead of skipped and counted.")
    private boolean strict;

    @Option(names = "--json", description = "Print the report, which is also OUT/preparation.json or DIR/check.json.")
    private boolean json;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws JsonProcessingException {
        if (check == null) return prepare();
        if (format != null) throw new ParameterException(spec.commandLine(), "--check DIR takes no further arguments, found '" + format + "'");
        CheckReport report = check(check);
        System.out.print(json ? pretty(report) : report.summary() + "Details: " + check.resolve("check.html") + "\n");
        return report.status() == Status.BAD ? 1 : 0;
    }

    private CheckReport check(Path folder) {
        CheckReport report;
        try (var progress = new ProgressLine("checking")) {
            report = DataCheck.run(folder, new DataCheck.Options(!noLag, jobs()), progress);
        }
        report.write(folder);
        return report;
    }

    private int prepare() throws JsonProcessingException {
        if (target == null) throw new ParameterException(spec.commandLine(), "expected 'ego4d SRC OUT' or '--check DIR'");
        if (!format.equals("ego4d")) throw new InputException("'" + format + "' cannot be prepared. Known: ego4d; for others see 'imu2clip import'");
        RawEgo4d raw = RawEgo4d.find(source, new RawEgo4d.Places(metadata, narrations, imu, videos, splits));
        var options = new PrepareEgo4d.Options(!noVideo, !noAudio, referenceRate, even, seed, jobs(), strict);
        PreparationReport report;
        try (var progress = new ProgressLine("preparing")) {
            report = PrepareEgo4d.run(raw, target, options, progress);
        }
        if (!json) System.out.print(report.summary());
        CheckReport checked = noCheck ? null : check(target);
        if (json) {
            System.out.print(pretty(report));
            return 0;
        }
        if (checked != null) System.out.print(checked.summary() + "Details: " + target.resolve("check.html") + "\n");
        System.out.println("Written to " + target + ". Train on it with: imu2clip pretrain --data " + target);
        return 0;
    }

    private int jobs() {
        return jobs == null ? Runtime.getRuntime().availableProcessors() : jobs;
    }

    private static String pretty(Object report) throws JsonProcessingException {
        return Json.MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(report) + "\n";
    }
}
