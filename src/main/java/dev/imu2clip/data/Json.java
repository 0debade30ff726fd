package dev.imu2clip.data;

import com.fasterxml.jackson.core.JsonParser;
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
public final class Json {
    public static final ObjectMapper MAPPER = JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

    private Json() {}

    /** A whole file. @throws InputException when it is missing, empty or no JSON */
    public static JsonNode read(Path file) {
        try {
            JsonNode node = MAPPER.readTree(Files.readAllBytes(file));
            if (node.isMissingNode()) throw InputException.in(file, "is empty", "Make the data set again");
            return node;
        } catch (NoSuchFileException e) {
            throw new InputException(file + ": does not exist", e);
        } catch (JsonProcessingException e) {
            throw invalid(file, e);
        } catch (IOException e) {
            throw new InputException(file + ": cannot be read (" + e + ")", e);
        }
    }

    /** For a file that is too large to hold: read it piece by piece. */
    public static JsonParser parser(Path file) throws IOException {
        return MAPPER.createParser(Files.newInputStream(file));
    }

    public static InputException invalid(Path file, JsonProcessingException e) {
        String place = e.getLocation() == null ? "" : "line " + e.getLocation().getLineNr() + ": ";
        return new InputException(file + ": " + place + "is no valid JSON (" + e.getOriginalMessage()
                + "). Correct it or make the data set again", e);
    }

    /** A list of strings, such as the uids of a split. */
    public static List<String> strings(Path file) {
        JsonNode node = read(file);
        List<String> strings = new ArrayList<>();
        if (node.isArray()) for (JsonNode item : node) if (item.isTextual()) strings.add(item.asText());
        if (!node.isArray() || strings.size() != node.size())
            throw InputException.in(file, "must be a JSON list of recording uids, such as [\"a\", \"b\"]", "");
        return strings;
    }

    public static void write(Path file, Object value) {
        var indenter = new DefaultIndenter("  ", "\n");
        var printer = new DefaultPrettyPrinter().withObjectIndenter(indenter).withArrayIndenter(indenter);
        try {
            AtomicFile.write(file, MAPPER.writer(printer).writeValueAsString(value) + "\n");
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}
