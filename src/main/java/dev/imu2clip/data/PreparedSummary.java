package dev.imu2clip.data;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What was written: windows by label and split.
 *
 * @param minutes length of all recordings
 * @param windows for every label the windows in training, validation and test
 * @param notes what people should know of single recordings
 */
public record PreparedSummary(int recordings, double minutes, Map<String, int[]> windows, List<String> notes) {
    private static final int SHOWN = 10;

    static PreparedSummary of(List<RecordingInfo> recordings, List<Window> windows, Map<Split, List<String>> splits,
            List<String> notes) {
        Map<String, Split> where = new LinkedHashMap<>();
        splits.forEach((split, uids) -> uids.forEach(uid -> where.put(uid, split)));
        Map<String, int[]> counts = new LinkedHashMap<>();
        for (Window window : windows) counts.computeIfAbsent(window.label(), l -> new int[3])[where.get(window.uid()).ordinal()]++;
        return new PreparedSummary(recordings.size(), recordings.stream().mapToDouble(RecordingInfo::seconds).sum() / 60, counts,
                List.copyOf(notes));
    }

    /** Windows of a split; of all when it is null. */
    public int count(Split split) {
        int sum = 0;
        for (int[] counts : windows.values()) for (int i = 0; i < 3; i++) if (split == null || split.ordinal() == i) sum += counts[i];
        return sum;
    }

    /** A table, one label a line. */
    public String table() {
        int width = windows.keySet().stream().mapToInt(label -> name(label).length()).max().orElse(0) + 2;
        StringBuilder text = new StringBuilder(String.format(Locale.ROOT, "%d recordings, %.1f minutes, %d windows%n", recordings, minutes,
                count(null)));
        String row = "  %-" + width + "s %9s %11s %6s%n";
        text.append(String.format(Locale.ROOT, row, "", "training", "validation", "test"));
        windows.forEach((label, n) -> text.append(String.format(Locale.ROOT, row, name(label), n[0], n[1], n[2])));
        text.append(String.format(Locale.ROOT, row, "all", count(Split.TRAINING), count(Split.VALIDATION), count(Split.TEST)));
        notes.stream().limit(SHOWN).forEach(note -> text.append("  ").append(note).append(System.lineSeparator()));
        if (notes.size() > SHOWN) text.append(String.format("  and %d more such notes%n", notes.size() - SHOWN));
        return text.toString();
    }

    private static String name(String label) {
        return label.isEmpty() ? "(unlabelled)" : label;
    }
}
