package dev.imu2clip.data.check;

import dev.imu2clip.data.DataSet;
import dev.imu2clip.data.DataSetInfo;
import dev.imu2clip.data.Layout;
import dev.imu2clip.data.Modality;
import dev.imu2clip.data.RecordingInfo;
import dev.imu2clip.data.Split;
import dev.imu2clip.data.Window;
import dev.imu2clip.data.WindowRule;
import dev.imu2clip.data.ego4d.Ego4dMetadata;
import dev.imu2clip.data.ego4d.Ego4dWindows;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BiConsumer;
import java.util.stream.Stream;

/** Checks a prepared data set of any origin; docs/data-check.md tells what is looked at and why the bounds are what they are. */
public final class DataCheck {
    /**
     * @param lag compare film and motion: by far the longest part
     * @param jobs recordings looked at at once
     */
    public record Options(boolean lag, int jobs) {
        public static final Options DEFAULT = new Options(true, Runtime.getRuntime().availableProcessors());

        public Options {
            if (jobs < 1) throw new InputException("--jobs must be at least 1, not " + jobs);
        }
    }

    private final Layout layout;
    private final Options options;
    private final boolean ego4d;
    private final Map<String, Ego4dMetadata.Video> videos;
    private final Map<String, Integer> windows = new HashMap<>();
    private final Map<String, List<LostWindow>> lost = new HashMap<>();
    private final Set<String> uids = new TreeSet<>();
    private String name;
    private Map<String, RecordingInfo> infos;

    private DataCheck(Path folder, Options options) {
        layout = new Layout(folder);
        this.options = options;
        ego4d = Ego4dWindows.isAt(folder);
        videos = ego4d ? Ego4dMetadata.read(layout.metadata()).videos() : Map.of();
    }

    /** @throws InputException when the folder is no prepared data set, or one of the files that tell of all recordings is damaged */
    public static CheckReport run(Path folder, Options options, Progress progress) {
        return new DataCheck(folder, options).run(progress);
    }

    private CheckReport run(Progress progress) {
        progress.at(0, 1, "windows");
        readWindows();
        boolean films = hasFiles(layout.videos());
        boolean sounds = hasFiles(layout.audios());
        List<RecordingCheck.Known> known = uids.stream().map(uid -> {
            Ego4dMetadata.Video video = videos.get(uid);
            double rate = infos.containsKey(uid) && infos.get(uid).rateHz() > 0 ? infos.get(uid).rateHz() : DataSetInfo.RATE_HZ;
            return new RecordingCheck.Known(uid, rate, video == null ? 0 : video.seconds(), films, sounds && (video == null
                    || video.hasAudio()),
                    windows.getOrDefault(uid, 0), lost.getOrDefault(uid, List.of()));
        }).toList();
        return CheckReport.of(name, check(known, progress));
    }

    private void readWindows() {
        if (!ego4d) {
            readWindows("listed", WindowRule.LISTED, Set.of());
            return;
        }
        readWindows("unlabelled", 5, EnumSet.of(Modality.IMU));
        if (Files.exists(layout.narrations())) readWindows("narrated", 2.5, EnumSet.of(Modality.IMU, Modality.TEXT));
    }

    private void readWindows(String kind, double windowSec, Set<Modality> modalities) {
        String rule = kind + " " + windowSec;
        BiConsumer<Window, String> leftOut = (window, why) -> {
            windows.merge(window.uid(), 1, Integer::sum);
            lose(rule, window, why, "");
        };
        readWindows(rule, new Ego4dWindows(windowSec, modalities, Ego4dWindows.Sampling.ALL, leftOut), modalities);
    }

    /** @param modalities empty: motion, and text where any window has one */
    private void readWindows(String rule, WindowRule windowRule, Set<Modality> modalities) {
        try (DataSet data = DataSet.open(layout.folder(), DataSetInfo.RATE_HZ, windowRule)) {
            Set<Modality> needed = !modalities.isEmpty() ? modalities : data.windows().stream().allMatch(window -> window.text().isBlank())
                    ? EnumSet.of(Modality.IMU) : EnumSet.of(Modality.IMU, Modality.TEXT);
            data.windows().forEach(window -> windows.merge(window.uid(), 1, Integer::sum));
            for (var rejected : data.rejected(needed))
                lose(rule, rejected.window(), rejected.reason().toString(), rejected.detail().replace(layout.folder() + "/", ""));
            if (infos == null) findRecordings(data);
        }
    }

    private void lose(String rule, Window window, String reason, String detail) {
        lost.computeIfAbsent(window.uid(), _ -> new ArrayList<>()).add(new LostWindow(rule, window.start(), window.end(), reason, detail));
    }

    /** Those of the splits, those that are described and those that have files; but not videos that have no motion by their metadata. */
    private void findRecordings(DataSet data) {
        name = data.info().name();
        infos = data.recordings();
        uids.addAll(infos.keySet());
        for (Split split : Split.values()) uids.addAll(data.split(split));
        uids.removeIf(uid -> videos.containsKey(uid) && !videos.get(uid).hasImu());
        if (!Files.isDirectory(layout.signals())) return;
        try (Stream<Path> files = Files.list(layout.signals())) {
            files.map(file -> file.getFileName().toString()).filter(file -> file.endsWith(".npy") && !file.startsWith(".")
                    && !file.endsWith("_timestamps.npy")).forEach(file -> uids.add(file.substring(0, file.length() - 4)));
        } catch (IOException e) {
            throw new InputException(layout.signals() + ": cannot be listed (" + InputException.reason(e) + ")", e);
        }
    }

    private static boolean hasFiles(Path folder) {
        if (!Files.isDirectory(folder)) return false;
        try (Stream<Path> files = Files.list(folder)) {
            return files.findAny().isPresent();
        } catch (IOException e) {
            throw new InputException(folder + ": cannot be listed (" + InputException.reason(e) + ")", e);
        }
    }

    private List<RecordingReport> check(List<RecordingCheck.Known> known, Progress progress) {
        List<Future<RecordingReport>> running = new ArrayList<>();
        List<RecordingReport> reports = new ArrayList<>();
        try (var threads = Executors.newFixedThreadPool(options.jobs)) {
            for (var one : known) running.add(threads.submit(() -> RecordingCheck.run(layout, one, options.lag)));
            try {
                for (var each : running) {
                    progress.at(reports.size(), known.size(), known.get(reports.size()).uid());
                    reports.add(each.get());
                }
            } catch (ExecutionException e) {
                threads.shutdownNow();
                if (e.getCause() instanceof InputException problem) throw problem;
                throw new IllegalStateException(e.getCause());
            } catch (InterruptedException e) {
                threads.shutdownNow();
                Thread.currentThread().interrupt();
                throw new InputException("interrupted while the data set was checked");
            }
        }
        return reports;
    }
}
