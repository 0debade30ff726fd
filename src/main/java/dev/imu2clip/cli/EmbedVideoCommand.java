package dev.imu2clip.cli;

import dev.imu2clip.clip.ClipModel;
import dev.imu2clip.clip.EmbedImages;
import dev.imu2clip.io.InputException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(name = "video", mixinStandardHelpOptions = true, sortOptions = false,
        description = {"Embeds videos, or windows of them, with CLIP's image tower over some of their frames. Only these are decoded; "
                + "what is known from an earlier run is not computed again.", ""},
        footerHeading = "%nExamples:%n",
        footer = {"  imu2clip embed video --in clips --out clips.npy",
                "  imu2clip embed video --in walk.mp4 --out walk.npy --window 5 --stride 2.5",
                "  imu2clip embed video --in clips --out sums.npy --mode clip_avg_frames --pixel-scale-only   as the reference"})
final class EmbedVideoCommand implements Callable<Integer> {
    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec;

    @Option(names = "--in", required = true, arity = "1..*", paramLabel = "PATH",
            description = "Video files and folders. Of a folder, also of those in it, come the videos, sorted by path.")
    List<Path> in;

    @Option(names = "--out", required = true, paramLabel = "Y.npy",
            description = "Where the embeddings go, shape (videos or windows, 512).")
    Path out;

    @Option(names = "--list", paramLabel = "FILE", description = "Where file, start and end of every row go, .csv or .json; default: "
            + "Y.windows.csv.")
    Path list;

    @Option(names = "--window", paramLabel = "SECONDS",
            description = "A row for every window of this length that lies in a video; default: a row "
            + "for every video.")
    Double window;

    @Option(names = "--stride", paramLabel = "SECONDS",
            description = "From one window's start to the next one's; default: the window's length.")
    Double stride;

    @Mixin
    VideoOptions videos;

    @Option(names = "--normalize", description = "Scale every embedding to length 1.")
    boolean normalize;

    @Option(names = "--skip-broken", description = "Leave out what cannot be read; default: it is an error.")
    boolean skipBroken;

    @Mixin
    ClipOptions clip;

    @Override
    public Integer call() {
        long start = System.nanoTime();
        var line = spec.commandLine();
        if (window == null && stride != null)
            throw new InputException("--stride is the distance of windows. Give their length too: --window SECONDS");
        if (window != null && window == 0) throw new InputException("--window 0: a window has a length. Leave it out for whole videos");
        var embed = videos.embed(in, window == null ? 0 : window, stride != null ? stride : window == null ? 0 : window, skipBroken);
        try (ClipModel model = clip.open(line.getErr())) {
            EmbedImages.Report report;
            try (var progress = new ProgressLine("embedding frames")) {
                report = embed.run(model.images(), out, list, normalize, progress);
            }
            EmbedReport.print(report, window == null ? "videos" : "windows", "frames", model.images().width(), out,
                    System.nanoTime() - start, line.getOut(), line.getErr());
        }
        return Main.OK;
    }
}
