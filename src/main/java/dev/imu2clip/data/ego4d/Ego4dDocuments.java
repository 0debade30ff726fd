package dev.imu2clip.data.ego4d;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.imu2clip.data.Json;
import dev.imu2clip.data.Layout;
import dev.imu2clip.io.AtomicFile;
import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Ego4D's metadata and narrations on their way into a prepared data set. Whole files are copied as they are. Entries that are incomplete or
 * contradict each other are left out and counted: the readers of a prepared set take none.
 */
final class Ego4dDocuments {
    private final RawEgo4d raw;
    private final List<Skip> skipped;
    private final Map<String, Ego4dMetadata.Video> videos = new LinkedHashMap<>();
    private final List<String> narrated = new ArrayList<>();
    private JsonNode metadata; // null when the file can be copied
    private boolean narrationsWhole = true;

    /** Reads both. @param skipped gets what cannot be used */
    Ego4dDocuments(RawEgo4d raw, List<Skip> skipped) {
        this.raw = raw;
        this.skipped = skipped;
        readMetadata();
        readNarrations(null);
    }

    /** The usable entries by uid. */
    Map<String, Ego4dMetadata.Video> videos() {
        return videos;
    }

    /** Videos that the narrations name, in their order. */
    List<String> narrated() {
        return narrated;
    }

    void writeMetadata(Layout layout) {
        if (metadata == null) copy(raw.metadata(), layout.metadata());
        else Json.write(layout.metadata(), metadata);
    }

    /** Writes all but the metadata, which make a folder one of Ego4D's layout. */
    void write(Layout layout) {
        if (narrationsWhole) copy(raw.narrations(), layout.narrations());
        else AtomicFile.write(layout.narrations(), channel -> {
            try (JsonGenerator out = Json.MAPPER.createGenerator(Channels.newOutputStream(channel))
                    .disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET)) {
                readNarrations(out);
            }
        });
        for (Path list : raw.lists()) copy(list, layout.folder().resolve(list.getFileName()));
    }

    static void copy(Path from, Path to) {
        AtomicFile.write(to, channel -> {
            try (FileChannel source = FileChannel.open(from)) {
                for (long at = 0, size = source.size(); at < size;) at += source.transferTo(at, size - at, channel);
            }
        });
    }

    private void readMetadata() {
        Path file = raw.metadata();
        JsonNode document = Json.read(file);
        if (!(document.path("videos") instanceof ArrayNode list))
            throw InputException.in(file, "has no list 'videos'", "Expected Ego4D's metadata: {\"videos\": [{\"video_uid\": ...}]}");
        Map<String, JsonNode> first = new HashMap<>();
        Set<String> contradictory = new HashSet<>();
        int number = 0, before = skipped.size();
        for (Iterator<JsonNode> entries = list.elements(); entries.hasNext(); number++) {
            JsonNode node = entries.next();
            try {
                Ego4dMetadata.Video video = Ego4dMetadata.video(file, node, number);
                JsonNode other = first.putIfAbsent(video.uid(), node);
                if (other == null) {
                    videos.put(video.uid(), video);
                    continue;
                }
                boolean same = other.equals(node);
                if (!same) contradictory.add(video.uid());
                skip(video.uid(), Skip.Reason.NAMED_TWICE,
                        same ? "its entries are equal; one is used" : "its entries differ; none is used");
            } catch (InputException e) {
                skip(node.path("video_uid").asText("entry " + (number + 1)), Skip.Reason.INCOMPLETE_ENTRY, e.getMessage());
            }
            entries.remove();
        }
        if (skipped.size() == before) return;
        for (Iterator<JsonNode> entries = list.elements(); entries.hasNext();)
            if (contradictory.contains(entries.next().path("video_uid").asText())) entries.remove();
        videos.keySet().removeAll(contradictory);
        metadata = document;
    }

    private void skip(String uid, Skip.Reason reason, String detail) {
        skipped.add(new Skip(InputException.printable(uid), "metadata", reason, detail));
    }

    /** @param out null to look at them; else what is usable is written to it */
    private void readNarrations(JsonGenerator out) {
        Path file = raw.narrations();
        try (JsonParser parser = Json.parser(file)) {
            if (parser.nextToken() != JsonToken.START_OBJECT)
                throw InputException.in(file, "must be a JSON object of videos",
                        "Expected Ego4D's narrations: {\"uid\": {\"narration_pass_1\": ...}}");
            if (out != null) out.writeStartObject();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String uid = parser.currentName();
                parser.nextToken();
                JsonNode video = parser.readValueAsTree();
                int left = removeIncomplete(video);
                if (out == null) note(uid, left);
                else out.writePOJOField(uid, video);
            }
            if (out != null) out.writeEndObject();
        } catch (JsonProcessingException e) {
            throw Json.invalid(file, e);
        } catch (IOException e) {
            throw new InputException(file + ": cannot be read (" + InputException.reason(e) + ")", e);
        }
    }

    private void note(String uid, int incomplete) {
        narrated.add(uid);
        if (incomplete > 0) {
            narrationsWhole = false;
            skipped.add(new Skip(uid, "narration", Skip.Reason.INCOMPLETE_ENTRY, incomplete + " narrations without a text or a time"));
        }
        if (!videos.containsKey(uid))
            skipped.add(new Skip(InputException.printable(uid), "narration", Skip.Reason.NOT_IN_METADATA, "its narrations are not used"));
    }

    private static int removeIncomplete(JsonNode video) {
        int removed = 0;
        for (JsonNode pass : video) {
            if (!(pass instanceof ObjectNode) || !(pass.path("narrations") instanceof ArrayNode list)) continue;
            for (Iterator<JsonNode> entries = list.elements(); entries.hasNext();)
                if (!Narrations.isComplete(entries.next())) {
                    entries.remove();
                    removed++;
                }
        }
        return removed;
    }
}
