package dev.imu2clip.train;

import dev.imu2clip.backend.Backend;
import dev.imu2clip.clip.FrameSums;
import dev.imu2clip.clip.ImageEncoder;
import dev.imu2clip.data.DataSet;
import dev.imu2clip.data.Modality;
import dev.imu2clip.data.Window;
import dev.imu2clip.data.WindowTable;
import dev.imu2clip.io.CacheFolder;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import dev.imu2clip.io.Sha256;
import dev.imu2clip.media.FrameSelection;
import dev.imu2clip.media.Preprocess;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;

/** CLIP's image tower over the frames that stand for a window: only these are decoded, and each is embedded once and for all. */
final class VideoEncoder implements WindowEncoder {
    /** Frames a second of prepared videos. */
    private static final int FPS = 10;

    private final ImageEncoder images;
    private final FrameSelection frames;
    private final int kept;
    private final Preprocess.Normalization normalization;
    private final Map<Path, String> hashes = new HashMap<>();

    VideoEncoder(Config config, Backend backend, Consumer<String> say) {
        String clip = config.run().clip();
        if (clip.isEmpty()) say.accept("No CLIP weights were given: video frames are embedded with seeded random weights, without meaning.");
        images = (clip.isEmpty() ? ImageEncoder.random(backend, 0) : ImageEncoder.open(backend, Path.of(clip)))
                .cachedIn(CacheFolder.path(), say);
        frames = FrameSelection.of(config.model().videoEncoderName());
        kept = config.model().targetFps();
        normalization = config.clip().frameNormalization().equals("clip") ? Preprocess.Normalization.CLIP : Preprocess.Normalization.NONE;
    }

    @Override
    public Modality modality() {
        return Modality.VIDEO;
    }

    @Override
    public int width() {
        return images.width();
    }

    @Override
    public String identity() {
        return images.identity();
    }

    @Override
    public String identityOf(DataSet data, Set<String> uids) {
        StringBuilder all = new StringBuilder(identity() + ", " + frames + " of " + kept + ", " + normalization);
        for (String uid : new TreeSet<>(uids)) all.append(", ").append(uid).append(' ').append(hash(data.layout().video(uid)));
        return Sha256.of(all.toString());
    }

    private String hash(Path file) {
        return hashes.computeIfAbsent(file, f -> Sha256.of(f, CacheFolder.path()));
    }

    @Override
    public float[][] embed(DataSet data, WindowTable windows, Problems problems, Progress progress) {
        List<FrameSums.Frames> items = new ArrayList<>();
        for (Window window : windows.windows()) {
            Path file = data.layout().video(window.uid());
            double[] times = frames.times(window.start(), window.end(), FPS, kept);
            items.add(new FrameSums.Frames(file, hash(file), times, frames.scale(times.length)));
        }
        FrameSums.Result result = new FrameSums(normalization, true).embed(images, items, progress);
        Map<String, String> reasons = new HashMap<>();
        for (InputException failure : result.failures()) reasons.putIfAbsent(failure.getMessage().split(": ", 2)[0], failure.getMessage());
        for (int i = 0; i < items.size(); i++)
            if (result.rows()[i] == null)
                problems.missing(i, windows.get(i) + ", " + reasons.getOrDefault(items.get(i).file().toString(), "its frames cannot be read"));
        return result.rows();
    }

    @Override
    public void close() {
        images.close();
    }
}
