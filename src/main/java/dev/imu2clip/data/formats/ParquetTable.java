package dev.imu2clip.data.formats;

import dev.hardwood.InputFile;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.reader.RowReader;
import dev.hardwood.schema.ColumnProjection;
import dev.hardwood.schema.SchemaNode;
import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.Supplier;
import java.util.logging.Level;
import java.util.logging.Logger;

/** An Apache Parquet file: uncompressed, gzip, Snappy or Zstandard. */
final class ParquetTable implements Table {
    /** The library tells everybody which of the processor's instructions it uses. Held here, for a logger that nobody holds forgets its level. */
    private static final Logger LIBRARY = Logger.getLogger("dev.hardwood");

    static {
        LIBRARY.setLevel(Level.WARNING);
    }

    private final Path file;
    private final ParquetFileReader reader;
    private final List<String> names;
    private List<String> chosen;
    private RowReader rows;
    private final Duration patience;
    private long row;
    private Thread inside; // the library, now
    private long calls;
    private boolean stuck;
    private boolean closed;

    /** @param patienceSec how long the library may take for a row: given certain damage, it waits for ever */
    ParquetTable(Path file, double patienceSec) {
        this.file = file;
        patience = Duration.ofNanos((long) (patienceSec * 1e9));
        reader = guarded(() -> {
            try {
                return ParquetFileReader.open(InputFile.of(file));
            } catch (IOException e) {
                throw SourceFiles.failed(file, 0, e);
            }
        });
        names = guarded(() -> reader.getFileSchema().getRootNode().children().stream().map(SchemaNode::name)
                .map(String::valueOf).toList()); // a damaged file may have columns without a name
    }

    private void watch() {
        try {
            for (long seen = -1;;) {
                Thread.sleep(patience);
                synchronized (this) {
                    if (closed) return;
                    if (inside != null && calls == seen) {
                        stuck = true;
                        inside.interrupt();
                    }
                    seen = calls;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized void enter() {
        inside = Thread.currentThread();
        calls++;
    }

    private synchronized void leave() {
        inside = null;
        if (stuck) Thread.interrupted();
    }

    /** What the library throws for a damaged file is of many kinds. */
    private <T> T guarded(Supplier<T> action) {
        enter();
        try {
            T result = action.get();
            if (stuck) throw new IllegalStateException("stuck");
            return result;
        } catch (InputException e) {
            throw e;
        } catch (RuntimeException | LinkageError e) {
            if (stuck) throw InputException.in(file, "is damaged: nothing more can be read after row " + row, "");
            throw new InputException(file + ": " + (row > 0 ? "row " + row + ": " : "") + "is no readable Parquet file ("
                    + InputException.printable(String.valueOf(e.getMessage())) + ")", e);
        } finally {
            leave();
        }
    }

    @Override
    public List<String> names() {
        return names;
    }

    @Override
    public void choose(List<String> columns) {
        chosen = List.copyOf(columns);
        Thread.ofVirtual().start(this::watch);
        rows = guarded(() -> reader.buildRowReader().projection(ColumnProjection.columns(chosen.toArray(String[]::new))).build());
    }

    @Override
    public boolean next() {
        return guarded(() -> {
            if (!rows.hasNext()) return false;
            rows.next();
            row++;
            return true;
        });
    }

    @Override
    public String place() {
        return "row " + row;
    }

    @Override
    public Object value(int column) {
        return guarded(() -> rows.getValue(chosen.get(column)));
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
        }
        try {
            if (rows != null) rows.close();
            reader.close();
        } catch (IOException e) {
            throw SourceFiles.failed(file, row, e);
        }
    }
}
