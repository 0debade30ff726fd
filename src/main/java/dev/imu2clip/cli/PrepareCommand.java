package dev.imu2clip.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.imu2clip.data.Json;
import dev.imu2clip.data.ego4d.PreparationReport;
import dev.imu2clip.data.ego4d.PrepareEgo4d;
import dev.imu2clip.data.ego4d.RawEgo4d;
import dev.imu2clip.io.InputException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code imu2clip prepare ego4d SRC OUT}. */
@Command(name = "prepare", mixinStandardHelpOptions = true,
        description = {"Turn Ego4D's raw files into a prepared data set: motion at 200 Hz, video at 10 frames a second, sound, splits.",
                "The same command goes on after a stop, and makes again what has changed.", ""},
        footerHeading = "%nExamples:%n",
        footer = {"  imu2clip prepare ego4d ego4d_data data/ego4d",
                "  imu2clip prepare ego4d ego4d_data data/ego4d --no-video --no-audio     motion and text alone",
                "  imu2clip prepare ego4d ego4d_data data/ego4d --imu /disk2/imu --jobs 4",
                "  imu2clip prepare ego4d ego4d_data data/ego4d --json | jq .skipped"})
public final class PrepareCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "FORMAT", description = "What the raw files are: ego4d.")
    private String format;

    @Parameters(index = "1", paramLabel = "SRC",
            description = "Folder of the raw files: ego4d.json, narration.json, imu, full_scale; or in its v1, v2, annotations.")
    private Path source;

    @Parameters(index = "2", paramLabel = "OUT", description = "Folder to write the data set to.")
    private Path target;

    @Option(names = "--metadata", paramLabel = "FILE", description = "ego4d.json, where it lies elsewhere.")
    private Path metadata;

    @Option(names = "--narrations", paramLabel = "FILE", description = "narration.json, where it lies elsewhere.")
    private Path narrations;

    @Option(names = "--imu", paramLabel = "DIR", description = "Folder of UID.csv or UID.csv.gz (default: SRC/imu).")
    private Path imu;

    @Option(names = "--videos", paramLabel = "DIR", description = "Folder of UID.mp4 (default: SRC/full_scale, video or videos).")
    private Path videos;

    @Option(names = "--splits", paramLabel = "DIR",
            description = "Folder of training_0.json, ... (default: SRC/splits; made where there are none).")
    private Path splits;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "0",
            description = "Seed of the splits that are made (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--no-video", description = "Leave the pictures out.")
    private boolean noVideo;

    @Option(names = "--no-audio", description = "Leave the sound out.")
    private boolean noAudio;

    @Option(names = "--reference-rate", description = "Take the rate of motion as the reference does, without what follows the decimal "
            + "point, and count its clock in steps of 5 ms: 199.99 Hz becomes 199 Hz, and the clock runs away by 18 s in an hour.")
    private boolean referenceRate;

    @Option(names = "--even", description = "Interpolate motion onto an even clock before it is resampled: for clocks with gaps and jumps.")
    private boolean even;

    @Option(names = "--jobs", paramLabel = "N", description = "Files worked on at once (default: one for each core).")
    private Integer jobs;

    @Option(names = "--strict", description = "Whatever cannot be used is an error, instead of skipped and counted.")
    private boolean strict;

    @Option(names = "--json", description = "Print the report, which is also OUT/preparation.json.")
    private boolean json;

    @Override
    public Integer call() throws JsonProcessingException {
        if (!format.equals("ego4d"))
            throw new InputException("'" + format + "' cannot be prepared. Known: ego4d; for others see 'imu2clip import'");
        RawEgo4d raw = RawEgo4d.find(source, new RawEgo4d.Places(metadata, narrations, imu, videos, splits));
        var options = new PrepareEgo4d.Options(!noVideo, !noAudio, referenceRate, even, seed,
                jobs == null ? Runtime.getRuntime().availableProcessors() : jobs, strict);
        PreparationReport report;
        try (var progress = new ProgressLine("preparing")) {
            report = PrepareEgo4d.run(raw, target, options, progress);
        }
        if (json) {
            System.out.println(Json.MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(report));
            return 0;
        }
        System.out.print(report.summary());
        System.out.println("Written to " + target + ". Train on it with: imu2clip pretrain --data " + target);
        return 0;
    }
}
