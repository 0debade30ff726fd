package dev.imu2clip.data;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * What is known of a recording beside its signal; an entry of {@code recordings.json}.
 *
 * @param uid name of its files, unique in the data set
 * @param subject who wore the sensor; subjects are never shared between splits
 * @param rateHz rate of the prepared signal; 0 when unknown, then it is measured from the timestamps
 * @param seconds duration
 * @param source file or files it was made from
 */
public record RecordingInfo(String uid, String subject, @JsonProperty("rate_hz") double rateHz, double seconds, String source) {}
