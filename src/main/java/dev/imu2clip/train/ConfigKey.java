package dev.imu2clip.train;

import dev.imu2clip.imu.ImuEncoder;

import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** One setting of {@link Config}: a component of one of its section records, with its YAML name. */
record ConfigKey(RecordComponent sectionComponent, RecordComponent component) {
    private static final Map<String, String> SECTIONS = Map.of("model", "model_hparams", "train", "train_hparams");

    /** Every setting, in the order of the documentation. */
    static final List<ConfigKey> ALL = all();

    private static List<ConfigKey> all() {
        List<ConfigKey> keys = new ArrayList<>();
        for (RecordComponent section : Config.class.getRecordComponents())
            for (RecordComponent component : section.getType().getRecordComponents()) keys.add(new ConfigKey(section, component));
        return List.copyOf(keys);
    }

    static List<String> sections() {
        return ALL.stream().map(ConfigKey::section).distinct().toList();
    }

    String section() {
        return SECTIONS.getOrDefault(sectionComponent.getName(), sectionComponent.getName());
    }

    String name() {
        return component.getName().replaceAll("(?=[A-Z])", "_").toLowerCase(Locale.ROOT);
    }

    String dotted() {
        return section() + "." + name();
    }

    Setting setting() {
        return component.getAnnotation(Setting.class);
    }

    /** The words allowed; empty: any. */
    List<String> choices() {
        return setting().encoders() ? ImuEncoder.names() : List.of(setting().choices());
    }

    boolean shapesTraining() {
        return setting().shapesTraining();
    }

    boolean named(String name) {
        return name.equals(name()) || !name.isEmpty() && name.equals(setting().alias());
    }

    Object get(Config config) {
        return invoke(component, invoke(sectionComponent, config));
    }

    /** The configuration that {@code values}, one for each of {@link #ALL}, make up. */
    static Config build(Map<ConfigKey, Object> values) {
        Map<RecordComponent, List<ConfigKey>> bySection = ALL.stream()
                .collect(Collectors.groupingBy(ConfigKey::sectionComponent, LinkedHashMap::new, Collectors.toList()));
        List<Object> sections = new ArrayList<>();
        bySection.forEach((section, keys) -> sections.add(create(section.getType(), keys.stream().map(values::get).toList())));
        return (Config) create(Config.class, sections);
    }

    private static Object create(Class<?> type, List<Object> values) {
        try {
            return type.getDeclaredConstructors()[0].newInstance(values.toArray());
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(type + " cannot be built from " + values, e);
        }
    }

    private static Object invoke(RecordComponent component, Object target) {
        try {
            return component.getAccessor().invoke(target);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }
}
