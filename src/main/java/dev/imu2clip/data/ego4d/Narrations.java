package dev.imu2clip.data.ego4d;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import dev.imu2clip.data.Json;
import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * {@code narration.json}: what people wrote about moments of Ego4D's videos. The file has hundreds of megabytes: it is read video by video.
 */
public final class Narrations {
    /** The two people who narrated a video, in the reference's order. */
    private static final String[] PASSES = {"narration_pass_1", "narration_pass_2"};

    /** @param seconds on the video's clock; @param text as it was written, with its marks: {@code #C C sits down} */
    public record Narration(double seconds, String text, String uid) {}

    private Narrations() {}

    /**
     * Narrations by the video's uid, videos and narrations in the order of the file: the first pass, then the second.
     *
     * @param wanted which videos; the others are passed over
     */
    public static Map<String, List<Narration>> read(Path file, Predicate<String> wanted) {
        Map<String, List<Narration>> narrations = new LinkedHashMap<>();
        try (JsonParser parser = Json.parser(file)) {
            if (parser.nextToken() != JsonToken.START_OBJECT)
                throw InputException.in(file, "must be a JSON object of videos", "Expected Ego4D's narrations: {\"uid\": {\"narration_pass_1\": ...}}");
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String uid = parser.currentName();
                parser.nextToken();
                if (wanted.test(uid)) narrations.put(uid, video(file, uid, parser.readValueAsTree()));
                else parser.skipChildren();
            }
        } catch (NoSuchFileException e) {
            throw new InputException(file + ": does not exist", e);
        } catch (JsonProcessingException e) {
            throw Json.invalid(file, e);
        } catch (IOException e) {
            throw new InputException(file + ": cannot be read (" + e + ")", e);
        }
        return narrations;
    }

    private static List<Narration> video(Path file, String uid, JsonNode video) {
        List<Narration> list = new ArrayList<>();
        for (String pass : PASSES) {
            int number = 0;
            for (JsonNode node : video.path(pass).path("narrations")) {
                number++;
                JsonNode text = node.path("narration_text"), seconds = node.path("timestamp_sec");
                if (!isComplete(node))
                    throw InputException.in(file, "video " + uid + ", " + pass + ", narration " + number
                            + ": expected timestamp_sec (a number) and narration_text, found " + seconds + " and " + text, "Correct or remove it");
                list.add(new Narration(seconds.asDouble(), text.asText(), node.path("annotation_uid").asText("")));
            }
        }
        return list;
    }

    /** Whether an entry has a text and a time. */
    static boolean isComplete(JsonNode narration) {
        JsonNode seconds = narration.path("timestamp_sec");
        return narration.path("narration_text").isTextual() && (seconds.isNumber() || seconds.isTextual())
                && Double.isFinite(seconds.asDouble(Double.NaN));
    }
}
