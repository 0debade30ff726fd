package dev.imu2clip.cli;

import dev.imu2clip.backend.Backends;
import dev.imu2clip.clip.ClipModel;
import dev.imu2clip.clip.EmbedTexts;
import dev.imu2clip.train.ImuEmbedder;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(name = "embed", mixinStandardHelpOptions = true,
        description = {"Writes embeddings of windows of motion, pictures, videos or texts.", ""},
        subcommands = {EmbedCommand.Imu.class, EmbedImageCommand.class, EmbedVideoCommand.class, EmbedCommand.Text.class},
        synopsisSubcommandLabel = "(imu | image | video | text)",
        footerHeading = "%nExamples:%n",
        footer = {"  imu2clip embed text --in lines.txt --out embeddings.npy", "", "'imu2clip embed image --help' and its like tell more."})
final class EmbedCommand implements Runnable {
    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec;

    @Override
    public void run() {
        throw new CommandLine.ParameterException(spec.commandLine(), "embed what: imu, image, video or text?");
    }

    @Command(name = "imu", mixinStandardHelpOptions = true, sortOptions = false, description = {"Embeds windows of motion.", ""},
            footerHeading = "%nExample:%n",
            footer = "  imu2clip embed imu --encoder runs/real --in windows.npy --out embeddings.npy")
    static final class Imu implements Callable<Integer> {
        @CommandLine.Spec
        CommandLine.Model.CommandSpec spec;

        @Option(names = "--encoder", required = true, paramLabel = "FILE",
                description = "Encoder weights (safetensors, .pt or .ckpt), or the folder of a run.")
        Path encoder;

        @Option(names = "--in", required = true, paramLabel = "X.npy",
                description = "Windows, shape (N, 6, T): acceleration xyz in m/s², rotation xyz in rad/s.")
        Path in;

        @Option(names = "--out", required = true, paramLabel = "Y.npy", description = "Where the embeddings go, shape (N, width).")
        Path out;

        @Option(names = "--device", paramLabel = "D", defaultValue = "auto", description = "Device; default: the best.")
        String device;

        @Override
        public Integer call() {
            long windows = ImuEmbedder.embedFile(encoder, in, out, Backends.get(device));
            spec.commandLine().getOut().println("Embeddings of " + windows + " windows written to " + out);
            return Main.OK;
        }
    }

    @Command(name = "text", mixinStandardHelpOptions = true, sortOptions = false,
            description = {"Embeds texts with CLIP's text tower.", ""},
            footerHeading = "%nExample:%n",
            footer = "  imu2clip embed text --in lines.txt --out embeddings.npy")
    static final class Text implements Callable<Integer> {
        @CommandLine.Spec
        CommandLine.Model.CommandSpec spec;

        @Option(names = "--in", required = true, arity = "1..*", paramLabel = "LINES.txt",
                description = "Text files, one text a line, UTF-8; - for the standard input.")
        List<Path> in;

        @Option(names = "--out", required = true, paramLabel = "Y.npy", description = "Where the embeddings go, shape (lines, 512).")
        Path out;

        @Option(names = "--normalize", description = "Scale every embedding to length 1; default: as CLIP's encode_text gives them.")
        boolean normalize;

        @Option(names = "--truncate", description = "Cut texts of more than 77 tokens; default: they are an error.")
        boolean truncate;

        @Mixin
        ClipOptions.WithTexts clip;

        @Override
        public Integer call() {
            var out = spec.commandLine().getOut();
            var embed = new EmbedTexts(in, this.out, normalize, truncate);
            try (ClipModel model = clip.open(spec.commandLine().getErr()); var progress = new ProgressLine("embedding texts")) {
                int count = embed.run(model.texts(), progress);
                out.println("Embeddings of " + count + " texts, " + model.texts().width() + " numbers each, written to " + this.out);
            }
            return Main.OK;
        }
    }
}
