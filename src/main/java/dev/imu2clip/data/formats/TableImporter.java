package dev.imu2clip.data.formats;

import dev.imu2clip.data.Importer;
import dev.imu2clip.io.InputException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** CSV or Parquet files, whose columns a {@link ColumnMap} explains. A file is a recording, or several where a column names them. */
final class TableImporter implements Importer {
    private static final double PATIENCE_SEC = 60;
    private final String format;
    private final ColumnMap map;
    private final Pattern files;

    /** @param format {@code csv} or {@code parquet} */
    TableImporter(String format, ColumnMap map) {
        this.format = format;
        this.map = map;
        files = Pattern.compile(format.equals("csv") ? "(?i).*\\.(csv|tsv)(\\.gz)?" : "(?i).*\\.(parquet|pq)");
    }

    @Override
    public String name() {
        return format;
    }

    @Override
    public Source about() {
        return new Source(map.text("title").orElse("recordings from " + format + " files"),
                map.text("licence").orElse("as the owner of the recordings says"), map.text("citation").orElse(""));
    }

    @Override
    public Map<String, Object> settings() {
        return Map.of("columns", map.entries());
    }

    @Override
    public List<Raw> recordings(Path source) {
        List<Path> found = SourceFiles.matching(source, files);
        if (found.isEmpty())
            throw InputException.in(source, "has no " + (format.equals("csv") ? ".csv, .tsv or .csv.gz" : ".parquet") + " file",
                    "Give a file or the folder that holds them");
        return found.stream().map(file -> new Raw(file.getFileName().toString(), () -> read(file))).toList();
    }

    private List<Signal> read(Path file) {
        List<Signal> signals = new ArrayList<>();
        for (String sensor : map.sensors) {
            Map<String, Track> tracks = new LinkedHashMap<>();
            try (Table table = format.equals("csv") ? new CsvTable(file, map.delimiter, map.headerLines) : new ParquetTable(file, PATIENCE_SEC)) {
                new Rows(file, table, sensor).into(tracks);
            }
            for (Track track : tracks.values()) signals.addAll(map.clock.signals(track, file.toString()));
        }
        if (signals.isEmpty())
            throw InputException.in(file, "has no second without a gap", "Check the columns for missing values, and max_gap_sec");
        return signals;
    }

    /** The rows of one file for one of its sensors. */
    private final class Rows {
        private final Path file;
        private final Table table;
        private final String sensor;
        private final List<String> chosen = new ArrayList<>();
        private final TimeColumn clock = new TimeColumn(map.timeUnit);

        Rows(Path file, Table table, String sensor) {
            this.file = file;
            this.table = table;
            this.sensor = sensor;
        }

        void into(Map<String, Track> tracks) {
            int[] axes = map.axes.stream().mapToInt(axis -> column(Optional.of(axis.column()))).toArray();
            int time = column(map.time);
            int recording = column(map.text("recording"));
            int subject = column(map.text("subject"));
            int label = column(map.text("label"));
            int text = column(map.text("text"));
            ColumnMap.require(file, table.names(), chosen);
            table.choose(chosen);
            boolean labelled = label >= 0 || text >= 0;
            double[] six = new double[6];
            while (table.next()) {
                String who = words(subject);
                Track track = tracks.computeIfAbsent(words(recording) + "\n" + who, key -> track(words(recording), who, labelled));
                for (int c = 0; c < 6; c++) six[c] = map.axes.get(c).negative() ? -number(axes[c]) : number(axes[c]);
                double seconds = time < 0 ? track.size / map.clock.rateHz() : time(time);
                if (track.size > 0 && seconds < track.seconds[track.size - 1])
                    throw wrong(time, "the time runs backwards", "Sort the rows by time; if the file holds several recordings, name the "
                            + "column that tells them apart: recording");
                String said = text < 0 ? words(label) : words(text);
                track.add(seconds, said, words(label), six);
            }
        }

        private int column(Optional<String> name) {
            if (name.isEmpty()) return -1;
            String full = name.get().replace("{sensor}", sensor);
            if (!chosen.contains(full)) chosen.add(full);
            return chosen.indexOf(full);
        }

        private String words(int column) {
            Object value = column < 0 ? null : table.value(column);
            return value == null ? "" : value.toString().strip();
        }

        /** NaN where there is no value. */
        private double number(int column) {
            Object value = table.value(column);
            try {
                double number = switch (value) {
                    case null -> Double.NaN;
                    case Number n -> n.doubleValue();
                    case String s when s.isEmpty() || s.equalsIgnoreCase("nan") || s.equalsIgnoreCase("null") -> Double.NaN;
                    case String s -> Double.parseDouble(s);
                    default -> Double.POSITIVE_INFINITY;
                };
                if (!Double.isInfinite(number)) return number;
            } catch (NumberFormatException e) {
                // said below
            }
            throw wrong(column, "'" + value + "' is not a finite number", "");
        }

        private double time(int column) {
            Object value = table.value(column);
            try {
                return clock.seconds(value);
            } catch (IllegalArgumentException e) {
                throw wrong(column, "'" + value + "' is no time in " + map.timeUnit.symbol, "");
            }
        }

        private InputException wrong(int column, String problem, String remedy) {
            return InputException.in(file, table.place() + ", column '" + chosen.get(column) + "': " + problem, remedy);
        }

        private Track track(String recording, String who, boolean labelled) {
            String base = SourceFiles.baseName(file);
            Matcher pattern = map.subjectPattern.map(p -> p.matcher(file.getFileName().toString())).orElse(null);
            String subject = !who.isEmpty() ? who : pattern == null ? base : pattern.find() && pattern.group(1) != null ? pattern.group(1) : null;
            if (subject == null)
                throw InputException.in(file, "its name does not match subject_pattern '" + map.subjectPattern.get() + "'", "");
            String name = String.join("_", base, recording.isEmpty() ? who : recording, sensor).replaceAll("_+", "_")
                    .replaceFirst("_$", "");
            return new Track(SourceFiles.uid(name), subject, map.accelUnit, map.gyroUnit, labelled);
        }
    }
}
