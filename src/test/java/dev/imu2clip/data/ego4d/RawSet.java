package dev.imu2clip.data.ego4d;

import dev.imu2clip.media.VideoWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** A small folder of raw files as Ego4D has them. */
public final class RawSet {
    public final Path folder;
    private final Map<String, String> videos = new LinkedHashMap<>();
    private final List<String> narrations = new ArrayList<>();

    public RawSet(Path folder) throws IOException {
        this.folder = Files.createDirectories(folder);
        Files.createDirectories(folder.resolve("imu"));
    }

    public Path imu(String uid) {
        return folder.resolve("imu").resolve(uid + ".csv");
    }

    public Path video(String uid) {
        return folder.resolve("full_scale").resolve(uid + ".mp4");
    }

    /** Motion of {@code seconds} at 200 Hz, its entry in the metadata, a narration every three seconds. */
    public RawSet add(String uid, int seconds) throws IOException {
        Files.writeString(imu(uid), motion(uid, seconds));
        entry(uid, true, seconds, "null");
        return narrate(uid, seconds);
    }

    public RawSet entry(String uid, boolean hasImu, double seconds, String audioStart) {
        return entry(uid + " " + videos.size(), "{\"video_uid\": \"" + uid + "\", \"has_imu\": " + hasImu
                + ", \"video_metadata\": {\"video_duration_sec\": "
                + seconds + ", \"audio_start_sec\": " + audioStart + "}}");
    }

    public RawSet entry(String key, String json) {
        videos.put(key, json);
        return this;
    }

    public RawSet narrate(String uid, int seconds) {
        List<String> list = new ArrayList<>();
        for (int t = 3; t < seconds; t += 3)
            list.add("{\"timestamp_sec\": " + t + ".5, \"narration_text\": \"#C C takes step " + t + "\", \"annotation_uid\": \"n" + t
                    + "\", \"timestamp_frame\": 1}");
        return narrate(uid, "{\"narration_pass_1\": {\"narrations\": [" + String.join(", ", list) + "], \"summaries\": []}}");
    }

    public RawSet narrate(String uid, String json) {
        narrations.add("\"" + uid + "\": " + json);
        return this;
    }

    public RawSet write() throws IOException {
        Files.writeString(folder.resolve("ego4d.json"), "{\"version\": \"2\", \"videos\": [" + String.join(",\n", videos.values())
                + "], \"clips\": []}");
        Files.writeString(folder.resolve("narration.json"), "{" + String.join(",\n", narrations) + "}");
        return this;
    }

    public RawEgo4d find() {
        return RawEgo4d.find(folder, RawEgo4d.Places.BY_NAME);
    }

    /** With jitter, and without a time in every 500th row. */
    static String motion(String uid, int seconds) {
        Random random = new Random(uid.hashCode());
        StringBuilder text = new StringBuilder("component_idx,component_timestamp_ms,canonical_timestamp_ms,gyro_x,gyro_y,gyro_z,accl_x,accl_y,accl_z\n");
        for (int i = 0; i < 200 * seconds; i++) {
            double time = 5 * i + random.nextInt(100) / 100.0;
            text.append("0,").append(time).append(',');
            if (i % 500 != 499) text.append(time);
            for (int c = 0; c < 6; c++) text.append(',').append(random.nextInt(-2000, 2000) / 128.0);
            text.append('\n');
        }
        return text.toString();
    }

    public RawSet film(String uid, int seconds) throws IOException {
        film(video(uid), seconds, false);
        return this;
    }

    /** A film of grey pictures that grow brighter. */
    static void film(Path file, int seconds, boolean sound) throws IOException {
        Files.createDirectories(file.getParent());
        try (var writer = new VideoWriter(file, 64, 48, 30, sound ? 16_000 : 0)) {
            byte[] picture = new byte[3 * 64 * 48];
            for (int i = 0; i < 30 * seconds; i++) {
                Arrays.fill(picture, (byte) (40 + i % 100));
                writer.add(picture);
                if (sound && i % 30 == 0) writer.addSound(new float[16_000]);
            }
            writer.finish();
        }
    }
}
