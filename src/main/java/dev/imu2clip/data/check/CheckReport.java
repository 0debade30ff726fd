package dev.imu2clip.data.check;

import com.fasterxml.jackson.annotation.JsonProperty;
import dev.imu2clip.data.Json;
import dev.imu2clip.io.AtomicFile;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * {@code check.json}: what was found about a prepared data set. It holds no date and no path: the same folder gives the same bytes.
 *
 * @param status that of the worst recording
 * @param counts recordings by status, {@code findings} recordings by the code of what was found
 * @param windows by rule and reason, how many cannot be used
 */
public record CheckReport(String format, int version, @JsonProperty("data_set") String name, Status status, Map<String, Integer> counts,
        Map<String, Integer> findings, int windows,
        @JsonProperty("rejected_windows") Map<String, Map<String, Integer>> rejected,
        List<RecordingReport> recordings) {
    /** Value of {@code format}. */
    public static final String FORMAT = "imu2clip data check";
    private static final int SHOWN = 5;

    static CheckReport of(String name, List<RecordingReport> recordings) {
        Map<String, Integer> counts = new LinkedHashMap<>(), findings = new TreeMap<>();
        Map<String, Map<String, Integer>> rejected = new TreeMap<>();
        for (Status status : Status.values()) counts.put(status.id(), 0);
        Status worst = Status.OK;
        int windows = 0;
        for (RecordingReport recording : recordings) {
            counts.merge(recording.status().id(), 1, Integer::sum);
            recording.findings().stream().map(Finding::code).distinct().forEach(code -> findings.merge(code, 1, Integer::sum));
            for (LostWindow lost : recording.rejected())
                rejected.computeIfAbsent(lost.rule(), _ -> new TreeMap<>()).merge(lost.reason(), 1, Integer::sum);
            windows += recording.windows();
            if (recording.status().compareTo(worst) > 0) worst = recording.status();
        }
        return new CheckReport(FORMAT, 1, name, worst, counts, findings, windows, rejected, List.copyOf(recordings));
    }

    /** Writes {@code check.json} and {@code check.html} into a folder. */
    public void write(Path folder) {
        Json.write(folder.resolve("check.json"), this);
        AtomicFile.write(folder.resolve("check.html"), CheckPage.of(this));
    }

    /** A few lines for the screen. */
    public String summary() {
        int lost = rejected.values().stream().flatMap(reasons -> reasons.values().stream()).mapToInt(Integer::intValue).sum();
        StringBuilder text = new StringBuilder("checked: " + recordings.size() + " recordings, " + counts.get("ok") + " ok, "
                + counts.get("warning")
                + " with warnings, " + counts.get("bad") + " bad; " + lost + " of " + windows + " windows cannot be used\n");
        rejected.forEach((rule, reasons) -> reasons.forEach((reason, count) -> text.append("  ").append(count).append(" x ").append(rule)
                .append(": ")
                .append(reason).append('\n')));
        for (Status status : List.of(Status.BAD, Status.WARNING)) {
            recordings.stream().filter(recording -> recording.status() == status).limit(SHOWN).forEach(recording -> {
                text.append(status.id()).append(": ").append(recording.uid()).append('\n');
                recording.findings().forEach(finding -> text.append("    ").append(finding.text()).append('\n'));
            });
            if (counts.get(status.id()) > SHOWN) text.append("  and ").append(counts.get(status.id()) - SHOWN)
                    .append(" more, see check.html\n");
        }
        return text.toString();
    }
}
