package dev.imu2clip.media;

import static org.bytedeco.ffmpeg.global.avfilter.*;
import static org.bytedeco.ffmpeg.global.avutil.*;

import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.bytedeco.ffmpeg.avfilter.AVFilterContext;
import org.bytedeco.ffmpeg.avfilter.AVFilterGraph;
import org.bytedeco.ffmpeg.avfilter.AVFilterInOut;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.avutil.AVRational;

/** Pictures or sound through filters that are written as for the program ffmpeg. */
final class FilterGraph implements AutoCloseable {
    private final AVFilterGraph graph = avfilter_graph_alloc();
    private final AVFilterContext source;
    private final AVFilterContext sink;

    /** {@code text} begins with the source {@code in} and ends with the sink {@code out}. */
    private FilterGraph(String text) {
        try {
            graph.nb_threads(1);
            int rc = avfilter_graph_parse2(graph, text, new AVFilterInOut(null), new AVFilterInOut(null));
            StreamReader.check(rc, "it cannot be filtered");
            StreamReader.check(avfilter_graph_config(graph, null), "it cannot be filtered");
            source = find("@in");
            sink = find("@out");
        } catch (Throwable e) {
            close();
            throw e;
        }
    }

    private AVFilterContext find(String ending) {
        for (int i = 0; i < graph.nb_filters(); i++) {
            if (graph.filters(i).name().getString().endsWith(ending)) return graph.filters(i);
        }
        throw new IllegalStateException(ending);
    }

    /** @param first tells the pictures' size, format and colours, which stay the same */
    static FilterGraph pictures(String filters, AVFrame first, AVRational timeBase, AVRational rate) {
        String known = rate.num() > 0 ? ":frame_rate=" + rate.num() + "/" + rate.den() : "";
        return new FilterGraph(String.format(Locale.ROOT, "buffer@in=width=%d:height=%d:pix_fmt=%d:colorspace=%d:range=%d:"
                + "time_base=%d/%d%s,%s,buffersink@out", first.width(), first.height(), first.format(), first.colorspace(), first.color_range(),
                timeBase.num(), timeBase.den(), known, filters));
    }

    /** @param first tells rate, format and channels, which stay the same */
    static FilterGraph sound(String filters, AVFrame first, AVRational timeBase) {
        byte[] layout = new byte[64];
        StreamReader.check(av_channel_layout_describe(first.ch_layout(), layout, layout.length), "its channels are unknown");
        String channels = new String(layout, StandardCharsets.US_ASCII).trim();
        return new FilterGraph(String.format(Locale.ROOT, "abuffer@in=sample_rate=%d:sample_fmt=%s:channel_layout='%s':time_base=%d/%d,"
                + "%s,abuffersink@out", first.sample_rate(), av_get_sample_fmt_name(first.format()).getString(), channels,
                timeBase.num(), timeBase.den(), filters));
    }

    /** Takes what the frame holds: it is empty afterwards. */
    void push(AVFrame frame) {
        StreamReader.check(av_buffersrc_add_frame_flags(source, frame, 0), "a frame cannot be filtered");
    }

    /** Nothing follows; the last frame lasts until {@code pts}. */
    void end(long pts) {
        StreamReader.check(av_buffersrc_close(source, pts, 0), "the last frame cannot be filtered");
    }

    /** The next result; false when there is none yet, or none left. */
    boolean pull(AVFrame into) {
        int rc = av_buffersink_get_frame(sink, into);
        if (rc == AVERROR_EAGAIN() || rc == AVERROR_EOF()) return false;
        StreamReader.check(rc, "a frame cannot be filtered");
        return true;
    }

    @Override
    public void close() {
        avfilter_graph_free(graph);
    }
}
