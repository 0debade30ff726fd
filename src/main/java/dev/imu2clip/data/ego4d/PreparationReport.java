package dev.imu2clip.data.ego4d;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * {@code preparation.json}: what was prepared and what was not. It tells of the folder as it is, not of the run that came last: the same
 * sources and settings give the same bytes, whether in one run or in many.
 *
 * @param settings that change what is made
 * @param prepared how much of each kind: {@code imu}, {@code video}, {@code audio}
 * @param splits how many videos each has
 */
public record PreparationReport(Map<String, Object> settings, Map<String, Integer> prepared, Map<String, Integer> splits,
        List<Video> videos, List<Skip> skipped) {
    private static final int NAMED = 3;

    /** What became of one video's files; a field is null where there is none. */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Video(@JsonProperty("video_uid") String uid, JsonNode imu, JsonNode video, JsonNode audio) {}

    /** A few lines for the screen. */
    public String summary() {
        StringBuilder text = new StringBuilder();
        prepared.forEach((kind, count) -> text.append(text.isEmpty() ? "prepared: " : ", ").append(count).append(' ').append(kind));
        splits.forEach((split, count) -> text.append(split.equals("training") ? "\nsplits: " : ", ").append(split).append(' ')
                .append(count));
        text.append('\n');
        notes().forEach((note, count) -> text.append(String.format(Locale.ROOT, "  %d x %s%n", count, note)));
        if (!skipped.isEmpty()) text.append("skipped: ").append(skipped.size()).append('\n');
        Map<String, List<Skip>> groups = new LinkedHashMap<>();
        for (Skip skip : skipped) groups.computeIfAbsent(skip.what() + ": " + skip.reason(), _ -> new ArrayList<>()).add(skip);
        groups.forEach((reason, skips) -> {
            text.append("  ").append(skips.size()).append(" x ").append(reason).append('\n');
            skips.stream().limit(NAMED).forEach(skip -> text.append("      ")
                    .append(skip.detail().contains(skip.uid()) ? "" : skip.uid() + ": ").append(skip.detail()).append('\n'));
            if (skips.size() > NAMED) text.append("      and ").append(skips.size() - NAMED).append(" more, see preparation.json\n");
        });
        return text.toString();
    }

    /** What is remarkable about the signals, with the number of recordings. */
    private Map<String, Integer> notes() {
        Map<String, Integer> notes = new TreeMap<>();
        for (Video video : videos) {
            if (video.imu == null) continue;
            if (video.imu.path("rows_without_time").asLong() > 0) notes.merge("rows without a time were left out", 1, Integer::sum);
            if (video.imu.path("missing_values").asLong() > 0) notes.merge("missing values became 0", 1, Integer::sum);
            if (video.imu.path("rows_out_of_order").asLong() > 0) notes.merge("rows were out of order and sorted", 1, Integer::sum);
            if (video.imu.path("resampled").asBoolean()) notes.merge("motion was resampled to 200 Hz", 1, Integer::sum);
            if (!video.imu.path("notes").isEmpty()) notes.merge("there is a note on the motion in preparation.json", 1, Integer::sum);
        }
        return notes;
    }
}
