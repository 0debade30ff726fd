package dev.imu2clip.data;

import de.siegmar.fastcsv.reader.CsvParseException;
import de.siegmar.fastcsv.reader.CsvReader;
import de.siegmar.fastcsv.reader.NamedCsvRecord;
import de.siegmar.fastcsv.writer.CsvWriter;
import de.siegmar.fastcsv.writer.LineDelimiter;
import dev.imu2clip.io.AtomicFile;
import dev.imu2clip.io.InputException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.Reader;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * {@code windows.csv}: one window a row, columns {@code video_uid, window_start, window_end, text, label} as the reference names
 * them; further columns are ignored, so its labelled files can be read as they are.
 */
public final class WindowFile {
    private static final String[] COLUMNS = {"video_uid", "window_start", "window_end", "text", "label"};
    private static final int MAX_TEXT = 10_000;

    private WindowFile() {}

    /** @throws InputException naming the row that is wrong */
    public static List<Window> read(Path file) {
        Map<String, String> shared = new HashMap<>(); // uids and narrations repeat; hold each once
        List<Window> windows = new ArrayList<>();
        // Files' reader refuses what is not UTF-8, where others would put a replacement character into a narration.
        try (BufferedReader text = Files.newBufferedReader(file); var reader = CsvReader.builder().ofNamedCsvRecord(withoutMark(text))) {
            for (NamedCsvRecord row : reader) windows.add(window(file, row, shared));
        } catch (NoSuchFileException e) {
            throw new InputException(file + ": does not exist. Make the data set again", e);
        } catch (CsvParseException | UncheckedIOException | IOException e) {
            String cause = e.getCause() == null ? "" : ": " + e.getCause().getMessage();
            throw new InputException(file + ": is no valid UTF-8 CSV file (" + e.getMessage().replaceFirst("^Exception when ", "") + cause
                    + "). Correct it or make the data set again", e);
        }
        return windows;
    }

    /** Some programs begin a file with a byte-order mark. */
    private static Reader withoutMark(BufferedReader text) throws IOException {
        text.mark(1);
        if (text.read() != '\uFEFF') text.reset();
        return text;
    }

    private static Window window(Path file, NamedCsvRecord row, Map<String, String> shared) {
        for (int i = 0; i < 4; i++) field(file, row, COLUMNS[i]);
        String uid = Layout.checkUid(field(file, row, "video_uid"), file);
        String text = field(file, row, "text").strip();
        if (text.length() > MAX_TEXT) throw at(file, row, "a text of " + text.length() + " characters");
        String label = row.findField("label").orElse("").strip();
        return new Window(shared.computeIfAbsent(uid, u -> u), seconds(file, row, "window_start"), seconds(file, row, "window_end"),
                shared.computeIfAbsent(text, t -> t), shared.computeIfAbsent(label, l -> l));
    }

    private static String field(Path file, NamedCsvRecord row, String column) {
        return row.findField(column).orElseThrow(() -> at(file, row,
                "column '" + column + "' is missing; the columns are " + row.getHeader()));
    }

    private static double seconds(Path file, NamedCsvRecord row, String column) {
        String text = field(file, row, column);
        try {
            double value = Double.parseDouble(text);
            if (Double.isFinite(value)) return value;
        } catch (NumberFormatException e) {
            // said below
        }
        throw at(file, row, column + " is '" + text + "', expected seconds as a number");
    }

    private static InputException at(Path file, NamedCsvRecord row, String problem) {
        return new InputException(file + ": line " + row.getStartingLineNumber() + ": " + problem);
    }

    static void write(Path file, List<Window> windows) {
        StringWriter text = new StringWriter();
        try (CsvWriter writer = CsvWriter.builder().lineDelimiter(LineDelimiter.LF).build(text)) {
            writer.writeRecord(COLUMNS);
            for (Window w : windows) writer.writeRecord(w.uid(), Double.toString(w.start()), Double.toString(w.end()), w.text(), w.label());
        } catch (IOException e) {
            throw new IllegalStateException(e); // a StringWriter does not fail
        }
        AtomicFile.write(file, text.toString());
    }
}
