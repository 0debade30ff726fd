package dev.imu2clip.data.ego4d;

import dev.imu2clip.data.Json;
import dev.imu2clip.data.Layout;
import dev.imu2clip.data.Rng;
import dev.imu2clip.data.Split;
import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;

/** Which videos are for training, validation and test: as given, or divided by the reference's rule. */
final class Ego4dSplits {
    static final int SHUFFLES = 10;

    private Ego4dSplits() {}

    /** 70 % of the shuffled videos, of these 90 % for training and the rest for validation; 30 % for test. Numbers are rounded down. */
    static Map<Split, List<String>> divide(List<String> uids, long seed, int shuffle) {
        List<String> shuffled = new ArrayList<>();
        for (int i : new Rng(seed, shuffle).permutation(uids.size())) shuffled.add(uids.get(i));
        int both = (int) (uids.size() * 0.70), training = (int) (both * 0.90);
        Map<Split, List<String>> splits = new EnumMap<>(Split.class);
        splits.put(Split.TRAINING, shuffled.subList(0, training));
        splits.put(Split.VALIDATION, shuffled.subList(training, both));
        splits.put(Split.TEST, shuffled.subList(both, uids.size()));
        return splits;
    }

    /**
     * Writes ten divisions and the first of them once more, without a number.
     *
     * @param uids videos with motion and narrations, in the narrations' order
     */
    static void make(List<String> uids, long seed, Layout layout) {
        List<String> used = uids.stream().filter(uid -> !uid.equals(Ego4dWindows.EXCLUDED)).toList();
        Map<Path, List<String>> files = new LinkedHashMap<>();
        for (int i = 0; i < SHUFFLES; i++)
            for (var split : divide(used, seed, i).entrySet()) {
                files.put(layout.split(split.getKey(), i), split.getValue());
                if (i == 0) files.put(layout.split(split.getKey()), split.getValue());
            }
        write(files);
    }

    /** All at once: most of the time goes into waiting for the disk, which takes many small files together in the time of a few. */
    private static void write(Map<Path, List<String>> files) {
        try (var pool = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<?>> writes = new ArrayList<>();
            files.forEach((file, uids) -> writes.add(pool.submit(() -> Json.write(file, uids))));
            for (Future<?> write : writes) write.get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException failure) throw failure;
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** Whether a folder holds splits. */
    static boolean isAt(Path folder) {
        return folder != null && !files(folder).isEmpty();
    }

    /** Copies given splits; the files without a number are those given, or else number 0 without the video that is used nowhere. */
    static void copy(Path folder, Layout layout) {
        Map<Split, List<String>> splits = new EnumMap<>(Split.class);
        for (Split split : Split.values()) {
            Path given = folder.resolve(split.id() + ".json"), first = folder.resolve(split.id() + "_0.json");
            if (!Files.exists(given) && !Files.exists(first))
                throw InputException.in(folder, "has neither " + given.getFileName() + " nor " + first.getFileName(),
                        "Give all three splits, or none: then they are made");
            splits.put(split, Json.strings(Files.exists(given) ? given : first).stream().filter(uid -> !uid.equals(Ego4dWindows.EXCLUDED))
                    .toList());
        }
        for (Path file : files(folder)) {
            Json.strings(file);
            Ego4dDocuments.copy(file, layout.splits().resolve(file.getFileName()));
        }
        splits.forEach((split, uids) -> Json.write(layout.split(split), uids));
    }

    private static List<Path> files(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.getFileName().toString().matches("(training|validation|test)(_\\d+)?\\.json")).sorted()
                    .toList();
        } catch (IOException e) {
            throw new InputException(folder + ": cannot be listed (" + InputException.reason(e) + ")", e);
        }
    }
}
