package dev.imu2clip.media;

import static org.bytedeco.ffmpeg.global.avcodec.*;
import static org.bytedeco.ffmpeg.global.avformat.*;
import static org.bytedeco.ffmpeg.global.avutil.*;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Locale;
import org.bytedeco.ffmpeg.avcodec.AVCodec;
import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.bytedeco.ffmpeg.avcodec.AVPacket;
import org.bytedeco.ffmpeg.avformat.AVFormatContext;
import org.bytedeco.ffmpeg.avformat.AVStream;
import org.bytedeco.ffmpeg.avutil.AVDictionary;
import org.bytedeco.ffmpeg.avutil.AVDictionaryEntry;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.avutil.AVRational;

/** The best video or audio stream of a file and its decoder. All memory here is native and freed by {@link #close}. */
final class StreamReader implements AutoCloseable {
    /** No playlists and no other formats that open further files. */
    private static final String FORMATS = "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg";
    private static final int MAX_THREADS = 8;
    private static final int DROP_INCOMPLETE_PACKETS = 0x0100;
    private static final int CORRUPT = 1;

    static {
        // JavaCPP would refuse to allocate once the process is larger than four heaps; this process keeps its tensors off the heap.
        System.getProperties().putIfAbsent("org.bytedeco.javacpp.maxPhysicalBytes", "0");
        av_log_set_level(AV_LOG_QUIET);
    }

    final AVFormatContext format = new AVFormatContext(null);
    private final AVPacket packet = av_packet_alloc();
    AVCodecContext codec;
    AVStream stream;
    /** Seconds of the stream's unit of time. */
    double tick;
    /** The start of the file in the stream's unit: time 0. */
    long origin;
    /** Whether packets were read, so that the start has to be searched too. */
    boolean moved;
    private boolean closed;

    /** Opens the file; {@link #present} tells whether it has such a stream, which then can be decoded. */
    StreamReader(Path file, int mediaType) {
        try {
            openFile(file);
            int index = av_find_best_stream(format, mediaType, -1, -1, (AVCodec) null, 0);
            if (index < 0) return;
            stream = format.streams(index);
            for (int i = 0; i < format.nb_streams(); i++) {
                if (i != index) format.streams(i).discard(AVDISCARD_ALL);
            }
            tick = seconds(stream.time_base());
            origin = format.start_time() == AV_NOPTS_VALUE ? 0 : Math.round(format.start_time() / (AV_TIME_BASE * tick));
            openCodec();
        } catch (Throwable e) {
            close();
            throw e;
        }
    }

    boolean present() {
        return stream != null;
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
    }

    /** Decodes the next frame; false at the end. */
    boolean decode(AVFrame into) {
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

    /** Continues at the key frame before a time in the stream's unit. */
    void seek(long target) {
        // A file that cannot be searched is read on from where it is: then the frames' own times tell.
        if (moved || target > origin) avformat_seek_file(format, stream.index(), Long.MIN_VALUE, target, target, 0);
        avcodec_flush_buffers(codec);
    }

    /** Where the last packet from here on ends, in the stream's unit; the file stands at its end afterwards. */
    long readToEnd() {
        long end = origin;
        moved = true;
        while (av_read_frame(format, packet) >= 0) {
            boolean timed = packet.stream_index() == stream.index() && packet.pts() != AV_NOPTS_VALUE;
            if (timed) end = Math.max(end, packet.pts() + packet.duration());
            av_packet_unref(packet);
        }
        return end;
    }

    /** Seconds from time 0 at which the stream should end by the file's headers, or NaN where they tell only the longest stream's end. */
    double declaredEnd() {
        AVDictionaryEntry tag = av_dict_get(stream.metadata(), "DURATION", null, 0);
        if (tag != null && !tag.isNull()) return clock(tag.value().getString());
        boolean shared = !format.iformat().name().getString().startsWith("mov") && format.nb_streams() > 1;
        if (shared || stream.duration() <= 0) return Double.NaN;
        long start = stream.start_time() == AV_NOPTS_VALUE ? origin : stream.start_time();
        return (start + stream.duration() - origin) * tick;
    }

    /** Matroska's "00:01:02.345000000". */
    private static double clock(String text) {
        double seconds = 0;
        try {
            for (String part : text.split(":")) seconds = 60 * seconds + Double.parseDouble(part);
        } catch (NumberFormatException e) {
            return Double.NaN;
        }
        return seconds;
    }

    static boolean damaged(AVFrame frame) {
        return frame.decode_error_flags() != 0 || (frame.flags() & CORRUPT) != 0;
    }

    static String cutOff(double end, double declared) {
        return String.format(Locale.ROOT, "it ends at %.2f s, but its header tells %.2f s. It seems to be cut off", end, declared);
    }

    static double seconds(AVRational r) {
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
        if (closed) return;
        closed = true;
        if (codec != null) avcodec_free_context(codec);
        if (!format.isNull()) avformat_close_input(format);
        av_packet_free(packet);
    }
}
