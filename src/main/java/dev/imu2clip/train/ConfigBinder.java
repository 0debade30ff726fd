package dev.imu2clip.train;

import dev.imu2clip.io.InputException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Collects values for settings, each checked as it comes, and builds the {@link Config}. */
final class ConfigBinder {
    private final Map<ConfigKey, Object> values = new LinkedHashMap<>();

    ConfigBinder() {
        for (ConfigKey key : ConfigKey.ALL) {
            String place = "default of " + key.dotted();
            values.put(key, convert(key, ConfigYaml.value(key.setting().value(), place), place));
        }
    }

    Config config() {
        return ConfigKey.build(values);
    }

    /** {@code key=value} from the command line. */
    void set(String assignment) {
        String place = "--set " + assignment;
        int equals = assignment.indexOf('=');
        if (equals <= 0) throw new InputException(place + ": expected key=value, for instance optim.lr=1e-3");
        ConfigKey key = find(assignment.substring(0, equals).strip(), place);
        String text = assignment.substring(equals + 1);
        // A path or a name is taken as it stands; anything else may be written as in YAML, for instance [text, video].
        boolean list = key.component().getType() == List.class;
        values.put(key, convert(key, list ? ConfigYaml.value(text.startsWith("[") ? text : "[" + text + "]", place) : text, place));
    }

    /** @param place where the value stands, for the message */
    void put(String dotted, Object value, String place) {
        ConfigKey key = find(dotted, place);
        values.put(key, convert(key, value, place));
    }

    void checkSection(String name, String place) {
        if (ConfigKey.sections().contains(name)) return;
        String elsewhere = ConfigKey.ALL.stream().filter(key -> key.named(name)).map(ConfigKey::section)
                .collect(Collectors.joining("' or '"));
        if (!elsewhere.isEmpty()) throw new InputException(place + ": '" + name + "' belongs into the section '" + elsewhere + "'");
        throw new InputException(place + ": unknown section '" + name + "'" + suggestion(name, ConfigKey.sections().stream()));
    }

    private static ConfigKey find(String dotted, String place) {
        int dot = dotted.indexOf('.');
        String section = dot < 0 ? "" : dotted.substring(0, dot);
        String name = dotted.substring(dot + 1);
        List<ConfigKey> found = ConfigKey.ALL.stream().filter(key -> key.named(name) && (dot < 0 || key.section().equals(section)))
                .toList();
        if (found.size() == 1) return found.getFirst();
        if (found.size() > 1)
            throw new InputException(place + ": '" + name + "' is ambiguous: "
                    + found.stream().map(ConfigKey::dotted).collect(Collectors.joining(", ")));
        if (dot >= 0 && !ConfigKey.sections().contains(section))
            throw new InputException(place + ": unknown section '" + section + "'" + suggestion(section, ConfigKey.sections().stream()));
        Stream<String> near = ConfigKey.ALL.stream().filter(key -> dot < 0 || key.section().equals(section)).map(ConfigKey::name);
        Optional<ConfigKey> elsewhere = ConfigKey.ALL.stream().filter(key -> key.named(name)).findFirst();
        throw new InputException(place + ": unknown key '" + name + "'" + (dot < 0 ? "" : " in " + section)
                + elsewhere.map(key -> "; it belongs into the section '" + key.section() + "'").orElseGet(() -> suggestion(name, near)));
    }

    private static Object convert(ConfigKey key, Object value, String place) {
        Class<?> type = key.component().getType();
        if (type == List.class) {
            List<String> items = value instanceof List<?> list ? list.stream().map(String::valueOf).toList()
                    : value == null || value.equals("") ? List.of() : List.of(String.valueOf(value));
            items.forEach(item -> checkChoice(key, item, place));
            return items;
        }
        if (value instanceof List) throw wrong(key, "a list", place);
        String text = value == null ? "" : String.valueOf(value).strip();
        if (type == String.class) {
            checkChoice(key, text, place);
            return text;
        }
        if (type == boolean.class) return switch (text.toLowerCase(Locale.ROOT)) {
            case "true", "yes", "on" -> true;
            case "false", "no", "off" -> false;
            default -> throw wrong(key, "'" + text + "'", place);
        };
        return number(key, type, text, place);
    }

    private static Object number(ConfigKey key, Class<?> type, String text, String place) {
        Setting setting = key.setting();
        try {
            Number number;
            if (type == int.class) number = Integer.valueOf(text);
            else if (type == long.class) number = Long.valueOf(text);
            else number = Double.valueOf(text);
            double size = number.doubleValue();
            boolean low = setting.aboveMin() ? size <= setting.min() : size < setting.min();
            if (low || size > setting.max() || !Double.isFinite(size)) throw wrong(key, text, place);
            return number;
        } catch (NumberFormatException e) {
            throw wrong(key, "'" + text + "'", place);
        }
    }

    private static void checkChoice(ConfigKey key, String word, String place) {
        List<String> choices = key.choices();
        if (!choices.isEmpty() && !choices.contains(word))
            throw new InputException(place + ": " + key.name() + " cannot be '" + word + "'; it is one of " + String.join(", ", choices)
                    + didYouMean(word, choices.stream()).map(s -> ". Did you mean '" + s + "'?").orElse(""));
    }

    private static InputException wrong(ConfigKey key, String got, String place) {
        return new InputException(place + ": " + key.name() + " must be " + expected(key) + ", not " + got);
    }

    /** For instance "a whole number of at least 2". */
    static String expected(ConfigKey key) {
        Class<?> type = key.component().getType();
        if (type == boolean.class) return "true or false";
        if (type == List.class) return "a list";
        if (type == String.class) return "text";
        Setting setting = key.setting();
        List<String> limits = new ArrayList<>();
        String form = type == double.class ? "%s" : "%.0f";
        if (setting.min() > Double.NEGATIVE_INFINITY)
            limits.add((setting.aboveMin() ? "above " : "of at least ") + String.format(Locale.ROOT, form, setting.min()));
        if (setting.max() < Double.POSITIVE_INFINITY) limits.add("at most " + String.format(Locale.ROOT, form, setting.max()));
        return (type == double.class ? "a number " : "a whole number ") + String.join(" and ", limits);
    }

    private static String suggestion(String word, Stream<String> known) {
        List<String> all = known.toList();
        return didYouMean(word, all.stream()).map(s -> "; did you mean '" + s + "'?").orElse("; known are " + String.join(", ", all));
    }

    /** The nearest known word, where no more than a third of the letters would have to change. */
    static Optional<String> didYouMean(String word, Stream<String> known) {
        String lower = word.toLowerCase(Locale.ROOT).replace('-', '_');
        return known.min(Comparator.comparingInt(k -> distance(lower, k))).filter(k -> distance(lower, k) <= Math.max(2, k.length() / 3));
    }

    /** Levenshtein's: letters inserted, removed or replaced. */
    private static int distance(String a, String b) {
        int[] previous = new int[b.length() + 1];
        for (int j = 0; j < previous.length; j++) previous[j] = j;
        for (int i = 1; i <= a.length(); i++) {
            int[] row = new int[previous.length];
            row[0] = i;
            for (int j = 1; j < row.length; j++) {
                int replace = previous[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                row[j] = Math.min(replace, 1 + Math.min(previous[j], row[j - 1]));
            }
            previous = row;
        }
        return previous[b.length()];
    }
}
