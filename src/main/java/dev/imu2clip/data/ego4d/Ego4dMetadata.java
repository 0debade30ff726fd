package dev.imu2clip.data.ego4d;

import com.fasterxml.jackson.databind.JsonNode;
import dev.imu2clip.data.Json;
import dev.imu2clip.data.Layout;
import dev.imu2clip.io.InputException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * {@code ego4d.json}: what Ego4D says of its videos.
 *
 * @param videos by uid, in the order of the file
 */
public record Ego4dMetadata(Map<String, Video> videos) {
    /**
     * @param hasImu   whether there is a recording of its motion
     * @param seconds  duration
     * @param hasAudio whether its sound may be used: {@code audio_start_sec} is not null
     */
    public record Video(String uid, boolean hasImu, double seconds, boolean hasAudio) {}

    /** @throws InputException naming the video whose entry is incomplete, or named twice */
    public static Ego4dMetadata read(Path file) {
        JsonNode list = Json.read(file).path("videos");
        if (!list.isArray()) throw InputException.in(file, "has no list 'videos'", "Expected Ego4D's metadata: {\"videos\": [{\"video_uid\": ...}]}");
        Map<String, Video> videos = new LinkedHashMap<>();
        for (JsonNode node : list) {
            Video video = video(file, node, videos.size());
            if (videos.put(video.uid, video) != null)
                throw InputException.in(file, "names the video " + video.uid + " twice", "Remove one of the entries");
        }
        return new Ego4dMetadata(videos);
    }

    static Video video(Path file, JsonNode node, int number) {
        JsonNode uid = node.path("video_uid");
        if (!uid.isTextual()) throw InputException.in(file, "entry " + (number + 1) + " of 'videos' has no video_uid", "");
        String name = Layout.checkUid(uid.asText(), file);
        JsonNode details = node.path("video_metadata"), seconds = details.path("video_duration_sec");
        if (!node.path("has_imu").isBoolean()) throw missing(file, name, "has_imu (true or false)", node.path("has_imu"));
        if (!seconds.isNumber() || !(seconds.asDouble() > 0) || Double.isInfinite(seconds.asDouble()))
            throw missing(file, name, "video_metadata.video_duration_sec (a number above 0)", seconds);
        JsonNode audio = details.path("audio_start_sec");
        return new Video(name, node.path("has_imu").asBoolean(), seconds.asDouble(), !audio.isMissingNode() && !audio.isNull());
    }

    private static InputException missing(Path file, String uid, String expected, JsonNode found) {
        return InputException.in(file, "video " + uid + ": expected " + expected + ", found "
                + (found.isMissingNode() ? "nothing" : found.toString()), "Complete the entry or remove it");
    }
}
