package dev.imu2clip.data.ego4d;

import dev.imu2clip.data.Layout;
import dev.imu2clip.data.Modality;
import dev.imu2clip.data.Rng;
import dev.imu2clip.data.Split;
import dev.imu2clip.data.Window;
import dev.imu2clip.data.WindowFile;
import dev.imu2clip.data.WindowRule;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;

/**
 * The windows of a folder in Ego4D's layout, chosen as the reference chooses them.
 *
 * <ul>
 * <li>With text: {@code window_sec} to either side of every narration about the wearer, moved into the video at its start and end, both
 *     ends rounded down to whole seconds, and left out when that changed the length.
 * <li>Without: {@code window_sec} long, side by side from the start, as long as they end before the video does.
 * </ul>
 * Listed bad windows are left out, and videos that lack a modality by what the metadata say.
 */
public final class Ego4dWindows implements WindowRule {
    /** Left out by the reference everywhere. */
    static final String EXCLUDED = "ec344610-74f4-4765-9c3f-0837ef78055d";

    /**
     * Some of the windows only, as the reference evaluates.
     *
     * @param share     of all windows, drawn one by one
     * @param perVideo  at most so many of a video, drawn at random; 0: all
     */
    public record Sampling(double share, int perVideo, long seed) {
        public static final Sampling ALL = new Sampling(1, 0, 0);
    }

    private final double windowSec;
    private final Set<Modality> modalities;
    private final Sampling sampling;
    private final BiConsumer<Window, String> leftOut;

    /** @param modalities what the windows are to have; with {@link Modality#TEXT} they are those of the narrations */
    public Ego4dWindows(double windowSec, Set<Modality> modalities, Sampling sampling) {
        this(windowSec, modalities, sampling, (_, _) -> {});
    }

    /** @param leftOut hears of each window that the rules leave out, and why */
    public Ego4dWindows(double windowSec, Set<Modality> modalities, Sampling sampling, BiConsumer<Window, String> leftOut) {
        this.windowSec = windowSec;
        this.modalities = EnumSet.copyOf(modalities);
        this.sampling = sampling;
        this.leftOut = leftOut;
    }

    /** Whether a folder has Ego4D's layout. */
    public static boolean isAt(Path folder) {
        return Files.exists(new Layout(folder).metadata());
    }

    /**
     * The labelled windows, for recognition: those that the reference's files list for each split, of videos that have a recording of
     * motion. Times are cut off to whole seconds, as the reference reads them.
     */
    public static WindowRule labelled() {
        return (layout, uids) -> {
            Map<String, Ego4dMetadata.Video> videos = Ego4dMetadata.read(layout.metadata()).videos();
            List<Window> windows = new ArrayList<>();
            for (Split split : Split.values()) {
                for (Window window : WindowFile.read(layout.labelled(split))) {
                    Ego4dMetadata.Video video = videos.get(window.uid());
                    if (uids.contains(window.uid()) && video != null && video.hasImu())
                        windows.add(new Window(window.uid(), (int) window.start(), (int) window.end(), window.text(), window.label()));
                }
            }
            return windows;
        };
    }

    @Override
    public List<Window> windows(Layout layout, Set<String> uids) {
        Map<String, Ego4dMetadata.Video> videos = Ego4dMetadata.read(layout.metadata()).videos();
        BadWindows bad = BadWindows.read(layout.folder().resolve(BadWindows.name(windowSec)));
        List<Window> windows = new ArrayList<>();
        if (modalities.contains(Modality.TEXT)) {
            Narrations.read(layout.narrations(), uid -> uids.contains(uid) && isUsable(videos.get(uid), layout)).forEach(
                    (uid, narrations) -> sample(uid, narrated(videos.get(uid), narrations, bad), windows));
        } else {
            for (Ego4dMetadata.Video video : videos.values())
                if (uids.contains(video.uid()) && isUsable(video, layout)) sample(video.uid(), unlabelled(video, bad), windows);
        }
        return windows;
    }

    private boolean isUsable(Ego4dMetadata.Video video, Layout layout) {
        return video != null && !video.uid().equals(EXCLUDED) && (video.hasImu() || !modalities.contains(Modality.IMU))
                && (!modalities.contains(Modality.AUDIO) || video.hasAudio() && Files.exists(layout.audio(video.uid())));
    }

    private List<Window> narrated(Ego4dMetadata.Video video, List<Narrations.Narration> narrations, BadWindows bad) {
        double length = 2 * windowSec;
        List<Window> windows = new ArrayList<>();
        for (Narrations.Narration narration : narrations) {
            if (!NarrationText.isWearer(narration.text())) continue;
            double time = narration.seconds();
            double start = time <= length ? 0 : time + length >= video.seconds() ? video.seconds() - length : time - windowSec;
            double end = time <= length ? length : time + length >= video.seconds() ? video.seconds() : time + windowSec;
            start = Math.floor(start);
            end = Math.floor(end);
            var window = new Window(video.uid(), start, end, NarrationText.clean(narration.text()), "");
            if (end - start != length) leftOut.accept(window, "whole seconds leave another length than " + length + " s");
            else addUnlessBad(window, bad, windows);
        }
        return windows;
    }

    private List<Window> unlabelled(Ego4dMetadata.Video video, BadWindows bad) {
        int count = (int) Math.ceil((video.seconds() - windowSec) / windowSec);
        List<Window> windows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            double start = i * windowSec, end = windowSec + i * windowSec;
            addUnlessBad(new Window(video.uid(), start, end, "", ""), bad, windows);
        }
        return windows;
    }

    private void addUnlessBad(Window window, BadWindows bad, List<Window> windows) {
        if (bad.contains(window.uid(), window.start(), window.end())) leftOut.accept(window, "listed in " + BadWindows.name(windowSec));
        else windows.add(window);
    }

    private void sample(String uid, List<Window> all, List<Window> windows) {
        if (sampling.equals(Sampling.ALL)) {
            windows.addAll(all);
            return;
        }
        Rng random = new Rng(sampling.seed, uid.hashCode());
        int[] order = sampling.perVideo > 0 ? random.permutation(all.size()) : null;
        int taken = 0;
        for (int i = 0; i < all.size() && (order == null || taken < sampling.perVideo); i++) {
            if (sampling.share < 1 && random.uniform() > sampling.share) continue;
            windows.add(all.get(order == null ? i : order[i]));
            taken++;
        }
    }
}
