package dev.imu2clip.data.formats;

import dev.imu2clip.data.Importer;
import dev.imu2clip.io.InputException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The formats that can be imported. A new importer is entered here, and nowhere else. */
public final class Formats {
    /**
     * @param sensors choices of {@code --sensor}; empty when there is nothing to choose
     * @param mapped whether a column map says where things are
     */
    public record Format(String name, String what, String example, List<String> sensors, boolean mapped,
            Function<Settings, Importer> importer) {}

    /**
     * What formats may want to know.
     *
     * @param sensor which sensor of several
     * @param map name of a shipped column map, or a file with one
     * @param set single entries of the map, over those of {@code map}
     */
    public record Settings(Optional<String> sensor, Optional<String> map, Map<String, String> set) {
        public static final Settings NONE = new Settings(Optional.empty(), Optional.empty(), Map.of());
    }

    public static final List<Format> ALL = List.of(
            fixed("hapt", "HAPT: phone on the waist, 12 activities and postural transitions", "'HAPT Data Set' data/hapt",
                    new HaptImporter()),
            fixed("ucihar", "UCI HAR: phone on the waist, 6 activities", "'UCI HAR Dataset' data/ucihar", new UciHarImporter()),
            new Format("pamap2", "PAMAP2: hand, chest or ankle, 18 activities", "PAMAP2_Dataset data/pamap2 --sensor chest",
                    List.of("chest", "hand", "ankle", "all"), false, s -> new Pamap2Importer(s.sensor.orElse("chest"))),
            fixed("motionsense", "MotionSense: phone in the pocket, 6 activities", "motion-sense data/motionsense",
                    new MotionSenseImporter()),
            new Format("wisdm", "WISDM 2019: phone or watch, 18 activities", "wisdm-dataset data/wisdm --sensor watch",
                    List.of("phone", "watch", "all"), false, s -> new WisdmImporter(s.sensor.orElse("phone"))),
            fixed("gopro", "GoPro films with their motion sensors; GPS is left out", "films data/films", new GoProImporter()),
            new Format("csv", "CSV files (.csv, .tsv, .gz) with a column map", "glasses data/glasses --map neon", List.of(), true,
                    s -> new TableImporter("csv", ColumnMap.of(s.map, s.set))),
            new Format("parquet", "Parquet files with a column map", "rides data/rides --map columns.yaml --set accel_unit=g", List.of(),
                    true, s -> new TableImporter("parquet", ColumnMap.of(s.map, s.set))));

    private Formats() {}

    private static Format fixed(String name, String what, String example, Importer importer) {
        return new Format(name, what, example, List.of(), false, s -> importer);
    }

    /** @throws InputException when there is no such format, or it does not know one of the settings */
    public static Importer importer(String name, Settings settings) {
        Format format = ALL.stream().filter(f -> f.name.equals(name)).findFirst().orElseThrow(() -> new InputException("'" + name
                + "' is no known format. Known: " + ALL.stream().map(Format::name).collect(Collectors.joining(", "))));
        if (settings.sensor.isPresent() && format.sensors.isEmpty())
            throw new InputException("--sensor: there is nothing to choose in the format " + name);
        if (!format.mapped && (settings.map.isPresent() || !settings.set.isEmpty()))
            throw new InputException("--map and --set: the format " + name + " has its own columns; they belong to csv and parquet");
        return format.importer.apply(settings);
    }

    /** The chosen one, or each of them for {@code all}. */
    static List<String> sensors(String format, String choice, List<String> all) {
        if (choice.equals("all")) return all;
        if (all.contains(choice)) return List.of(choice);
        throw new InputException("--sensor: " + format + " has no '" + choice + "'. Choose one of " + String.join(", ", all) + ", all");
    }
}
