package dev.imu2clip.data.ego4d;

import de.siegmar.fastcsv.writer.CsvWriter;
import de.siegmar.fastcsv.writer.LineDelimiter;
import dev.imu2clip.data.Json;
import dev.imu2clip.data.Rng;
import dev.imu2clip.data.SampleActivity;
import dev.imu2clip.data.Split;
import dev.imu2clip.io.AtomicFile;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A raw data set in Ego4D's layout out of a seed: metadata, narrations, IMU csv, films whose camera turns as the gyroscope says, bad
 * windows, splits and labelled windows. {@code truth.json} beside them tells what was built into the files, above all each film's lag.
 */
public final class Ego4dSample {
    private static final int SPLIT = 0;
    private static final double LABELLED_SEC = 2.5;
    /** The reference's classes, each with the text that its labelled files have for it. */
    private static final Map<SampleActivity, String> LABELLED = new EnumMap<>(Map.of(SampleActivity.HEAD_MOVEMENT, "moves head",
            SampleActivity.STANDS_UP, "stands up", SampleActivity.SITS_DOWN, "sits down", SampleActivity.WALKING, "walks around"));

    /**
     * @param videos number of videos, each of a person of their own
     * @param minutes length of each
     * @param splits whether split files are written; without them, preparation makes them
     * @param overwrite replace such a data set in the target folder
     */
    public record Options(long seed, int videos, double minutes, boolean splits, boolean overwrite) {
        /** Every activity twice in each video. */
        public static final Options DEFAULT = new Options(0, 8, 1.2, true, false);

        public Options {
            if (videos < 3 || videos > 1000) throw new InputException("the number of videos must lie in 3 .. 1000, not " + videos);
            if (!(minutes >= 0.2 && minutes <= 60))
                throw new InputException("the minutes of a video must lie in 0.2 .. 60, not " + minutes);
        }

        int acts() {
            return (int) ((minutes * 60 - 2) / SampleVideo.SECONDS_EACH + 1e-9);
        }
    }

    private final Path out;
    private final Options options;
    private final List<SampleVideo> videos;

    private Ego4dSample(Path out, Options options) {
        this.out = out;
        this.options = options;
        videos = IntStream.range(0, options.videos).mapToObj(i -> new SampleVideo(options.seed, i, options.acts())).toList();
    }

    /**
     * Writes the data set; {@code ego4d.json} comes last, so an interrupted one does not look finished.
     *
     * @return the number of narrations about the wearers
     * @throws InputException when the folder is not empty, or cannot be written
     */
    public static int generate(Path out, Options options, Progress progress) {
        clear(out, options.overwrite);
        return new Ego4dSample(out, options).write(progress);
    }

    private static void clear(Path out, boolean overwrite) {
        try {
            if (Files.exists(out) && !Files.isDirectory(out)) throw InputException.in(out, "is a file, expected a folder to write to", "");
            Files.createDirectories(out);
            try (Stream<Path> entries = Files.list(out)) {
                if (entries.findAny().isEmpty()) return;
            }
            if (!overwrite) throw InputException.in(out, "is not empty", "Choose another folder or give --overwrite");
            Files.deleteIfExists(out.resolve("ego4d.json")); // first: from here on the folder is no data set
            for (String folder : List.of("imu", "full_scale", "splits", ".")) {
                if (!Files.isDirectory(out.resolve(folder))) continue;
                try (Stream<Path> files = Files.list(out.resolve(folder))) {
                    for (Path file : files.filter(Ego4dSample::isOurs).toList()) Files.delete(file);
                }
            }
        } catch (IOException e) {
            throw new InputException(out + ": cannot be written to (" + InputException.reason(e) + "). Check the path and its permissions",
                    e);
        }
    }

    private static boolean isOurs(Path file) {
        String name = file.getFileName().toString();
        return name.matches("[0-9a-f-]{36}\\.(csv|mp4)|(training|validation|test)_0\\.json|narration\\.json|truth\\.json|"
                + "bad_imu_windows_(2\\.5|5\\.0)\\.json|dataset_motion_narr_2\\.5_(training|validation|test)_0\\.csv");
    }

    private int write(Progress progress) {
        List<Map<String, Object>> truths = films(progress);
        Map<String, Object> narrations = new LinkedHashMap<>();
        List<List<SampleNarration>> all = videos.stream().map(video -> SampleNarration.of(video, options.seed)).toList();
        for (int i = 0; i < videos.size(); i++) narrations.put(videos.get(i).uid, SampleNarration.json(all.get(i), videos.get(i)));
        Json.write(out.resolve("narration.json"), narrations);
        for (double windowSec : new double[] {2.5, 5}) Json.write(out.resolve(BadWindows.name(windowSec)), bad());
        Map<Split, List<SampleVideo>> splits = splits();
        for (var split : splits.entrySet()) {
            String name = split.getKey().name().toLowerCase(Locale.ROOT) + "_" + SPLIT;
            List<String> uids = split.getValue().stream().map(video -> video.uid).toList();
            if (options.splits) Json.write(out.resolve("splits/" + name + ".json"), uids);
            labelled(out.resolve("dataset_motion_narr_" + LABELLED_SEC + "_" + name + ".csv"), split.getValue(), all);
        }
        Json.write(out.resolve("truth.json"), truth(truths));
        Json.write(out.resolve("ego4d.json"), metadata());
        return (int) all.stream().flatMap(List::stream).filter(narration -> NarrationText.isWearer(narration.text())).count();
    }

    /** Films and csv, as many at a time as there are processors. */
    private List<Map<String, Object>> films(Progress progress) {
        List<Future<Map<String, Object>>> running = new ArrayList<>();
        List<Map<String, Object>> truths = new ArrayList<>();
        try (var threads = Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors())) {
            for (SampleVideo video : videos) running.add(threads.submit(() -> files(video)));
            try {
                for (var each : running) {
                    progress.at(truths.size(), videos.size(), videos.get(truths.size()).uid);
                    truths.add(each.get());
                }
            } catch (ExecutionException e) {
                threads.shutdownNow();
                if (e.getCause() instanceof InputException problem) throw problem;
                throw new IllegalStateException(e.getCause());
            } catch (InterruptedException e) {
                threads.shutdownNow();
                Thread.currentThread().interrupt();
                throw new InputException("interrupted while the sample was written");
            }
        }
        progress.at(videos.size(), videos.size(), "narrations");
        return truths;
    }

    private Map<String, Object> files(SampleVideo video) {
        Map<String, Object> truth = new LinkedHashMap<>();
        truth.put("video_uid", video.uid);
        truth.put("video_lag_sec", video.videoLag);
        truth.put("focal_length_in_picture_widths", CameraSimulator.FOCAL);
        truth.put("acts", video.acts.stream().map(act -> Map.of("start_sec", act.start(), "label", act.activity().label)).toList());
        if (video.hasImu) truth.put("imu", SampleImuCsv.write(out.resolve("imu/" + video.uid + ".csv"), video, options.seed));
        video.film(out.resolve("full_scale/" + video.uid + ".mp4"));
        return truth;
    }

    /** Of every third video the second narrated stretch. */
    private List<List<Object>> bad() {
        return videos.stream().filter(video -> video.number % 3 == 0 && video.hasImu)
                .map(video -> List.<Object>of(video.uid, 6.0, 11.0)).toList();
    }

    /** By video, 70 to 30, then 90 to 10; those without motion train, so that no small split is left without any. */
    private Map<Split, List<SampleVideo>> splits() {
        List<SampleVideo> felt = videos.stream().filter(video -> video.hasImu).toList();
        int[] order = new Rng(options.seed, 6).permutation(felt.size());
        int test = Math.max(1, (int) Math.round(0.3 * felt.size()));
        int validation = Math.max(1, (int) Math.round(0.1 * (felt.size() - test)));
        Map<Split, List<SampleVideo>> splits = new EnumMap<>(Split.class);
        for (Split split : Split.values()) splits.put(split, new ArrayList<>());
        for (int i = 0; i < order.length; i++) {
            Split split = i < test ? Split.TEST : i < test + validation ? Split.VALIDATION : Split.TRAINING;
            splits.get(split).add(felt.get(order[i]));
        }
        videos.stream().filter(video -> !video.hasImu).forEach(splits.get(Split.TRAINING)::add);
        return splits;
    }

    private void labelled(Path file, List<SampleVideo> split, List<List<SampleNarration>> narrations) {
        var text = new StringWriter();
        try (CsvWriter csv = CsvWriter.builder().lineDelimiter(LineDelimiter.LF).build(text)) {
            csv.writeRecord("window_start", "window_end", "video_uid", "narration_uid", "text", "Score-TFIDF", "label", "OG_label");
            for (SampleVideo video : split) {
                if (!video.hasImu) continue;
                for (SampleNarration narration : narrations.get(video.number)) {
                    String words = narration.act() == null ? null : LABELLED.get(narration.act().activity());
                    if (words == null || narration.pass() != 1) continue;
                    int start = (int) narration.act().start();
                    csv.writeRecord("" + start, "" + (start + SampleVideo.SECONDS_EACH), video.uid, narration.uid(), words, "1.0",
                            narration.act().activity().label, words);
                }
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        AtomicFile.write(file, text.toString());
    }

    private Map<String, Object> truth(List<Map<String, Object>> truths) {
        Map<String, Object> truth = new LinkedHashMap<>();
        truth.put("about", "What was built into this generated data set. video_lag_sec: the IMU's second t is seen at second t + lag");
        truth.put("seed", options.seed);
        truth.put("videos", truths);
        return truth;
    }

    private Map<String, Object> metadata() {
        List<Object> list = new ArrayList<>();
        List<Object> clips = new ArrayList<>();
        for (SampleVideo video : videos) {
            Map<String, Object> details = new LinkedHashMap<>();
            details.put("fps", SampleVideo.FPS);
            details.put("video_duration_sec", (double) video.seconds);
            details.put("display_resolution_width", SampleVideo.WIDTH);
            details.put("display_resolution_height", SampleVideo.HEIGHT);
            details.put("audio_start_sec", video.hasAudio ? 0.0 : null);
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("video_uid", video.uid);
            entry.put("duration_sec", (double) video.seconds);
            entry.put("has_imu", video.hasImu);
            entry.put("video_metadata", details);
            list.add(entry);
            Map<String, Object> clip = new LinkedHashMap<>();
            clip.put("clip_uid", SampleVideo.uid(new Rng(options.seed, video.number, 7)));
            clip.put("video_uid", video.uid);
            clip.put("video_start_sec", 0.0);
            clip.put("video_end_sec", (double) video.seconds);
            clips.add(clip);
        }
        Map<String, Object> metadata = new LinkedHashMap<>();
        metadata.put("version", "generated");
        metadata.put("videos", list);
        metadata.put("clips", clips);
        return metadata;
    }
}
