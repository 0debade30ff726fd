package dev.imu2clip.cli;

import dev.imu2clip.data.ImportJob;
import dev.imu2clip.data.Importer;
import dev.imu2clip.data.PreparedSummary;
import dev.imu2clip.io.InputException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code imu2clip import hapt SRC OUT}. */
@Command(name = "import", description = "Turn recordings of a known format into a prepared data set (docs/data.md).",
        mixinStandardHelpOptions = true, footerHeading = "%nExample:%n",
        footer = "  imu2clip import hapt 'HAPT Data Set' data/hapt")
public final class ImportCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "FORMAT", description = "Format of the recordings: hapt.")
    private String format;

    @Parameters(index = "1", paramLabel = "SRC", description = "Folder of the recordings.")
    private Path source;

    @Parameters(index = "2", paramLabel = "OUT", description = "Folder to write the data set to.")
    private Path target;

    @Option(names = "--window-sec", paramLabel = "S", defaultValue = "5",
            description = "Length of a window in seconds (default: ${DEFAULT-VALUE}).")
    private double windowSec;

    @Option(names = "--min-span-sec", paramLabel = "S", defaultValue = "2",
            description = "A labelled span shorter than a window, but at least this long, gives one window centred on it "
                    + "(default: ${DEFAULT-VALUE}).")
    private double minSpanSec;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "0",
            description = "Seed of the split by subject (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--overwrite", description = "Replace the data set in OUT.")
    private boolean overwrite;

    @Override
    public Integer call() {
        Importer importer = Importer.all().stream().filter(i -> i.name().equals(format)).findFirst().orElseThrow(() -> new InputException(
                "'" + format + "' is no known format. Known: "
                        + Importer.all().stream().map(Importer::name).collect(Collectors.joining(", "))));
        PreparedSummary summary;
        try (var progress = new ProgressLine("importing " + format)) {
            summary = ImportJob.run(importer, source, target, new ImportJob.Options(windowSec, minSpanSec, seed, overwrite), progress);
        }
        System.out.print(summary.table());
        System.out.println("Written to " + target + ". Licence: " + importer.about().licence());
        System.out.println("Train on it with: imu2clip pretrain --data " + target);
        return 0;
    }
}
