package dev.imu2clip.media;

import static org.bytedeco.ffmpeg.global.avcodec.*;
import static org.bytedeco.ffmpeg.global.avformat.*;
import static org.bytedeco.ffmpeg.global.avutil.*;

import java.io.IOException;
import org.bytedeco.ffmpeg.avcodec.AVCodec;
import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.bytedeco.ffmpeg.avcodec.AVPacket;
import org.bytedeco.ffmpeg.avformat.AVStream;
import org.bytedeco.ffmpeg.avutil.AVDictionary;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.avutil.AVRational;

/** One stream of an {@link Mp4File}: frames in, packets out. On one thread, so that the same frames give the same bytes. */
final class Encoder implements AutoCloseable {
    /** libopenh264 holds a quantiser where a rate is asked for: about 38 dB on a walk filmed at 848 x 480. */
    private static final int H264_QUANTISER = 22;
    private static final int MPEG4_QUANTISER = 3;
    private static final int AAC_BITS_PER_SECOND = 64_000;

    private final Mp4File out;
    private final AVCodecContext codec;
    private final AVStream stream;
    private final AVPacket packet = av_packet_alloc();

    private Encoder(Mp4File out, AVCodecContext codec, AVDictionary options) {
        this.out = out;
        this.codec = codec;
        try {
            codec.thread_count(1);
            codec.flags(codec.flags() | AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_GLOBAL_HEADER);
            StreamReader.check(avcodec_open2(codec, codec.codec(), options), "its encoder cannot be opened");
            stream = avformat_new_stream(out.format, null);
            stream.time_base(codec.time_base());
            StreamReader.check(avcodec_parameters_from_context(stream.codecpar(), codec), "its encoder's parameters are broken");
        } catch (Throwable e) {
            close();
            throw e;
        } finally {
            av_dict_free(options);
        }
    }

    /**
     * H.264 by libopenh264, or MPEG-4 part 2 where FFmpeg was built without it. Frames are yuv420p, counted in units of 1 / rate.
     *
     * @param like tells size and colours
     * @param gop frames from one key frame to the next
     */
    static Encoder video(Mp4File out, AVFrame like, AVRational rate, int gop) {
        AVCodec h264 = avcodec_find_encoder_by_name("libopenh264");
        boolean fallback = h264 == null || h264.isNull();
        AVCodecContext codec = avcodec_alloc_context3(fallback ? avcodec_find_encoder(AV_CODEC_ID_MPEG4) : h264);
        AVDictionary options = new AVDictionary(null);
        codec.width(like.width()).height(like.height()).pix_fmt(AV_PIX_FMT_YUV420P).gop_size(gop).max_b_frames(0);
        codec.time_base(av_inv_q(rate)).framerate(rate);
        codec.color_range(like.color_range()).colorspace(like.colorspace());
        codec.color_primaries(like.color_primaries()).color_trc(like.color_trc());
        if (fallback) {
            codec.flags(codec.flags() | AV_CODEC_FLAG_QSCALE).global_quality(MPEG4_QUANTISER * FF_QP2LAMBDA);
        } else {
            codec.qmin(H264_QUANTISER).qmax(H264_QUANTISER);
            av_dict_set(options, "rc_mode", "bitrate", 0);
        }
        return new Encoder(out, codec, options);
    }

    /** AAC of one channel; frames are float samples, {@link #frameSize} of them but for the last, counted in samples. */
    static Encoder audio(Mp4File out, int rateHz) {
        AVCodecContext codec = avcodec_alloc_context3(avcodec_find_encoder(AV_CODEC_ID_AAC));
        codec.sample_rate(rateHz).sample_fmt(AV_SAMPLE_FMT_FLTP).bit_rate(AAC_BITS_PER_SECOND);
        codec.time_base(av_make_q(1, rateHz));
        av_channel_layout_default(codec.ch_layout(), 1);
        return new Encoder(out, codec, new AVDictionary(null));
    }

    int frameSize() {
        return codec.frame_size();
    }

    /** Encodes a frame; null ends the stream. */
    void add(AVFrame frame) throws IOException {
        StreamReader.check(avcodec_send_frame(codec, frame), "a frame cannot be encoded");
        for (;;) {
            int rc = avcodec_receive_packet(codec, packet);
            if (rc == AVERROR_EAGAIN() || rc == AVERROR_EOF()) return;
            StreamReader.check(rc, "a frame cannot be encoded");
            out.begin(); // the container chooses the stream's unit of time
            packet.stream_index(stream.index());
            if (packet.duration() == 0 && frame != null) packet.duration(Math.max(1, frame.duration()));
            av_packet_rescale_ts(packet, codec.time_base(), stream.time_base());
            out.write(packet);
        }
    }

    @Override
    public void close() {
        if (codec.isNull()) return;
        avcodec_free_context(codec);
        codec.setNull();
        av_packet_free(packet);
    }
}
