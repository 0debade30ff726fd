package dev.imu2clip.cli;

import dev.imu2clip.data.ImportJob;
import dev.imu2clip.data.Importer;
import dev.imu2clip.data.PreparedSummary;
import dev.imu2clip.data.formats.Formats;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code imu2clip import FORMAT SRC OUT}. */
@Command(name = "import", description = "Turn recordings of a known format into a prepared data set (docs/importers.md).",
        mixinStandardHelpOptions = true)
public final class ImportCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "FORMAT", description = "Format of the recordings; see below.")
    private String format;

    @Parameters(index = "1", paramLabel = "SRC", description = "Folder of the recordings; a single file for gopro, csv and parquet.")
    private Path source;

    @Parameters(index = "2", paramLabel = "OUT", description = "Folder to write the data set to.")
    private Path target;

    @Option(names = "--sensor", paramLabel = "NAME", description = "Which sensor of several: pamap2 has chest (the default), hand and "
            + "ankle, wisdm has phone (the default) and watch; all takes each as a recording of its own.")
    private Optional<String> sensor;

    @Option(names = "--map", paramLabel = "FILE", description = "csv and parquet: a YAML file that says which column is what in which "
            + "unit, or one of the maps gaitmap, neon, xio-gait.")
    private Optional<String> map;

    @Option(names = "--set", paramLabel = "KEY=VALUE", description = "csv and parquet: an entry of the map, such as "
            + "--set accel_unit=g --set accel_x=-ay; may be repeated.")
    private Map<String, String> set = new LinkedHashMap<>();

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

    @Spec
    void spec(CommandSpec spec) {
        StringBuilder text = new StringBuilder("%nFormats:%n");
        for (var known : Formats.ALL) text.append(String.format("  %-12s %s%%n", known.name(), known.what()));
        text.append("%nExamples:%n");
        for (var known : Formats.ALL) text.append("  imu2clip import " + known.name() + " " + known.example() + "%n");
        spec.usageMessage().footer(text.toString());
    }

    @Override
    public Integer call() {
        Importer importer = Formats.importer(format, new Formats.Settings(sensor, map, set));
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
