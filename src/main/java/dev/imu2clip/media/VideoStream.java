package dev.imu2clip.media;

import static org.bytedeco.ffmpeg.global.avcodec.*;
import static org.bytedeco.ffmpeg.global.avformat.*;
import static org.bytedeco.ffmpeg.global.avutil.*;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.bytedeco.ffmpeg.avcodec.AVCodec;
import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.bytedeco.ffmpeg.avcodec.AVPacket;
import org.bytedeco.ffmpeg.avcodec.AVPacketSideData;
import org.bytedeco.ffmpeg.avformat.AVFormatContext;
import org.bytedeco.ffmpeg.avformat.AVIndexEntry;
import org.bytedeco.ffmpeg.avformat.AVStream;
import org.bytedeco.ffmpeg.avutil.AVDictionary;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.avutil.AVRational;
import org.bytedeco.javacpp.IntPointer;

/**
 * The video stream of a file as FFmpeg decodes it. It always holds two frames: the one shown, and the one after, which tells how long
 * it is shown. All memory here is native and freed by {@link #close}.
 */
final class VideoStream implements AutoCloseable {
    /** No playlists and no other formats that open further files. */
    private static final String FORMATS = "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg";
    private static final int MAX_THREADS = 8;
    private static final int DROP_INCOMPLETE_PACKETS = 0x0100;
    private static final int CORRUPT = 1;
    /** Seconds ahead from which a file without an index is searched and not decoded through. */
    private static final double FAR = 2;

    static {
        // JavaCPP would refuse to allocate once the process is larger than four heaps; this process keeps its tensors off the heap.
        System.getProperties().putIfAbsent("org.bytedeco.javacpp.maxPhysicalBytes", "0");
        av_log_set_level(AV_LOG_QUIET);
    }

    private AVFormatContext format = new AVFormatContext(null);
    private AVCodecContext codec;
    private AVStream stream;
    private AVPacket packet = av_packet_alloc();
    private AVFrame shown = av_frame_alloc();
    private AVFrame ahead = av_frame_alloc();
    private double tick;
    private long origin;
    private int orientation;
    /** Whether packets were read, so that the start has to be searched too. */
    private boolean moved;
    private boolean hasShown;
    private boolean hasAhead;
    private boolean ended;
    private long shownAt;
    private long aheadAt;
    private long lastAt;

    VideoStream(Path file) {
        try {
            openFile(file);
            openCodec();
        } catch (Throwable e) {
            close();
            throw e;
        }
    }

    private void openFile(Path file) {
        AVDictionary options = new AVDictionary(null);
        try {
            av_dict_set(options, "protocol_whitelist", "file", 0);
            av_dict_set(options, "format_whitelist", FORMATS, 0);
            // The scheme keeps a name like "a:b.mp4" from being taken for a protocol.
            check(avformat_open_input(format, "file:" + file, null, options), "it is not a video file of a known format");
        } finally {
            av_dict_free(options);
        }
        format.flags(format.flags() | DROP_INCOMPLETE_PACKETS);
        check(avformat_find_stream_info(format, (AVDictionary) null), "its streams cannot be read");
        int index = av_find_best_stream(format, AVMEDIA_TYPE_VIDEO, -1, -1, (AVCodec) null, 0);
        if (index < 0) throw new ImageFault("there is no video in it");
        stream = format.streams(index);
        if ((stream.disposition() & AV_DISPOSITION_ATTACHED_PIC) != 0) throw new ImageFault("there is no video in it, only a cover");
        for (int i = 0; i < format.nb_streams(); i++) {
            if (i != index) format.streams(i).discard(AVDISCARD_ALL);
        }
        tick = seconds(stream.time_base());
        origin = format.start_time() == AV_NOPTS_VALUE ? 0 : Math.round(format.start_time() / (AV_TIME_BASE * tick));
        orientation = orientation(stream);
    }

    private void openCodec() {
        int id = stream.codecpar().codec_id();
        AVCodec decoder = avcodec_find_decoder(id);
        if (decoder == null) throw new ImageFault("its codec is unknown (" + avcodec_get_name(id).getString() + ")");
        codec = avcodec_alloc_context3(decoder);
        check(avcodec_parameters_to_context(codec, stream.codecpar()), "its codec's parameters are broken");
        codec.pkt_timebase(stream.time_base());
        codec.thread_count(Math.min(MAX_THREADS, Runtime.getRuntime().availableProcessors()));
        codec.max_pixels(Canvas.MAX_PIXELS);
        check(avcodec_open2(codec, decoder, (AVDictionary) null), "its codec cannot be opened");
        Canvas.check(codec.width(), codec.height(), Canvas.MAX_PIXELS);
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
        return codec.width();
    }

    int codedHeight() {
        return codec.height();
    }

    int orientation() {
        return orientation;
    }

    boolean sideways() {
        return orientation >= 5;
    }

    double frameRate() {
        return seconds(stream.avg_frame_rate());
    }

    /** Seconds of the stream, else of the file, else up to the last packet. */
    double duration() {
        if (stream.duration() > 0) return stream.duration() * tick;
        if (format.duration() > 0) return (double) format.duration() / AV_TIME_BASE;
        long end = origin;
        rewind(origin);
        moved = true;
        while (av_read_frame(format, packet) >= 0) {
            boolean timed = packet.stream_index() == stream.index() && packet.pts() != AV_NOPTS_VALUE;
            if (timed) end = Math.max(end, packet.pts() + packet.duration());
            av_packet_unref(packet);
        }
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
        return shown.decode_error_flags() != 0 || (shown.flags() & CORRUPT) != 0;
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
                ended = !decode(ahead);
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
        // A file that cannot be searched is read on from where it is: then the frames' own times tell.
        if (moved || target > origin) avformat_seek_file(format, stream.index(), Long.MIN_VALUE, target, target, 0);
        avcodec_flush_buffers(codec);
        hasShown = hasAhead = ended = false;
        lastAt = origin;
    }

    private void showFirst() {
        if (!decode(shown)) throw new ImageFault("there is no frame that can be decoded");
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

    /** Decodes the next frame; false at the end. */
    private boolean decode(AVFrame into) {
        for (;;) {
            int rc = avcodec_receive_frame(codec, into);
            if (rc == 0) return true;
            if (rc == AVERROR_EOF()) return false;
            if (rc != AVERROR_EAGAIN()) check(rc, "its frames are broken");
            feed();
        }
    }

    private void feed() {
        moved = true;
        int rc = av_read_frame(format, packet);
        if (rc == AVERROR_EOF()) {
            check(avcodec_send_packet(codec, null), "its end is broken");
            return;
        }
        check(rc, "its data are broken");
        try {
            if (packet.stream_index() == stream.index()) check(avcodec_send_packet(codec, packet), "its frames are broken");
        } finally {
            av_packet_unref(packet);
        }
    }

    private static double seconds(AVRational r) {
        return (double) r.num() / r.den();
    }

    static void check(int rc, String problem) {
        if (rc >= 0) return;
        byte[] text = new byte[128];
        av_strerror(rc, text, text.length);
        int end = 0;
        while (text[end] != 0) end++;
        throw new ImageFault(problem + " (" + new String(text, 0, end, StandardCharsets.UTF_8) + ")");
    }

    @Override
    public void close() {
        if (packet == null) return;
        if (codec != null) avcodec_free_context(codec);
        if (!format.isNull()) avformat_close_input(format);
        av_packet_free(packet);
        av_frame_free(shown);
        av_frame_free(ahead);
        packet = null;
    }
}
