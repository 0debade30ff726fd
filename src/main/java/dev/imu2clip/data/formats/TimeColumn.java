package dev.imu2clip.data.formats;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;

/** Tells seconds since the first value it was given. Whole numbers are subtracted as such: nanoseconds since 1970 keep their last digits. */
final class TimeColumn {
    private final TimeUnit unit;
    private Number first;

    TimeColumn(TimeUnit unit) {
        this.unit = unit;
    }

    /** @throws IllegalArgumentException when the value is no time */
    double seconds(Object value) {
        boolean date = unit == TimeUnit.ISO || value instanceof Instant || value instanceof LocalDateTime;
        Number now = date ? (Number) nanos(value) : number(value);
        if (!Double.isFinite(now.doubleValue())) throw new IllegalArgumentException();
        if (first == null) first = now;
        double since = now instanceof Long b && first instanceof Long a ? b - a : now.doubleValue() - first.doubleValue();
        return since / (date ? TimeUnit.NS : unit).perSecond;
    }

    private static Number number(Object value) {
        return switch (value) {
            case Long whole -> whole;
            case Integer whole -> whole.longValue();
            case Number number -> number.doubleValue();
            case String text when text.matches("[+-]?\\d{1,18}") -> (Number) Long.parseLong(text);
            case String text -> Double.parseDouble(text);
            case null, default -> throw new IllegalArgumentException();
        };
    }

    private static long nanos(Object value) {
        try {
            Instant instant = switch (value) {
                case Instant i -> i;
                case LocalDateTime local -> local.toInstant(ZoneOffset.UTC);
                case String text -> DateTimeFormatter.ISO_DATE_TIME.parseBest(text.replace(' ', 'T'), Instant::from, LocalDateTime::from)
                        instanceof LocalDateTime local ? local.toInstant(ZoneOffset.UTC)
                        : DateTimeFormatter.ISO_DATE_TIME.parse(text.replace(' ', 'T'), Instant::from);
                case null, default -> throw new IllegalArgumentException();
            };
            return Math.addExact(Math.multiplyExact(instant.getEpochSecond(), 1_000_000_000L), instant.getNano());
        } catch (DateTimeException | ArithmeticException e) {
            throw new IllegalArgumentException(e);
        }
    }
}
