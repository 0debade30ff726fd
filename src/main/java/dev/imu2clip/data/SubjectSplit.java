package dev.imu2clip.data;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Divides recordings by subject: about 70 % of the subjects for training, 10 % for validation, 20 % for test. Of up to a
 * thousand orders that a seed gives, the first one is taken in which every split has every label; if none has, the one that lacks
 * fewest.
 */
final class SubjectSplit {
    private static final int TRIALS = 1000;

    private SubjectSplit() {}

    static Map<Split, List<String>> of(List<RecordingInfo> recordings, List<Window> windows, long seed) {
        List<String> subjects = new ArrayList<>(new TreeSet<>(recordings.stream().map(RecordingInfo::subject).toList()));
        Set<String> labels = new HashSet<>(windows.stream().map(Window::label).toList());
        Map<Split, List<String>> best = null;
        int fewest = Integer.MAX_VALUE;
        for (int trial = 0; trial < TRIALS && fewest > 0; trial++) {
            int[] order = new Rng(seed, trial).permutation(subjects.size());
            var division = divide(recordings, subjects, order);
            int missing = 0;
            for (Split split : Split.values()) {
                Set<String> uids = new HashSet<>(division.get(split));
                Set<String> present = new HashSet<>();
                for (Window window : windows) if (uids.contains(window.uid())) present.add(window.label());
                if (!uids.isEmpty()) missing += labels.size() - present.size();
            }
            if (missing < fewest) {
                fewest = missing;
                best = division;
            }
        }
        return best;
    }

    private static Map<Split, List<String>> divide(List<RecordingInfo> recordings, List<String> subjects, int[] order) {
        int n = order.length;
        int test = n < 2 ? 0 : Math.max(1, (int) Math.round(0.2 * n));
        int validation = n < 3 ? 0 : Math.max(1, (int) Math.round(0.1 * n));
        Map<Split, List<String>> division = new EnumMap<>(Split.class);
        for (Split split : Split.values()) {
            int from = switch (split) { case TEST -> 0; case VALIDATION -> test; case TRAINING -> test + validation; };
            int to = switch (split) { case TEST -> test; case VALIDATION -> test + validation; case TRAINING -> n; };
            Set<String> chosen = new LinkedHashSet<>();
            for (int i = from; i < to; i++) chosen.add(subjects.get(order[i]));
            division.put(split, recordings.stream().filter(r -> chosen.contains(r.subject())).map(RecordingInfo::uid).toList());
        }
        return division;
    }
}
