package dev.imu2clip.media;

import static org.bytedeco.ffmpeg.global.avutil.*;

import dev.imu2clip.io.AtomicFile;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Locale;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.avutil.AVRational;

/**
 * The sound of a video as training reads it: one channel of 16-bit PCM at one rate, in a wav file. Sample 0 lies at second 0 of the file,
 * as frame 0 of {@link VideoPreparation}: sound that begins later has silence before it, and so have gaps in its time stamps.
 */
public final class AudioPreparation {
    /** Seconds that sound may end before the time that its header tells. */
    private static final double SLACK = 1;

    private AudioPreparation() {}

    /**
     * Reads {@code in} and writes {@code outWav}, which is there whole or not at all.
     *
     * @param progress hears of seconds done and in all
     * @return false when there is no sound in {@code in}: then nothing is written
     * @throws InputException when {@code in} ends early or cannot be decoded, or {@code outWav} cannot be written
     */
    public static boolean prepare(Path in, Path outWav, int rateHz, Progress progress) {
        if (rateHz < 1000 || rateHz > 192_000) throw new IllegalArgumentException("rate " + rateHz);
        VideoFrames.requireFile(in);
        return VideoFrames.guarded(in, "audio", () -> {
            try (var reader = new StreamReader(in, AVMEDIA_TYPE_AUDIO)) {
                if (!reader.present()) return false;
                AtomicFile.write(outWav, channel -> {
                    try (var job = new Job(reader, channel, rateHz)) {
                        job.run(progress, in.getFileName().toString());
                    }
                });
                return true;
            }
        });
    }

    /** Mono, silence or a cut where time stamps and samples differ by a tenth of a second, and at the start where they differ at all. */
    private static String filters(int rateHz) {
        return String.format(Locale.ROOT, "aresample=%d:ochl=mono:osf=s16:async=1:min_hard_comp=0.1:first_pts=0", rateHz);
    }

    private static final class Job implements AutoCloseable {
        private final StreamReader in;
        private final WavFile.Writer out;
        private final AVFrame frame = av_frame_alloc();
        private final AVFrame result = av_frame_alloc();
        private byte[] bytes = {};
        private double until;

        Job(StreamReader in, FileChannel channel, int rateHz) throws IOException {
            this.in = in;
            out = new WavFile.Writer(channel, rateHz);
        }

        void run(Progress progress, String name) throws IOException {
            double declared = in.declaredEnd();
            int total = Double.isNaN(declared) ? 0 : (int) Math.ceil(declared);
            int done = -1;
            if (!decode()) throw new ImageFault("its stream holds no sound");
            AVRational unit = in.stream.time_base();
            int rate = frame.sample_rate();
            long next = 0;
            try (var graph = FilterGraph.sound(filters(out.rateHz()), frame, unit)) {
                do {
                    if (StreamReader.damaged(frame)) {
                        throw new ImageFault(String.format(Locale.ROOT, "the sound at %.2f s is damaged", until));
                    }
                    long at = frame.best_effort_timestamp();
                    if (at != AV_NOPTS_VALUE) next = at - in.origin;
                    frame.pts(next);
                    next += Math.round(frame.nb_samples() / (rate * in.tick));
                    until = next * in.tick;
                    graph.push(frame);
                    drain(graph);
                    if ((int) until != done) progress.at(done = Math.clamp((int) until, 0, total), total, name);
                } while (decode());
                if (declared > until + SLACK) throw new ImageFault(StreamReader.cutOff(until, declared));
                graph.end(next);
                drain(graph);
            }
            out.finish();
        }

        private boolean decode() {
            try {
                return in.decode(frame);
            } catch (ImageFault e) {
                throw new ImageFault(String.format(Locale.ROOT, "%s after %.2f s", e.getMessage(), until));
            }
        }

        private void drain(FilterGraph graph) throws IOException {
            while (graph.pull(result)) {
                int n = result.nb_samples() * Short.BYTES;
                if (bytes.length < n) bytes = new byte[n];
                result.data(0).get(bytes, 0, n);
                out.add(ByteBuffer.wrap(bytes, 0, n));
                av_frame_unref(result);
            }
        }

        @Override
        public void close() {
            av_frame_free(frame);
            av_frame_free(result);
        }
    }
}
