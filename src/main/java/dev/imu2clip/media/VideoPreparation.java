package dev.imu2clip.media;

import static org.bytedeco.ffmpeg.global.avutil.*;

import dev.imu2clip.io.AtomicFile;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.bytedeco.ffmpeg.avutil.AVFrame;

/**
 * A video as training reads it: {@code fps} frames a second, the centre square at {@code size} x {@code size}, H.264 in mp4, no sound.
 * The filters are those of IMU2CLIP's reference, {@code fps, crop, scale} with FFmpeg's bicubic scaler. Frame k of the result is the last
 * of the source's frames whose time rounds to k / fps seconds, so up to half of 1 / fps later: one frame of a film of 30 a second. That is how
 * the filter, and so the reference, takes them. Second 0 is the start of the file, as in {@link VideoFrames} and for the sound.
 */
public final class VideoPreparation {
    /** Seconds that a video may end before the time that its header tells. */
    private static final double SLACK = 1;

    private VideoPreparation() {}

    /**
     * Reads {@code in} and writes {@code out}, which is there whole or not at all. Half a second lies between key frames: a window that
     * begins at a whole second then has its first and its middle frame on key frames, and any frame costs fps / 2 decoded ones at most.
     *
     * @param size even, at least 16
     * @param progress hears of seconds done and in all
     * @throws InputException when there is no video in {@code in}, when it ends early or cannot be decoded at some second, or when
     *         {@code out} cannot be written
     */
    public static void prepare(Path in, Path out, int fps, int size, Progress progress) {
        if (fps < 1 || fps > 240 || size < 16 || size % 2 != 0 || size > 4096) {
            throw new IllegalArgumentException(fps + " frames a second of " + size + " x " + size + " pixels");
        }
        VideoFrames.requireFile(in);
        VideoFrames.guarded(in, "video", () -> {
            try (VideoStream source = new VideoStream(in)) {
                AVFrame first = next(source);
                if (first == null) throw new ImageFault("there is no frame in it");
                AtomicFile.write(out, channel -> new Job(source, fps, size, progress, in.getFileName().toString()).run(first, channel));
            }
            return null;
        });
    }

    private static AVFrame next(VideoStream source) {
        AVFrame frame;
        try {
            frame = source.next();
        } catch (ImageFault e) {
            throw new ImageFault(e.getMessage() + " after the frame " + at(source.seconds()));
        }
        if (frame != null && source.damaged()) throw new ImageFault("the frame " + at(source.seconds()) + " is damaged");
        return frame;
    }

    private static String at(double seconds) {
        return String.format(Locale.ROOT, "at %.2f s", seconds);
    }

    /** @param name what {@code progress} hears */
    private record Job(VideoStream source, int fps, int size, Progress progress, String name) {
        String filters() {
            String turn = switch (source.orientation()) {
                case 6 -> "transpose=clock,";
                case 3 -> "hflip,vflip,";
                case 8 -> "transpose=cclock,";
                default -> "";
            };
            // start_time: the first frame stands from second 0 on even if the video begins later than the sound. out_range: some encoders
            // and readers know no other.
            return String.format(Locale.ROOT, "%sfps=%d:start_time=0,crop=w='min(iw,ih)':h='min(iw,ih)',scale=%d:%d:out_range=tv,"
                    + "format=yuv420p", turn, fps, size, size);
        }

        void run(AVFrame first, FileChannel channel) throws IOException {
            int width = first.width();
            int height = first.height();
            int format = first.format();
            int total = (int) Math.ceil(source.duration());
            int done = -1;
            long end = 0;
            double until = 0;
            try (var graph = FilterGraph.pictures(filters(), first, source.timeBase(), source.averageRate());
                    var film = new Film(channel, fps)) {
                for (AVFrame frame = first; frame != null; frame = next(source)) {
                    if (frame.width() != width || frame.height() != height || frame.format() != format) {
                        throw new ImageFault(at(source.seconds()) + " its picture changes its size or format");
                    }
                    until = source.shownUntil();
                    end = source.endTicks();
                    graph.push(frame.pts(source.ticks()));
                    film.drain(graph);
                    if ((int) until != done) progress.at(done = Math.min((int) until, total), total, name);
                }
                if (source.declaredEnd() > until + SLACK) {
                    throw new ImageFault(StreamReader.cutOff(until, source.declaredEnd()));
                }
                graph.end(end);
                film.drain(graph);
                film.finish();
            }
        }
    }

    /**
     * The result: it is opened by the first frame, whose colours it has. Frames are encoded on a thread of their own, so that decoding,
     * filtering and encoding go on side by side, as in the program ffmpeg.
     */
    private static final class Film implements AutoCloseable {
        private static final int AHEAD = 8;

        private final Mp4File file;
        private final int fps;
        private final ExecutorService thread = Executors.newSingleThreadExecutor();
        private final Deque<Sent> sent = new ArrayDeque<>();
        private AVFrame free = av_frame_alloc();
        private Encoder encoder;

        private record Sent(AVFrame frame, Future<?> encoded) {}

        Film(FileChannel channel, int fps) {
            file = new Mp4File(channel);
            this.fps = fps;
        }

        void drain(FilterGraph graph) throws IOException {
            while (graph.pull(free)) {
                if (encoder == null) encoder = Encoder.video(file, free, av_make_q(fps, 1), Math.max(1, fps / 2));
                send(free.pict_type(AV_PICTURE_TYPE_NONE));
                free = sent.size() < AHEAD ? av_frame_alloc() : await();
            }
        }

        private void send(AVFrame frame) {
            sent.add(new Sent(frame, thread.submit(() -> {
                encoder.add(frame);
                return null;
            })));
        }

        /** The oldest frame, empty, when it has been encoded. */
        private AVFrame await() throws IOException {
            try {
                sent.peek().encoded.get();
            } catch (ExecutionException e) {
                switch (e.getCause()) {
                    case IOException failure -> throw failure;
                    case ImageFault failure -> throw failure;
                    default -> throw new IllegalStateException(e.getCause());
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new InterruptedIOException("interrupted");
            }
            AVFrame frame = sent.poll().frame;
            av_frame_unref(frame);
            return frame;
        }

        void finish() throws IOException {
            if (encoder == null) throw new ImageFault("it is shorter than one frame of " + fps + " a second");
            while (!sent.isEmpty()) av_frame_free(await());
            encoder.add(null);
            file.finish();
        }

        @Override
        public void close() {
            thread.close();
            if (encoder != null) encoder.close();
            file.close();
            sent.forEach(each -> av_frame_free(each.frame));
            av_frame_free(free);
        }
    }
}
