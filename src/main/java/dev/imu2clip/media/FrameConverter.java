package dev.imu2clip.media;

import static org.bytedeco.ffmpeg.global.avutil.*;
import static org.bytedeco.ffmpeg.global.swscale.*;

import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.swscale.SwsContext;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.IntPointer;

/** Decoded frames to RGB at their own size by swscale, rounding accurately, with the matrix and range that the stream's tags name. */
final class FrameConverter implements AutoCloseable {
    private static final int FLAGS = SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT;
    private static final int ONE = 1 << 16;

    private SwsContext context;

    Image image(AVFrame frame) {
        int w = frame.width();
        int h = frame.height();
        Canvas canvas = Canvas.of(w, h, Canvas.MAX_PIXELS);
        context = sws_getCachedContext(context, w, h, frame.format(), w, h, AV_PIX_FMT_RGB24, FLAGS, null, null, (DoublePointer) null);
        if (context == null || context.isNull()) {
            context = null;
            throw new ImageFault("its pixel format cannot be converted");
        }
        IntPointer matrix = sws_getCoefficients(matrix(frame.colorspace()));
        sws_setColorspaceDetails(context, matrix, frame.color_range() == AVCOL_RANGE_JPEG ? 1 : 0, matrix, 1, 0, ONE, ONE);
        AVFrame rgb = av_frame_alloc();
        try {
            rgb.format(AV_PIX_FMT_RGB24).width(w).height(h);
            StreamReader.check(av_frame_get_buffer(rgb, 0), "no memory for a frame");
            StreamReader.check(sws_scale_frame(context, rgb, frame), "a frame cannot be converted");
            BytePointer rows = rgb.data(0);
            for (int y = 0; y < h; y++) rows.position((long) y * rgb.linesize(0)).get(canvas.rgb(), y * w * 3, w * 3);
        } finally {
            av_frame_free(rgb);
        }
        return canvas.image();
    }

    /** What is not tagged is BT.601, as FFmpeg takes it. */
    private static int matrix(int colorspace) {
        return switch (colorspace) {
            case AVCOL_SPC_BT709 -> SWS_CS_ITU709;
            case AVCOL_SPC_FCC -> SWS_CS_FCC;
            case AVCOL_SPC_SMPTE240M -> SWS_CS_SMPTE240M;
            case AVCOL_SPC_BT2020_NCL, AVCOL_SPC_BT2020_CL -> SWS_CS_BT2020;
            default -> SWS_CS_DEFAULT;
        };
    }

    @Override
    public void close() {
        if (context != null) sws_freeContext(context);
        context = null;
    }
}
