package dev.imu2clip.data.formats;

import java.util.List;

/** A file of named columns, read row by row: what CSV and Parquet have in common. Errors are InputExceptions that name the file. */
interface Table extends AutoCloseable {
    List<String> names();

    /** Before the first row: which columns {@link #value} gives. They are among the names. */
    void choose(List<String> columns);

    /** Goes to the next row; false at the end. */
    boolean next();

    /** Where the current row is, such as {@code line 12}. */
    String place();

    /** A String, Number, Instant, LocalDateTime, Boolean or null of the current row. */
    Object value(int chosen);

    @Override
    void close();
}
