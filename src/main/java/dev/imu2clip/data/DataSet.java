package dev.imu2clip.data;

import com.fasterxml.jackson.databind.JsonNode;
import dev.imu2clip.data.Rejections.Reason;
import dev.imu2clip.io.InputException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A prepared data set on disk (layout: docs/data.md), opened for reading. Signals are memory-mapped on first use and stay so
 * until {@link #close}. Safe for use by several threads; close after every {@link BatchLoader} on it.
 */
public final class DataSet implements AutoCloseable {
    private static final double MAX_SECONDS = 3600; // a window is held in memory
    private final Layout layout;
    private final DataSetInfo info;
    private final int rateHz;
    private final Map<Split, List<String>> splits = new EnumMap<>(Split.class);
    private final Map<String, RecordingInfo> recordings = new LinkedHashMap<>();
    private final WindowRule rule;
    private List<Window> windows; // read when they are first asked for
    private final Arena arena = Arena.ofShared();
    private final Map<String, Object> opened = new ConcurrentHashMap<>(); // uid to Recording, or to why it cannot be used

    private DataSet(Path folder, int rateHz, WindowRule rule) {
        layout = new Layout(folder);
        this.rateHz = rateHz;
        this.rule = rule;
        info = readInfo();
        if (Files.exists(layout.recordings())) readRecordings();
        readSplits();
        if (rule == WindowRule.LISTED) windows(); // a damaged file is found at once
    }

    /** Opens a folder whose blocks are wanted at 200 Hz. @throws InputException when it is no complete, consistent data set */
    public static DataSet open(Path folder) {
        return open(folder, DataSetInfo.RATE_HZ);
    }

    /** Opens a folder whose blocks are wanted at {@code rateHz}; signals of another rate are resampled window by window. */
    public static DataSet open(Path folder, int rateHz) {
        return open(folder, rateHz, WindowRule.LISTED);
    }

    /** The same with other windows than those that {@code windows.csv} lists. */
    public static DataSet open(Path folder, int rateHz, WindowRule rule) {
        if (!Files.isDirectory(folder))
            throw InputException.in(folder, "is not a folder",
                    "Give the folder of a prepared data set; 'imu2clip import' and 'imu2clip sample' make one");
        return new DataSet(folder, rateHz, rule);
    }

    private DataSetInfo readInfo() {
        Path file = layout.info();
        if (!Files.exists(file) && Files.exists(layout.metadata())) // as the reference prepares it
            return new DataSetInfo(layout.folder().getFileName().toString(), "", "", "", 0, Map.of());
        if (!Files.exists(file))
            throw InputException.in(layout.folder(), "is not a prepared data set: it has no dataset.json",
                    "Make one with 'imu2clip import' or 'imu2clip sample'; an interrupted import has to be repeated with --overwrite");
        JsonNode node = Json.read(file);
        if (!node.path("format").asText().equals(DataSetInfo.FORMAT))
            throw InputException.in(file, "format is '" + node.path("format").asText() + "', expected '" + DataSetInfo.FORMAT + "'", "");
        int version = node.path("version").asInt(0);
        if (version != DataSetInfo.VERSION)
            throw InputException.in(file, "version is " + node.path("version") + ", this program reads " + DataSetInfo.VERSION,
                    "Make the data set again");
        Map<String, Object> creation = new LinkedHashMap<>();
        node.path("creation").properties().forEach(e -> creation.put(e.getKey(), e.getValue()));
        return new DataSetInfo(node.path("name").asText(layout.folder().getFileName().toString()), node.path("source").asText(),
                node.path("licence").asText(), node.path("citation").asText(), node.path("window_sec").asDouble(), creation);
    }

    private void readRecordings() {
        Path file = layout.recordings();
        JsonNode list = Json.read(file);
        if (!list.isArray()) throw InputException.in(file, "must be a JSON list of recordings", "");
        for (JsonNode node : list) {
            String uid = Layout.checkUid(node.path("uid").asText(), file);
            var recording = new RecordingInfo(uid, node.path("subject").asText(), node.path("rate_hz").asDouble(),
                    node.path("seconds").asDouble(), node.path("source").asText());
            if (recordings.put(uid, recording) != null) throw InputException.in(file, "names the recording " + uid + " twice", "");
        }
    }

    private void readSplits() {
        Map<String, Split> where = new HashMap<>();
        for (Split split : Split.values()) {
            Path file = Files.exists(layout.split(split)) ? layout.split(split) : layout.split(split, 0);
            List<String> uids = Files.exists(file) ? Json.strings(file) : List.of();
            for (String uid : uids) {
                Split other = where.put(Layout.checkUid(uid, file), split);
                if (other != null)
                    throw InputException.in(file, "recording " + uid + " is named twice"
                            + (other == split ? "" : ", also in the " + other.id() + " split"),
                            "A recording belongs to one split");
            }
            splits.put(split, uids);
        }
    }

    public Path folder() {
        return layout.folder();
    }

    /** Where its files lie. */
    public Layout layout() {
        return layout;
    }

    public DataSetInfo info() {
        return info;
    }

    /** Rate of the blocks in Hz. */
    public int rateHz() {
        return rateHz;
    }

    /** Recordings of a split; empty when the data set has no such split. */
    public List<String> split(Split split) {
        return splits.get(split);
    }

    /** What {@code recordings.json} says, by uid; empty when there is no such file. */
    public Map<String, RecordingInfo> recordings() {
        return Collections.unmodifiableMap(recordings);
    }

    /** All windows as the file lists them, or as the rule finds them; checked or not. */
    public synchronized List<Window> windows() {
        if (windows == null) {
            Set<String> uids = new HashSet<>();
            splits.values().forEach(uids::addAll);
            windows = List.copyOf(rule.windows(layout, uids));
        }
        return windows;
    }

    /**
     * The usable windows of a split in the order of the file: those that have motion and a text. Every window is read once for it;
     * those that cannot be used are counted with the reason.
     *
     * @throws InputException when none is left
     */
    public Selection select(Split split) {
        return select(split, EnumSet.of(Modality.IMU, Modality.TEXT));
    }

    /** The same for windows that have all of these modalities. Of a video it is only asked whether it is there. */
    public Selection select(Split split, Set<Modality> modalities) {
        Set<String> uids = new HashSet<>(splits.get(split));
        List<Window> candidates = windows().stream().filter(w -> uids.contains(w.uid())).toList();
        Rejections rejections = new Rejections();
        List<Window> usable = new ArrayList<>();
        Rejected[] problems = new Rejected[candidates.size()];
        Arrays.parallelSetAll(problems, i -> problem(candidates.get(i), modalities));
        for (int i = 0; i < problems.length; i++) {
            if (problems[i] == null) usable.add(candidates.get(i));
            else rejections.add(problems[i].reason, problems[i].getMessage());
        }
        if (usable.isEmpty()) throw empty(split, uids.size(), candidates.size(), rejections);
        return new Selection(new WindowTable(usable), rejections);
    }

    /** A window that cannot be used, and why. */
    public record RejectedWindow(Window window, Rejections.Reason reason, String detail) {}

    /** Every window of {@link #windows} that cannot be used with these modalities, in their order, whatever its split. */
    public List<RejectedWindow> rejected(Set<Modality> modalities) {
        List<Window> all = windows();
        Rejected[] problems = new Rejected[all.size()];
        Arrays.parallelSetAll(problems, i -> problem(all.get(i), modalities));
        List<RejectedWindow> rejected = new ArrayList<>();
        for (int i = 0; i < problems.length; i++)
            if (problems[i] != null) rejected.add(new RejectedWindow(all.get(i), problems[i].reason, problems[i].getMessage()));
        return rejected;
    }

    private InputException empty(Split split, int uids, int candidates, Rejections rejections) {
        String why = uids == 0 ? "it names no recording" : candidates == 0
                ? (rule == WindowRule.LISTED ? layout.windows() : layout.folder()) + " has no window of its " + uids + " recordings"
                : String.join("; ", rejections.summary());
        return InputException.in(layout.split(split), "no usable window in the " + split.id() + " split: " + why,
                "Correct or replace the data set");
    }

    private Rejected problem(Window window, Set<Modality> modalities) {
        try {
            if (modalities.contains(Modality.TEXT) && window.text().isBlank()) throw new Rejected(Reason.EMPTY_TEXT, window.toString());
            int samples = window.samples(rateHz);
            if (samples < 1 || window.end() - window.start() > MAX_SECONDS) throw new Rejected(Reason.BAD_TIMES, window.toString());
            if (modalities.contains(Modality.VIDEO)) require(layout.video(window.uid()), Reason.MISSING_VIDEO);
            if (modalities.contains(Modality.AUDIO)) require(layout.audio(window.uid()), Reason.MISSING_AUDIO);
            if (!modalities.contains(Modality.IMU)) return null;
            recording(window.uid()).read(window, samples, MemorySegment.ofArray(new float[Recording.CHANNELS * samples]), 0);
            return null;
        } catch (Rejected rejected) {
            return rejected;
        }
    }

    private static void require(Path file, Reason reason) {
        if (!Files.exists(file)) throw new Rejected(reason, file + ": does not exist");
    }

    /** @throws Rejected when no window of the recording can be used */
    private Recording recording(String uid) {
        Object entry = opened.computeIfAbsent(uid, name -> {
            try {
                double declared = recordings.containsKey(name) ? recordings.get(name).rateHz() : 0;
                return new Recording(layout.signals(), name, declared, rateHz, arena);
            } catch (Rejected rejected) {
                return rejected;
            }
        });
        if (entry instanceof Rejected rejected) throw rejected;
        return (Recording) entry;
    }

    /**
     * Samples of each of these windows.
     *
     * @throws InputException when they differ: windows of a batch have one length
     */
    public int samples(WindowTable windows) {
        try {
            return windows.samples(rateHz());
        } catch (InputException e) {
            throw new InputException(folder() + ": " + e.getMessage(), e);
        }
    }

    /**
     * Copies a window's block to {@code target}: float32, (6, samples), channel-major, in m/s² and rad/s.
     *
     * @throws InputException when the window cannot be used; those of {@link #select} can
     */
    public void read(Window window, MemorySegment target, long byteOffset) {
        try {
            recording(window.uid()).read(window, window.samples(rateHz), target, byteOffset);
        } catch (Rejected rejected) {
            throw new InputException(layout.folder() + ": " + window + " cannot be used: " + rejected.reason + " (" + rejected.getMessage()
                    + ")");
        }
    }

    /** {@link #read(Window, MemorySegment, long)} into an array, from element {@code offset} on. */
    public void read(Window window, float[] target, int offset) {
        read(window, MemorySegment.ofArray(target), (long) offset * Float.BYTES);
    }

    /** Unmaps the signals. */
    @Override
    public void close() {
        arena.close();
    }
}
