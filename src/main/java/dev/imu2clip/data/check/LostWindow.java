package dev.imu2clip.data.check;

/**
 * A window that nothing trains on.
 *
 * @param rule which windows it is one of: {@code listed}, {@code narrated 2.5}, {@code unlabelled 5.0}
 * @param detail what exactly is wrong; empty where the reason says it
 */
public record LostWindow(String rule, double start, double end, String reason, String detail) {}
