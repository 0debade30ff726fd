package dev.imu2clip.data;

import java.util.Map;

/**
 * What {@code dataset.json} says of the whole set.
 *
 * @param name short name, such as {@code hapt}
 * @param source where the recordings come from
 * @param licence licence and conditions of use
 * @param citation what to cite, or empty
 * @param windowSec length of the windows in seconds
 * @param creation the command and the settings that made it
 */
public record DataSetInfo(String name, String source, String licence, String citation, double windowSec, Map<String, Object> creation) {
    /** Value of {@code format}. */
    public static final String FORMAT = "imu2clip prepared data set";
    /** Value of {@code version}: raised when an older program could misread the folder. */
    public static final int VERSION = 1;
    /** Rate of prepared signals in Hz. */
    public static final int RATE_HZ = 200;

    public DataSetInfo {
        creation = java.util.Collections.unmodifiableMap(new java.util.LinkedHashMap<>(creation));
    }
}
