package dev.imu2clip.media;

import static org.bytedeco.ffmpeg.global.avutil.*;
import static org.bytedeco.ffmpeg.global.swscale.*;

import dev.imu2clip.io.AtomicFile;
import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.UUID;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.swscale.SwsContext;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;

/**
 * Writes generated films: RGB pictures, and sound if wanted, to an mp4 file of H.264 and AAC with a key frame a second. The same pictures
 * give the same bytes. The file appears when {@link #finish} is called; closing without it leaves nothing behind.
 */
public final class VideoWriter implements AutoCloseable {
    private final Path out;
    private final Path spool;
    private final int width;
    private final int height;
    private final FileChannel channel;
    private final AVFrame rgb = av_frame_alloc();
    private final AVFrame yuv = av_frame_alloc();
    private final AVFrame sound = av_frame_alloc();
    private final int rateHz;
    private SwsContext converter;
    private Mp4File file;
    private Encoder video;
    private Encoder audio;
    private long frames;
    private long samples;
    private float[] pending = {};

    /** A film without sound. */
    public VideoWriter(Path out, int width, int height, double fps) {
        this(out, width, height, fps, 0);
    }

    /**
     * @param width even, at least 16
     * @param height even, at least 16
     * @param audioRateHz samples a second of one channel of sound, given to {@link #addSound}; 0 for none
     * @throws InputException when the folder cannot be written to
     */
    public VideoWriter(Path out, int width, int height, double fps, int audioRateHz) {
        if (width < 16 || height < 16 || width % 2 != 0 || height % 2 != 0) throw new IllegalArgumentException(width + " x " + height);
        this.out = out;
        this.width = width;
        this.height = height;
        rateHz = audioRateHz;
        Path folder = out.toAbsolutePath().getParent();
        spool = folder.resolve("." + out.getFileName() + "." + UUID.randomUUID() + ".spool.tmp");
        try {
            Files.createDirectories(folder);
            channel = FileChannel.open(spool, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE,
                    StandardOpenOption.DELETE_ON_CLOSE);
        } catch (IOException e) {
            throw unwritable(e);
        }
        try {
            open(fps);
        } catch (Throwable e) {
            close();
            throw e;
        }
    }

    private void open(double fps) {
        rgb.format(AV_PIX_FMT_RGB24).width(width).height(height);
        yuv.format(AV_PIX_FMT_YUV420P).width(width).height(height).color_range(AVCOL_RANGE_MPEG);
        StreamReader.check(av_frame_get_buffer(rgb, 0), "no memory for a frame");
        StreamReader.check(av_frame_get_buffer(yuv, 0), "no memory for a frame");
        converter = sws_getContext(width, height, AV_PIX_FMT_RGB24, width, height, AV_PIX_FMT_YUV420P, SWS_BICUBIC | SWS_ACCURATE_RND, null,
                null, (DoublePointer) null);
        file = new Mp4File(channel);
        video = Encoder.video(file, yuv, av_d2q(fps, 100_000), Math.max(1, (int) Math.round(fps)));
        if (rateHz > 0) audio = Encoder.audio(file, rateHz);
    }

    /** Appends a picture of {@code width * height * 3} values, row by row. */
    public void add(byte[] picture) {
        if (picture.length != 3 * width * height) throw new IllegalArgumentException(picture.length + " bytes");
        BytePointer rows = rgb.data(0);
        for (int y = 0; y < height; y++) rows.position((long) y * rgb.linesize(0)).put(picture, y * width * 3, width * 3);
        writing(() -> {
            StreamReader.check(av_frame_make_writable(yuv), "no memory for a frame");
            StreamReader.check(sws_scale_frame(converter, yuv, rgb), "a frame cannot be converted");
            video.add(yuv.pts(frames++));
        });
    }

    /** Appends sound in [-1, 1], in step with the pictures: players expect both to be near each other in the file. */
    public void addSound(float[] more) {
        if (audio == null) throw new IllegalStateException("a film without sound");
        float[] all = Arrays.copyOf(pending, pending.length + more.length);
        System.arraycopy(more, 0, all, pending.length, more.length);
        int size = audio.frameSize();
        int at = 0;
        for (; at + size <= all.length; at += size) encode(all, at, size);
        pending = Arrays.copyOfRange(all, at, all.length);
    }

    private void encode(float[] from, int at, int n) {
        sound.format(AV_SAMPLE_FMT_FLTP).sample_rate(rateHz).nb_samples(n);
        av_channel_layout_default(sound.ch_layout(), 1);
        writing(() -> {
            StreamReader.check(av_frame_get_buffer(sound, 0), "no memory for sound");
            new FloatPointer(sound.data(0)).put(from, at, n);
            audio.add(sound.pts(samples));
            av_frame_unref(sound);
        });
        samples += n;
    }

    /** Ends the film and puts it in its place. */
    public void finish() {
        if (audio != null && pending.length > 0) encode(pending, 0, pending.length);
        writing(() -> {
            video.add(null);
            if (audio != null) audio.add(null);
            file.finish();
        });
        AtomicFile.write(out, to -> {
            for (long at = 0, n = channel.size(); at < n;) at += channel.transferTo(at, n - at, to);
        });
    }

    private interface Work {
        void run() throws IOException;
    }

    private void writing(Work work) {
        try {
            work.run();
        } catch (IOException e) {
            throw unwritable(e);
        }
    }

    private InputException unwritable(IOException e) {
        return new InputException(out + ": cannot be written (" + InputException.reason(e)
                + "). Check free space and permissions of its folder", e);
    }

    @Override
    public void close() {
        if (video != null) video.close();
        if (audio != null) audio.close();
        if (file != null) file.close();
        if (converter != null) sws_freeContext(converter);
        av_frame_free(rgb);
        av_frame_free(yuv);
        av_frame_free(sound);
        video = audio = null;
        file = null;
        converter = null;
        try {
            channel.close();
        } catch (IOException e) {
            throw unwritable(e);
        }
    }
}
