package dev.imu2clip.data.ego4d;

import com.fasterxml.jackson.databind.JsonNode;
import dev.imu2clip.data.DataSetInfo;
import dev.imu2clip.data.DataSetWriter;
import dev.imu2clip.data.Json;
import dev.imu2clip.data.Layout;
import dev.imu2clip.data.RecordingInfo;
import dev.imu2clip.data.Split;
import dev.imu2clip.io.FileLock;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * Turns Ego4D's raw files into a prepared data set (docs/data.md). What is finished is remembered, so that a run that was stopped in any
 * way is gone on with by the same command; what changed in between is made again.
 */
public final class PrepareEgo4d {
    /** In the target: what was made from what, and who is at work. */
    static final String LOG = ".preparation.jsonl", LOCK = ".preparation.lock";

    /**
     * @param video prepare the videos, {@code audio} their sound
     * @param referenceRate take rates of motion as the reference does, {@code even} after interpolation onto an even clock
     * @param seed of the splits, where none are given
     * @param jobs how many files are worked on at once
     * @param strict whatever cannot be used is an error
     */
    public record Options(boolean video, boolean audio, boolean referenceRate, boolean even, long seed, int jobs, boolean strict) {
        public static final Options DEFAULT = new Options(true, true, false, false, 0, Runtime.getRuntime().availableProcessors(), false);

        public Options {
            if (jobs < 1) throw new InputException("--jobs must be at least 1, not " + jobs);
        }
    }

    private final RawEgo4d raw;
    private final Layout layout;
    private final Options options;
    private final Progress progress;
    private final List<Skip> skipped = Collections.synchronizedList(new ArrayList<>());

    private PrepareEgo4d(RawEgo4d raw, Path target, Options options, Progress progress) {
        this.raw = raw;
        layout = new Layout(target);
        this.options = options;
        this.progress = progress;
    }

    /**
     * @throws InputException when the sources or the target cannot be used, or nothing could be prepared; strictly: when anything could not
     */
    public static PreparationReport run(RawEgo4d raw, Path target, Options options, Progress progress) {
        return new PrepareEgo4d(raw, target, options, progress).run();
    }

    private PreparationReport run() {
        checkTarget();
        try (FileLock _ = FileLock.acquireOrFail(layout.folder().resolve(LOCK), "is preparing this folder")) {
            removeTemporaryFiles();
            try (PreparationLog log = new PreparationLog(layout.folder().resolve(LOG))) {
                return prepare(log);
            }
        } catch (IOException e) {
            throw new InputException(layout.folder() + ": cannot be used (" + InputException.reason(e) + ")", e);
        }
    }

    private void checkTarget() {
        Path folder = layout.folder();
        try {
            if (Files.exists(folder) && !Files.isDirectory(folder))
                throw InputException.in(folder, "is a file, expected a folder to write to", "");
            Files.createDirectories(folder);
            if (Files.isSameFile(folder, raw.folder()))
                throw InputException.in(folder, "holds the raw files", "Choose another folder to write to");
            try (Stream<Path> files = Files.list(folder)) {
                if (!Files.exists(folder.resolve(LOG)) && files.anyMatch(file -> !file.getFileName().toString().startsWith(".preparation.")
                        && !file.getFileName().toString().startsWith("..preparation.")))
                    throw InputException.in(folder, "is not empty and holds no preparation to go on with", "Choose another folder");
            }
        } catch (IOException e) {
            throw new InputException(folder + ": cannot be written to (" + InputException.reason(e)
                    + "). Check the path and its permissions", e);
        }
    }

    /** What a run that was killed left: files get their names when they are complete. */
    private void removeTemporaryFiles() throws IOException {
        List<Path> left;
        try (Stream<Path> files = Files.walk(layout.folder(), 2)) {
            left = files.filter(file -> file.getFileName().toString().matches("\\..+\\.tmp") && Files.isRegularFile(file)).toList();
        }
        for (Path file : left) Files.delete(file);
    }

    private PreparationReport prepare(PreparationLog log) throws IOException {
        var documents = new Ego4dDocuments(raw, skipped);
        List<PreparationWork> work = new PreparationPlan(raw, layout, options, documents.videos(), log, skipped).work();
        refuseSkips();
        Files.deleteIfExists(layout.info()); // from here on the folder is no data set, neither ours nor the reference's
        Files.deleteIfExists(layout.metadata());
        new PreparationJobs(log, skipped, options.jobs, progress).run(work);
        Map<String, Map<String, JsonNode>> results = results(work, log);
        if (results.isEmpty()) throw InputException.in(raw.folder(), "nothing in it could be prepared"
                + (skipped.isEmpty() ? "" : ": " + skipped.getFirst().detail()), "");
        documents.write(layout);
        Json.write(layout.recordings(), recordings(results));
        writeSplits(documents, results.keySet());
        var report = report(results);
        Json.write(layout.folder().resolve("preparation.json"), report);
        refuseSkips();
        documents.writeMetadata(layout);
        DataSetWriter.writeInfo(layout, info(), report.prepared().get("imu"), OptionalInt.empty());
        return report;
    }

    private void refuseSkips() {
        if (!options.strict || skipped.isEmpty()) return;
        Skip first = skipped.getFirst();
        throw InputException.in(raw.folder(), skipped.size() + " sources cannot be used. The first: " + first.what() + " " + first.uid()
                + ": " + first.reason() + " (" + first.detail() + ")", "Correct them, or leave --strict out to go on without them");
    }

    /** What was made: by uid, then by kind of work. */
    private static Map<String, Map<String, JsonNode>> results(List<PreparationWork> work, PreparationLog log) {
        Map<String, Map<String, JsonNode>> results = new TreeMap<>();
        for (PreparationWork item : work) {
            PreparationLog.Entry entry = log.get(item.kind(), item.uid());
            if (item.isDone(entry) && !entry.result().isNull())
                results.computeIfAbsent(item.uid(), _ -> new HashMap<>()).put(item.kind(), entry.result());
        }
        return results;
    }

    private List<RecordingInfo> recordings(Map<String, Map<String, JsonNode>> results) {
        List<RecordingInfo> recordings = new ArrayList<>();
        results.forEach((uid, kinds) -> {
            JsonNode imu = kinds.get("imu");
            if (imu == null) return;
            double seconds = imu.path("last_sec").asDouble() - imu.path("first_sec").asDouble();
            recordings.add(new RecordingInfo(uid, uid, DataSetInfo.RATE_HZ, Math.round(seconds * 1000) / 1000.0, "imu/" + uid + ".csv"));
        });
        return recordings;
    }

    /** By what the sources say and not by what could be prepared: one that is repaired later must not move another to another split. */
    private void writeSplits(Ego4dDocuments documents, Set<String> prepared) {
        if (Ego4dSplits.isAt(raw.splits())) {
            Ego4dSplits.copy(raw.splits(), layout);
            return;
        }
        List<String> uids = documents.narrated().stream().filter(uid -> documents.videos().containsKey(uid)
                && documents.videos().get(uid).hasImu() && (raw.imu().containsKey(uid) || prepared.contains(uid))).toList();
        Ego4dSplits.make(uids, options.seed, layout);
    }

    private PreparationReport report(Map<String, Map<String, JsonNode>> results) {
        Map<String, Integer> counts = new LinkedHashMap<>();
        for (String kind : List.of("imu", "video", "audio"))
            counts.put(kind, (int) results.values().stream().filter(kinds -> kinds.containsKey(kind)).count());
        Map<String, Integer> splits = new LinkedHashMap<>();
        for (Split split : Split.values()) splits.put(split.id(), Json.strings(layout.split(split)).size());
        List<PreparationReport.Video> videos = results.entrySet().stream()
                .map(e -> new PreparationReport.Video(e.getKey(), e.getValue().get("imu"), e.getValue().get("video"),
                        e.getValue().get("audio"))).toList();
        skipped.sort(Comparator.comparing(Skip::what).thenComparing(Skip::reason).thenComparing(Skip::uid));
        return new PreparationReport(settings(), counts, splits, videos, List.copyOf(skipped));
    }

    private Map<String, Object> settings() {
        Map<String, Object> settings = new LinkedHashMap<>();
        settings.put("command", "prepare ego4d");
        settings.put("video", options.video);
        settings.put("audio", options.audio);
        settings.put("reference_rate", options.referenceRate);
        settings.put("even", options.even);
        if (!Ego4dSplits.isAt(raw.splits())) settings.put("seed", options.seed);
        return settings;
    }

    private DataSetInfo info() {
        return new DataSetInfo("ego4d", "Ego4D (https://ego4d-data.org), or recordings in its layout",
                "for recordings of Ego4D: its licence agreement",
                "Grauman et al., Ego4D: Around the World in 3,000 Hours of Egocentric Video, CVPR 2022",
                5, settings());
    }
}
