package dev.imu2clip.media;

import static org.bytedeco.ffmpeg.global.avcodec.*;
import static org.bytedeco.ffmpeg.global.avformat.*;
import static org.bytedeco.ffmpeg.global.avutil.*;

import java.nio.file.Path;
import org.bytedeco.ffmpeg.avcodec.AVPacketSideData;
import org.bytedeco.ffmpeg.avformat.AVIndexEntry;
import org.bytedeco.ffmpeg.avformat.AVStream;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.avutil.AVRational;
import org.bytedeco.javacpp.IntPointer;

/**
 * The video stream of a file as FFmpeg decodes it: read through by {@link #next}, or searched by {@link #show}. Then it always holds two
 * frames: the one shown, and the one after, which tells how long it is shown. All memory here is native and freed by {@link #close}.
 */
final class VideoStream implements AutoCloseable {
    /** Seconds ahead from which a file without an index is searched and not decoded through. */
    private static final double FAR = 2;

    private final StreamReader in;
    private final AVStream stream;
    private final double tick;
    private final long origin;
    private final int orientation;
    private AVFrame shown = av_frame_alloc();
    private AVFrame ahead = av_frame_alloc();
    private boolean closed;
    private boolean hasShown;
    private boolean hasAhead;
    private boolean ended;
    private long shownAt;
    private long aheadAt;
    private long lastAt;

    VideoStream(Path file) {
        in = new StreamReader(file, AVMEDIA_TYPE_VIDEO);
        try {
            if (!in.present()) throw new ImageFault("there is no video in it");
            stream = in.stream;
            if ((stream.disposition() & AV_DISPOSITION_ATTACHED_PIC) != 0) throw new ImageFault("there is no video in it, only a cover");
            Canvas.check(in.codec.width(), in.codec.height(), Canvas.MAX_PIXELS);
            tick = in.tick;
            origin = in.origin;
            lastAt = origin;
            orientation = orientation(stream);
        } catch (Throwable e) {
            close();
            throw e;
        }
    }

    /** The display matrix turns counterclockwise; EXIF's numbers turn clockwise. */
    private static int orientation(AVStream stream) {
        AVPacketSideData matrix = av_packet_side_data_get(stream.codecpar().coded_side_data(), stream.codecpar().nb_coded_side_data(),
                AV_PKT_DATA_DISPLAYMATRIX);
        if (matrix == null || matrix.isNull() || matrix.size() < 36) return 1;
        double degrees = av_display_rotation_get(new IntPointer(matrix.data()));
        if (Double.isNaN(degrees)) return 1;
        return switch (Math.floorMod(Math.round(-degrees / 90), 4)) {
            case 1 -> 6;
            case 2 -> 3;
            case 3 -> 8;
            default -> 1;
        };
    }

    int codedWidth() {
        return in.codec.width();
    }

    int codedHeight() {
        return in.codec.height();
    }

    int orientation() {
        return orientation;
    }

    boolean sideways() {
        return orientation >= 5;
    }

    double frameRate() {
        return StreamReader.seconds(stream.avg_frame_rate());
    }

    /** Seconds of the stream, else of the file, else up to the last packet. */
    double duration() {
        if (stream.duration() > 0) return stream.duration() * tick;
        if (in.format.duration() > 0) return (double) in.format.duration() / AV_TIME_BASE;
        rewind(origin);
        long end = in.readToEnd();
        rewind(origin);
        return (end - origin) * tick;
    }

    AVFrame shown() {
        return shown;
    }

    /** The shown frame's time in the stream's units. */
    long shownAt() {
        return shownAt;
    }

    boolean damaged() {
        return StreamReader.damaged(shown);
    }

    /** Whether no frame follows the shown one. */
    boolean ended() {
        return ended;
    }

    /** Seconds at which the shown frame ends. */
    double shownUntil() {
        double rate = frameRate();
        double length = shown.duration() > 0 ? shown.duration() * tick : rate > 0 ? 1 / rate : 0;
        return (shownAt - origin) * tick + length;
    }

    /** Decodes the next frame in order of time and makes it the shown one; null at the end. */
    AVFrame next() {
        if (!in.decode(shown)) return null;
        shownAt = time(shown);
        return shown;
    }

    /** The shown frame's begin in seconds. */
    double seconds() {
        return (shownAt - origin) * tick;
    }

    /** The shown frame's begin from time 0 on, in units of {@link #timeBase}. */
    long ticks() {
        return shownAt - origin;
    }

    /** The shown frame's end, in the same units. */
    long endTicks() {
        return Math.round(shownUntil() / tick);
    }

    AVRational timeBase() {
        return stream.time_base();
    }

    AVRational averageRate() {
        return stream.avg_frame_rate();
    }

    /** @see StreamReader#declaredEnd */
    double declaredEnd() {
        return in.declaredEnd();
    }

    /** Makes the last frame that begins at or before a time the shown one; before all frames it is the first. */
    void show(double seconds) {
        long target = origin + Math.round(seconds / tick);
        if (!hasShown || target < shownAt || keyFrameBetween(target)) {
            rewind(target);
            showFirst();
            // An index may be wrong: a frame behind the wanted one says so.
            if (shownAt > target && target > origin) {
                rewind(origin);
                showFirst();
            }
        }
        while (!ended) {
            if (!hasAhead) {
                ended = !in.decode(ahead);
                if (ended) return;
                aheadAt = time(ahead);
                hasAhead = true;
            }
            if (aheadAt > target) return;
            AVFrame free = shown;
            shown = ahead;
            ahead = free;
            shownAt = aheadAt;
            hasAhead = false;
        }
    }

    private boolean keyFrameBetween(long target) {
        AVIndexEntry key = avformat_index_get_entry_from_timestamp(stream, target, AVSEEK_FLAG_BACKWARD);
        if (key == null || key.isNull()) return (target - shownAt) * tick > FAR;
        return key.timestamp() > (hasAhead ? aheadAt : shownAt);
    }

    private void rewind(long target) {
        in.seek(target);
        hasShown = hasAhead = ended = false;
        lastAt = origin;
    }

    private void showFirst() {
        if (!in.decode(shown)) throw new ImageFault("there is no frame that can be decoded");
        shownAt = time(shown);
        hasShown = true;
    }

    private long time(AVFrame frame) {
        long at = frame.best_effort_timestamp();
        double rate = frameRate();
        if (at == AV_NOPTS_VALUE) at = lastAt + Math.max(1, rate > 0 ? Math.round(1 / (rate * tick)) : 1);
        lastAt = at;
        return at;
    }

    @Override
    public void close() {
        if (closed) return;
        closed = true;
        in.close();
        av_frame_free(shown);
        av_frame_free(ahead);
    }
}
