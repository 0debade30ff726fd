package dev.imu2clip.cli;

import dev.imu2clip.backend.Backends;
import dev.imu2clip.io.CacheFolder;
import dev.imu2clip.clip.ClipFiles;
import dev.imu2clip.clip.ClipModel;
import java.io.PrintWriter;
import java.nio.file.Path;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Which CLIP a command uses, and where it runs. */
final class ClipOptions {
    @Option(names = "--clip", paramLabel = "FILE",
            description = "CLIP weights, a file or folder; default: those of $IMU2CLIP_CLIP, else the downloaded ones.")
    Path clip;

    @Option(names = "--device", paramLabel = "D", defaultValue = "auto", description = "Device; default: the best.")
    String device;

    /** With a vocabulary, for commands that embed texts too. */
    static final class WithTexts {
        @Mixin
        ClipOptions options = new ClipOptions();

        @Option(names = "--vocab", paramLabel = "FILE", description = "CLIP's vocabulary; default: beside the weights.")
        Path vocab;

        ClipModel open(PrintWriter err) {
            return options.open(vocab, err);
        }
    }

    ClipModel open(PrintWriter err) {
        return open(null, err);
    }

    private ClipModel open(Path vocab, PrintWriter err) {
        var backend = Backends.get(device);
        Path weights = clip;
        if (weights == null) {
            ClipFiles found = ClipFiles.require();
            err.println(found.notice());
            weights = found.weights();
        }
        return ClipModel.open(backend, weights, vocab, CacheFolder.path(), err::println);
    }
}
