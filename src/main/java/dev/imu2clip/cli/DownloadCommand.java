package dev.imu2clip.cli;

import dev.imu2clip.io.CacheFolder;
import dev.imu2clip.clip.ClipRelease;
import dev.imu2clip.io.Download;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.RemoteFile;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "download", mixinStandardHelpOptions = true, sortOptions = false,
        description = {"Fetches CLIP's published weights and vocabulary, where every command finds them. What is cut off goes on where it "
                + "stopped, also the next day; a file counts only when its hash is right.", ""},
        footerHeading = "%nExamples:%n",
        footer = {"  imu2clip download clip-vit-b-32               about 340 MiB",
                "  imu2clip download clip-vit-b-32 --from https://mirror.example/clip",
                "  IMU2CLIP_JAVA_OPTS='-Dhttps.proxyHost=HOST -Dhttps.proxyPort=PORT' imu2clip download clip-vit-b-32"})
final class DownloadCommand implements Callable<Integer> {
    private final List<ClipRelease> releases;
    private final Download.Limits limits;

    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec;

    @Parameters(index = "0", paramLabel = "NAME", description = "What: clip-vit-b-32.")
    String name;

    @Option(names = "--from", paramLabel = "URL", description = "A folder on the net that has the files under their own names; default: "
            + "where they were published. The hashes are checked in any case.")
    String from;

    @Option(names = "--to", paramLabel = "DIR", description = "Folder; default: models/NAME in the cache. Give it to commands with --clip.")
    Path to;

    DownloadCommand() {
        this(ClipRelease.ALL, Download.Limits.DEFAULT);
    }

    DownloadCommand(List<ClipRelease> releases, Download.Limits limits) {
        this.releases = releases;
        this.limits = limits;
    }

    @Override
    public Integer call() {
        ClipRelease release = ClipRelease.named(name, releases);
        Path folder = to == null ? release.folder() : to;
        Consumer<String> say = spec.commandLine().getErr()::println;
        for (RemoteFile file : release.files()) {
            try (var progress = ProgressLine.ofBytes(file.name())) {
                new Download(limits, CacheFolder.path(), progress, say).fetch(from == null ? file : file.at(mirror()), folder);
            }
        }
        spec.commandLine().getOut().println(release.name() + " is in " + folder + (to == null ? "; commands use it where no --clip is given"
                : "; give it to commands with --clip, or set IMU2CLIP_CLIP"));
        return Main.OK;
    }

    private URI mirror() {
        try {
            return URI.create(from);
        } catch (IllegalArgumentException e) {
            throw new InputException("--from " + from + ": is no address (" + e.getCause().getMessage() + ")", e);
        }
    }
}
