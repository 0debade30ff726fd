package dev.imu2clip.data.formats;

import de.siegmar.fastcsv.reader.CsvParseException;
import de.siegmar.fastcsv.reader.CsvReader;
import de.siegmar.fastcsv.reader.CsvRecord;
import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;

/** Comma-separated values, plain or gzipped. Several header lines are joined by dots; columns without a name are called 1, 2, ... */
final class CsvTable implements Table {
    private final Path file;
    private final CsvReader<CsvRecord> reader;
    private final Iterator<CsvRecord> rows;
    private final List<String> names = new ArrayList<>();
    private int[] chosen;
    private CsvRecord row;
    private CsvRecord pending; // without a header, the first row has been read for its width
    private long line;

    CsvTable(Path file, char delimiter, int headerLines) {
        this.file = file;
        try {
            reader = CsvReader.builder().fieldSeparator(delimiter).allowExtraFields(true).allowMissingFields(true)
                    .ofCsvRecord(SourceFiles.open(file));
        } catch (IOException e) {
            throw SourceFiles.failed(file, 0, e);
        }
        rows = reader.iterator();
        for (int i = 0; i < Math.max(1, headerLines); i++) {
            CsvRecord header = read();
            if (header == null) throw InputException.in(file, "has no rows", "");
            for (int c = 0; c < header.getFieldCount(); c++) {
                if (c == names.size()) names.add("");
                String part = headerLines == 0 ? Integer.toString(c + 1) : header.getField(c).strip();
                if (c == 0 && i == 0 && part.startsWith("\uFEFF")) part = part.substring(1); // a byte-order mark
                if (!part.isEmpty()) names.set(c, names.get(c).isEmpty() ? part : names.get(c) + "." + part);
            }
            if (headerLines == 0) pending = header;
        }
        for (int c = 0; c < names.size(); c++) if (names.get(c).isEmpty()) names.set(c, Integer.toString(c + 1));
    }

    private CsvRecord read() {
        try {
            if (!rows.hasNext()) return null;
            CsvRecord record = rows.next();
            line = record.getStartingLineNumber();
            return record;
        } catch (CsvParseException | UncheckedIOException e) {
            throw SourceFiles.failed(file, line, e);
        }
    }

    @Override
    public List<String> names() {
        return names;
    }

    @Override
    public void choose(List<String> columns) {
        chosen = columns.stream().mapToInt(names::indexOf).toArray();
        if (IntStream.of(chosen).anyMatch(c -> c < 0)) throw new IllegalArgumentException(columns + " of " + names);
    }

    @Override
    public boolean next() {
        row = pending == null ? read() : pending;
        pending = null;
        if (row == null) return false;
        if (row.getFieldCount() != names.size())
            throw InputException.in(file, "line " + line + " has " + row.getFieldCount() + " columns, expected " + names.size(),
                    "The file may be truncated");
        return true;
    }

    @Override
    public String place() {
        return "line " + line;
    }

    @Override
    public Object value(int column) {
        return row.getField(chosen[column]).strip();
    }

    @Override
    public void close() {
        try {
            reader.close();
        } catch (IOException e) {
            throw SourceFiles.failed(file, line, e);
        }
    }
}
