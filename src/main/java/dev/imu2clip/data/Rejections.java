package dev.imu2clip.data;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Counts the windows that were skipped, by reason, with a few examples of each. */
public final class Rejections {
    /** Why a window is skipped. */
    public enum Reason {
        EMPTY_TEXT("no narration"),
        BAD_TIMES("its length is not between one sample and an hour"),
        MISSING_FILE("signal or timestamp file missing"),
        UNREADABLE_FILE("signal or timestamp file damaged"),
        WRONG_CHANNELS("wrong number of channels"),
        CLOCK("clock runs backwards or stands still"),
        BEYOND_END("passes the end of the recording"),
        NO_SAMPLE_NEAR("nearest sample more than 4 s away"),
        TOO_FEW_SAMPLES("fewer than 10 samples"),
        NOT_FINITE("NaN or infinite samples"),
        MISSING_VIDEO("video missing"),
        BAD_VIDEO("video damaged, or it ends before the window does"),
        MISSING_AUDIO("sound missing");

        private final String text;

        Reason(String text) {
            this.text = text;
        }

        @Override
        public String toString() {
            return text;
        }
    }

    private static final int EXAMPLES = 3;
    private final Map<Reason, Integer> counts = new EnumMap<>(Reason.class);
    private final Map<Reason, List<String>> examples = new EnumMap<>(Reason.class);

    /** Counts one more. {@code detail} names the window or file and what is wrong. */
    public void add(Reason reason, String detail) {
        counts.merge(reason, 1, Integer::sum);
        List<String> some = examples.computeIfAbsent(reason, r -> new ArrayList<>());
        if (some.size() < EXAMPLES && !some.contains(detail)) some.add(detail);
    }

    public int count() {
        return counts.values().stream().mapToInt(Integer::intValue).sum();
    }

    public int count(Reason reason) {
        return counts.getOrDefault(reason, 0);
    }

    public Map<Reason, Integer> counts() {
        return Map.copyOf(counts);
    }

    /** Up to three examples, each naming the window or file and what is wrong. */
    public List<String> examples(Reason reason) {
        return List.copyOf(examples.getOrDefault(reason, List.of()));
    }

    /** One line a reason: {@code 3 windows skipped: passes the end of the recording (for instance ...)}; empty when none was. */
    public List<String> summary() {
        return counts.entrySet().stream().map(e -> e.getValue() + (e.getValue() == 1 ? " window" : " windows") + " skipped: " + e.getKey()
                + " (for instance " + examples.get(e.getKey()).getFirst() + ")").toList();
    }
}
