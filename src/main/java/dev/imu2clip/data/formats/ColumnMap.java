package dev.imu2clip.data.formats;

import dev.imu2clip.data.Importer.AccelUnit;
import dev.imu2clip.data.Importer.GyroUnit;
import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Collectors;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/** Says which column of a table is what, in which unit; docs/importers.md explains the entries. Checked when it is made. */
final class ColumnMap {
    static final List<String> SHIPPED = List.of("gaitmap", "neon", "xio-gait");
    private static final List<String> AXES = List.of("accel_x", "accel_y", "accel_z", "gyro_x", "gyro_y", "gyro_z");
    private static final List<String> KEYS = List.of("time", "time_unit", "rate_hz", "max_gap_sec", "accel_x", "accel_y", "accel_z",
            "gyro_x", "gyro_y", "gyro_z", "accel_unit", "gyro_unit", "label", "text", "subject", "subject_pattern", "recording", "sensors",
            "delimiter", "header_lines", "title", "licence", "citation");

    /** A column, taken with the other sign if {@code negative}. */
    record Axis(String column, boolean negative) {}

    private final String source;
    private final Map<String, String> entries;
    final Optional<String> time;
    final TimeUnit timeUnit;
    final EvenClock clock;
    final List<Axis> axes;
    final AccelUnit accelUnit;
    final GyroUnit gyroUnit;
    final Optional<Pattern> subjectPattern;
    final List<String> sensors;
    final char delimiter;
    final int headerLines;

    private ColumnMap(String source, Map<String, String> entries) {
        this.source = source;
        this.entries = entries;
        for (String key : entries.keySet()) if (!KEYS.contains(key)) throw unknown(key);
        time = text("time");
        timeUnit = time.isEmpty() ? TimeUnit.S : choice("time_unit", TimeUnit.values(), unit -> unit.symbol);
        double rate = number("rate_hz", 0, 5, 10_000);
        if (time.isEmpty() && rate == 0) throw wrong("it needs 'time' and 'time_unit', or 'rate_hz' where rows have no time");
        if (Math.abs(rate * 100 - Math.rint(rate * 100)) > 1e-6 || rate > 1000 && rate != Math.rint(rate))
            throw wrong("rate_hz may have two decimals below 1000 Hz and none above, not " + rate);
        clock = new EvenClock(rate, number("max_gap_sec", 0, 1e-3, 60));
        axes = AXES.stream().map(key -> text(key).map(ColumnMap::axis).orElseThrow(() -> wrong("'" + key + "' is missing"))).toList();
        accelUnit = choice("accel_unit", AccelUnit.values(), unit -> unit.symbol);
        gyroUnit = choice("gyro_unit", GyroUnit.values(), unit -> unit.symbol);
        subjectPattern = text("subject_pattern").map(this::pattern);
        sensors = text("sensors").map(list -> Arrays.stream(list.split(",")).map(String::strip).toList()).orElse(List.of(""));
        delimiter = delimiter(text("delimiter").orElse(","));
        headerLines = (int) number("header_lines", 1, 0, 10);
    }

    /** @throws InputException naming the map and the entry that is wrong */
    static ColumnMap of(Optional<String> map, Map<String, String> set) {
        if (map.isEmpty() && set.isEmpty())
            throw new InputException("which column is what? Give --map FILE, or one of the maps " + String.join(", ", SHIPPED)
                    + ", or --set KEY=VALUE for each entry; docs/importers.md explains them");
        Map<String, String> entries = new LinkedHashMap<>();
        map.ifPresent(name -> entries.putAll(read(name)));
        entries.putAll(set);
        return new ColumnMap(map.orElse("--set"), entries);
    }

    private static Map<String, String> read(String name) {
        try {
            if (!Files.isRegularFile(Path.of(name)) && SHIPPED.contains(name)) {
                try (InputStream in = ColumnMap.class.getResourceAsStream("/columns/" + name + ".yaml")) {
                    return parse(name, new String(in.readAllBytes(), StandardCharsets.UTF_8));
                }
            }
            if (!Files.isRegularFile(Path.of(name)))
                throw new InputException(name + ": no such column map. Give a YAML file, or one of " + String.join(", ", SHIPPED));
            return parse(name, Files.readString(Path.of(name)));
        } catch (IOException e) {
            throw new InputException(name + ": cannot be read (" + InputException.reason(e) + ")", e);
        }
    }

    private static Map<String, String> parse(String name, String yaml) {
        Object document;
        try {
            document = new Load(LoadSettings.builder().setLabel(name).build()).loadFromString(yaml);
        } catch (MarkedYamlEngineException e) {
            String line = e.getProblemMark().map(mark -> "line " + (mark.getLine() + 1) + ": ").orElse("");
            throw new InputException(name + ": " + line + "is not YAML: " + e.getProblem());
        } catch (YamlEngineException e) {
            throw new InputException(name + ": is not YAML: " + e.getMessage().lines().findFirst().orElse(""));
        }
        if (!(document instanceof Map<?, ?> map)) throw new InputException(name + ": expected lines such as 'accel_x: COLUMN'");
        Map<String, String> entries = new LinkedHashMap<>();
        map.forEach((key, value) -> {
            entries.put(String.valueOf(key), switch (value) {
                case List<?> list -> list.stream().map(String::valueOf).collect(Collectors.joining(","));
                case String text -> text;
                case Number number -> number.toString();
                case null, default -> throw new InputException(name + ": '" + key + "' must be a text, a number or a list, such as "
                        + "'accel_x: COLUMN'");
            });
        });
        return entries;
    }

    /** A free text or a column's name. */
    Optional<String> text(String key) {
        return Optional.ofNullable(entries.get(key)).filter(value -> !value.isEmpty());
    }

    /** As given. */
    Map<String, String> entries() {
        return Collections.unmodifiableMap(entries);
    }

    private static Axis axis(String value) {
        String name = value.strip();
        return name.startsWith("-") ? new Axis(name.substring(1).strip(), true)
                : new Axis(name.startsWith("+") ? name.substring(1).strip() : name, false);
    }

    private double number(String key, double absent, double least, double most) {
        String value = entries.get(key);
        if (value == null) return absent;
        try {
            double number = Double.parseDouble(value);
            if (number >= least && number <= most) return number;
        } catch (NumberFormatException e) {
            // said below
        }
        throw wrong(key + " must be a number of " + least + " to " + most + ", not '" + value + "'");
    }

    private <T> T choice(String key, T[] values, Function<T, String> symbol) {
        String value = entries.get(key);
        for (T candidate : values) if (symbol.apply(candidate).equals(value)) return candidate;
        throw wrong(key + (value == null ? " is missing: " : " cannot be '" + value + "': ") + "it is one of "
                + Arrays.stream(values).map(symbol).collect(Collectors.joining(", ")));
    }

    private Pattern pattern(String value) {
        try {
            Pattern pattern = Pattern.compile(value);
            if (pattern.matcher("").groupCount() >= 1) return pattern;
        } catch (PatternSyntaxException e) {
            // said below
        }
        throw wrong("subject_pattern must be a regular expression with a group for the subject, such as 'S(\\d+)_', not '" + value + "'");
    }

    private char delimiter(String value) {
        if (value.equals("tab")) return '\t';
        if (value.length() == 1) return value.charAt(0);
        throw wrong("delimiter must be one character or 'tab', not '" + value + "'");
    }

    private InputException unknown(String key) {
        return wrong("there is no entry '" + key + "'" + Words.nearest(key, KEYS).map(word -> "; did you mean '" + word + "'?")
                .orElse(". Known are " + String.join(", ", KEYS)));
    }

    private InputException wrong(String problem) {
        return new InputException(source + ": " + problem);
    }

    /** @throws InputException when one of the wanted columns is not there */
    static void require(Path file, List<String> present, List<String> wanted) {
        for (String column : wanted)
            if (!present.contains(column))
                throw InputException.in(file, "has no column '" + column + "'" + Words.nearest(column, present)
                        .map(word -> "; did you mean '" + word + "'?").orElse(".") + " Its columns are " + String.join(", ", present), "");
    }
}
