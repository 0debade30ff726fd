package dev.imu2clip.imu;

import dev.imu2clip.io.InputException;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The arguments of an encoder, by the names they have in the reference's classes: whole numbers of at least 1, or true and false.
 */
final class Arguments {
    /** The size of an embedding: every encoder has it. The reference sets it from {@code final_embedding_size}. */
    static final String SIZE = "size_embeddings";
    /** So that no product of them and no matrix is too large to be counted. */
    static final int MOST = 8192;

    private final Map<String, Object> values;

    /** Each is an Integer or a Boolean. */
    Arguments(Map<String, Object> values) {
        this.values = Collections.unmodifiableMap(new TreeMap<>(values));
    }

    /** Those of some values, whole numbers or booleans, that an argument could have, as Integers and Booleans. */
    static Map<String, Object> possible(Map<String, Object> values) {
        Map<String, Object> possible = new TreeMap<>();
        values.forEach((name, value) -> {
            if (!(value instanceof Number number)) possible.put(name, value);
            else if (number.longValue() >= 1 && number.longValue() <= MOST) possible.put(name, number.intValue());
        });
        return possible;
    }

    Map<String, Object> values() {
        return values;
    }

    int number(String name) {
        return (Integer) values.get(name);
    }

    boolean flag(String name) {
        return (Boolean) values.get(name);
    }

    /** The same with others in the place of some; those of a name that there is not are left out. */
    Arguments with(Map<String, Object> others) {
        Map<String, Object> all = new TreeMap<>(values);
        all.replaceAll((name, value) -> others.getOrDefault(name, value));
        return new Arguments(all);
    }

    /**
     * The same with some set by {@code name=value}.
     *
     * @throws InputException where there is no such argument, or it cannot have that value
     */
    Arguments with(List<String> assignments) {
        Map<String, Object> given = new TreeMap<>();
        for (String assignment : assignments) {
            int equals = assignment.indexOf('=');
            String name = assignment.substring(0, Math.max(0, equals)).strip(), text = assignment.substring(equals + 1).strip();
            if (!values.containsKey(name))
                throw new InputException("imu_encoder_args: '" + assignment + "' is not one of "
                        + String.join(", ", values.keySet().stream().map(known -> known + "=" + values.get(known)).toList()));
            if (given.put(name, value(name, text)) != null) throw new InputException("imu_encoder_args: " + name + " is given twice");
        }
        return with(given);
    }

    private Object value(String name, String text) {
        boolean isFlag = values.get(name) instanceof Boolean;
        if (isFlag && (text.equals("true") || text.equals("false"))) return Boolean.valueOf(text);
        if (!isFlag && text.matches("\\d{1,5}")) {
            int number = Integer.parseInt(text);
            if (number >= 1 && number <= MOST) return number;
        }
        throw new InputException("imu_encoder_args: " + name + " must be " + (isFlag ? "true or false" : "a whole number from 1 to " + MOST)
                + ", not '" + text + "'");
    }

    /** {@code name=value} for each that differs from another's. */
    List<String> differences(Arguments others) {
        return values.entrySet().stream().filter(entry -> !entry.getValue().equals(others.values.get(entry.getKey())))
                .map(entry -> entry.getKey() + "=" + entry.getValue()).toList();
    }
}
