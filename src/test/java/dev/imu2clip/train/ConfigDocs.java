package dev.imu2clip.train;

import java.lang.reflect.RecordComponent;
import java.util.stream.Collectors;

/** The tables of docs/configuration.md. */
final class ConfigDocs {
    private static final String BEGIN = "<!-- settings: written by ConfigTest -->\n";

    private ConfigDocs() {}

    static String replaceTables(String text) {
        int begin = text.indexOf(BEGIN);
        return (begin < 0 ? text : text.substring(0, begin)) + BEGIN + ConfigKey.sections().stream().map(ConfigDocs::table)
                .collect(Collectors.joining());
    }

    private static String table(String section) {
        return "\n## `" + section + "`\n\n| key | default | value | meaning |\n| --- | --- | --- | --- |\n"
                + ConfigKey.ALL.stream().filter(key -> key.section().equals(section)).map(ConfigDocs::row).collect(Collectors.joining());
    }

    private static String row(ConfigKey key) {
        Setting setting = key.setting();
        String alias = setting.alias().isEmpty() ? "" : " (also `" + setting.alias() + "`)";
        String value = key.choices().isEmpty() ? ConfigBinder.expected(key)
                : (isList(key.component()) ? "list of " : "") + "`" + String.join("`, `", key.choices()) + "`";
        return "| `" + key.name() + "`" + alias + " | `" + setting.value() + "` | " + value.strip() + " | " + setting.help()
                + (setting.shapesTraining() ? "" : " *") + " |\n";
    }

    private static boolean isList(RecordComponent component) {
        return component.getType() == java.util.List.class;
    }
}
