package dev.imu2clip.cli;

import dev.imu2clip.clip.ClipModel;
import dev.imu2clip.clip.EmbedImages;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(name = "image", mixinStandardHelpOptions = true, sortOptions = false,
        description = {"Embeds pictures with CLIP's image tower: JPEG, PNG, GIF, BMP and WebP. What is known from an earlier run is not "
                + "computed again.", ""},
        footerHeading = "%nExamples:%n",
        footer = {"  imu2clip embed image --in photos --out photos.npy                  a folder and those in it",
                "  imu2clip embed image --in a.jpg b.png --out two.npy --list two.json",
                "  imu2clip embed image --in pixels.npy --out embeddings.npy          already preprocessed"})
final class EmbedImageCommand implements Callable<Integer> {
    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec;

    @Option(names = "--in", required = true, arity = "1..*", paramLabel = "PATH",
            description = {"Picture files and folders; or one npy file of preprocessed pixels, shape (N, 3, 224, 224), float32 "
                    + "(float16 and float64 are converted).", "Of a folder, also of those in it, come the pictures, sorted by path."})
    List<Path> in;

    @Option(names = "--out", required = true, paramLabel = "Y.npy", description = "Where the embeddings go, shape (pictures, 512).")
    Path out;

    @Option(names = "--list", paramLabel = "FILE", description = "Where the pictures' names go, row by row, .txt or .json; default: "
            + "Y.names.txt.")
    Path list;

    @Option(names = "--normalize", description = "Scale every embedding to length 1; default: as CLIP's encode_image gives them.")
    boolean normalize;

    @Option(names = "--skip-broken", description = "Leave out pictures that cannot be read; default: they are an error.")
    boolean skipBroken;

    @Mixin
    ClipOptions clip;

    @Override
    public Integer call() {
        long start = System.nanoTime();
        var line = spec.commandLine();
        try (ClipModel model = clip.open(line.getErr())) {
            EmbedImages.Report report;
            try (var progress = new ProgressLine("embedding pictures")) {
                report = new EmbedImages(in, out, list, normalize, skipBroken).run(model.images(), progress);
            }
            EmbedReport.print(report, "pictures", "pictures", model.images().width(), out, System.nanoTime() - start, line.getOut(),
                    line.getErr());
        }
        return Main.OK;
    }
}
