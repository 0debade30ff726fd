package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;
import dev.imu2clip.media.Preprocess;
import dev.imu2clip.media.VideoFrames;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Single frames of video files, known by the file's content and their time. Of a batch, every file is opened once and its frames are read
 * in the order of time; nothing else is decoded than what leads to them from a key frame.
 */
final class VideoFrameSource extends ImageSource {
    /** Changed whenever the same time could give another frame or other colours than before. */
    private static final String RECIPE = "video frame 1";

    /** A frame, with the file's SHA-256. */
    record Frame(Path file, String hash, double time) {}

    private final List<Frame> frames;
    private final Preprocess preprocess;

    VideoFrameSource(List<Frame> frames, Preprocess preprocess, boolean skipsBroken) {
        super(skipsBroken);
        this.frames = frames;
        this.preprocess = preprocess;
    }

    @Override
    public int count() {
        return frames.size();
    }

    @Override
    public EmbeddingCache.Key key(int image) {
        Frame frame = frames.get(image);
        String text = RECIPE + ", " + frame.hash + ", " + frame.time + " s, " + preprocess.identity();
        return EmbeddingCache.Key.of(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
    }

    @Override
    public void read(int image, MemorySegment target) {
        try (VideoFrames video = VideoFrames.open(frames.get(image).file)) {
            read(video, image, target);
        }
    }

    private void read(VideoFrames video, int image, MemorySegment target) {
        preprocess.apply(video.frames(frames.get(image).time).getFirst(), target, 0);
        wasRead();
    }

    @Override
    public InputException[] readAll(List<Integer> images, List<MemorySegment> targets) {
        var problems = new InputException[images.size()];
        IntStream.range(0, problems.length).boxed().collect(Collectors.groupingBy(i -> frames.get(images.get(i)).file)).values()
                .parallelStream().forEach(places -> {
                    places.sort(Comparator.comparingDouble(i -> frames.get(images.get(i)).time));
                    readFile(places, images, targets, problems);
                });
        return problems;
    }

    /** Reads those of a batch that are of one file. */
    private void readFile(List<Integer> places, List<Integer> images, List<MemorySegment> targets, InputException[] problems) {
        try (VideoFrames video = VideoFrames.open(frames.get(images.get(places.getFirst())).file)) {
            for (int i : places) problems[i] = ImageEncoder.Pixels.problem(() -> read(video, images.get(i), targets.get(i)));
        } catch (InputException e) {
            places.forEach(i -> problems[i] = e);
        }
    }
}
