package dev.imu2clip.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.imu2clip.io.AtomicFile;
import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The data set's JSON files, with errors that name file, line and what was expected. */
final class Json {
    static final ObjectMapper MAPPER = JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

    private Json() {}

    static JsonNode read(Path file) {
        try {
            JsonNode node = MAPPER.readTree(Files.readAllBytes(file));
            if (node.isMissingNode()) throw InputException.in(file, "is empty", "Make the data set again");
            return node;
        } catch (NoSuchFileException e) {
            throw new InputException(file + ": does not exist", e);
        } catch (JsonProcessingException e) {
            String place = e.getLocation() == null ? "" : "line " + e.getLocation().getLineNr() + ": ";
            throw new InputException(file + ": " + place + "is no valid JSON (" + e.getOriginalMessage()
                    + "). Correct it or make the data set again", e);
        } catch (IOException e) {
            throw new InputException(file + ": cannot be read (" + e + ")", e);
        }
    }

    /** A list of strings, such as the uids of a split. */
    static List<String> strings(Path file) {
        JsonNode node = read(file);
        List<String> strings = new ArrayList<>();
        if (node.isArray()) for (JsonNode item : node) if (item.isTextual()) strings.add(item.asText());
        if (!node.isArray() || strings.size() != node.size())
            throw InputException.in(file, "must be a JSON list of recording uids, such as [\"a\", \"b\"]", "");
        return strings;
    }

    static void write(Path file, Object value) {
        var indenter = new DefaultIndenter("  ", "\n");
        var printer = new DefaultPrettyPrinter().withObjectIndenter(indenter).withArrayIndenter(indenter);
        try {
            AtomicFile.write(file, MAPPER.writer(printer).writeValueAsString(value) + "\n");
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}
