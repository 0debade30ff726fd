package dev.imu2clip.clip;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import de.siegmar.fastcsv.writer.CsvWriter;
import dev.imu2clip.io.AtomicFile;
import dev.imu2clip.io.InputException;

import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The file that tells what the rows of an npy file of embeddings are, in their order. */
final class RowIndex {
    private static final JsonMapper JSON = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private RowIndex() {}

    /**
     * Where it goes: {@code given}, whose ending must be .json or {@code ending}, else beside the embeddings; null where these go to a
     * pipe.
     *
     * @param ending with a point; what stands before the last one replaces .npy
     */
    static Path beside(Path embeddings, Path given, String ending) {
        String last = ending.substring(ending.lastIndexOf('.'));
        if (given != null && !isJson(given) && !given.toString().endsWith(last))
            throw new InputException("--list " + given + ": the kind of file is not known. Give a name that ends with " + last
                    + " or .json");
        if (given != null || Files.exists(embeddings) && !Files.isRegularFile(embeddings)) return given;
        return embeddings.resolveSibling(embeddings.getFileName().toString().replaceFirst("\\.npy$", "") + ending);
    }

    private static boolean isJson(Path file) {
        return file.toString().endsWith(".json");
    }

    /** A name each: a line of text, or an item of a JSON list. */
    static void write(Path file, List<Path> rows) {
        List<String> names = rows.stream().map(Path::toString).toList();
        AtomicFile.write(file, isJson(file) ? json(names) : String.join("\n", names) + "\n");
    }

    /** @throws InputException when a name would take two lines */
    static void requireLines(Path file, List<Path> rows) {
        if (file == null || isJson(file)) return;
        for (Path row : rows)
            if (row.toString().matches("(?s).*\\R.*"))
                throw new InputException(row + ": the name has a line break, so it does not fit in " + file + ". Give --list FILE.json");
    }

    /** File, start and end in seconds: as CSV, or as objects in a JSON list. */
    static void writeClips(Path file, List<VideoClip> rows) {
        if (isJson(file)) {
            AtomicFile.write(file, json(rows.stream().map(RowIndex::object).toList()));
            return;
        }
        var text = new StringWriter();
        CsvWriter csv = CsvWriter.builder().bufferSize(0).build(text);
        csv.writeRecord("file", "start", "end");
        for (VideoClip row : rows) csv.writeRecord(row.file().toString(), Double.toString(row.start()), Double.toString(row.end()));
        AtomicFile.write(file, text.toString());
    }

    private static Map<String, Object> object(VideoClip row) {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("file", row.file().toString());
        object.put("start", row.start());
        object.put("end", row.end());
        return object;
    }

    private static String json(Object value) {
        try {
            return JSON.writeValueAsString(value) + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}
