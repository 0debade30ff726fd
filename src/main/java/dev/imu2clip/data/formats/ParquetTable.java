package dev.imu2clip.data.formats;

import dev.hardwood.InputFile;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.reader.RowReader;
import dev.hardwood.schema.ColumnProjection;
import dev.hardwood.schema.SchemaNode;
import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;

/** An Apache Parquet file: uncompressed, gzip, Snappy or Zstandard. */
final class ParquetTable implements Table {
    private final Path file;
    private final ParquetFileReader reader;
    private final List<String> names;
    private List<String> chosen;
    private RowReader rows;
    private long row;

    ParquetTable(Path file) {
        this.file = file;
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

    /** What the library throws for a damaged file is of many kinds. */
    private <T> T guarded(Supplier<T> action) {
        try {
            return action.get();
        } catch (InputException e) {
            throw e;
        } catch (RuntimeException | LinkageError e) {
            throw new InputException(file + ": " + (row > 0 ? "row " + row + ": " : "") + "is no readable Parquet file ("
                    + InputException.printable(String.valueOf(e.getMessage())) + ")", e);
        }
    }

    @Override
    public List<String> names() {
        return names;
    }

    @Override
    public void choose(List<String> columns) {
        chosen = List.copyOf(columns);
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
        try {
            if (rows != null) rows.close();
            reader.close();
        } catch (IOException e) {
            throw SourceFiles.failed(file, row, e);
        }
    }
}
