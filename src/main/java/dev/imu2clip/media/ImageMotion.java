package dev.imu2clip.media;

import static org.bytedeco.ffmpeg.global.avutil.*;

import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.bytedeco.ffmpeg.avutil.AVFrame;

/**
 * How far the picture of a film moves from frame to frame, to be compared with a gyroscope: a camera that turns to the right moves the
 * picture to the left. One shift for the whole picture, found by phase correlation at half the size and refined by least squares on the
 * gradients (Lucas and Kanade, 1981) to parts of a pixel.
 *
 * @param width pixels of a row of the reduced grey picture in which shifts are measured
 * @param seconds middle between the two frames of each shift, from the start of the file
 * @param right pixels that the picture moved to the right
 * @param down pixels that it moved down
 * @param likeness correlation in -1 .. 1 of the two frames where they overlap after the shift; low where things move by themselves, at
 *        cuts and in the dark
 */
public record ImageMotion(int width, double[] seconds, double[] right, double[] down, double[] likeness) {
    private static final int WIDTH = 160;
    private static final int STEPS = 6;

    /**
     * Reads a film through.
     *
     * @param fps frames a second that are compared; its own rate where 0
     * @throws InputException when it cannot be decoded
     */
    public static ImageMotion of(Path film, double fps, Progress progress) {
        VideoFrames.requireFile(film);
        return VideoFrames.guarded(film, "video", () -> {
            try (VideoStream source = new VideoStream(film)) {
                double rate = fps > 0 ? fps : source.frameRate();
                if (!(rate > 0)) throw new ImageFault("it does not tell its frame rate");
                return new Measurement(rate).run(source, progress, film.getFileName().toString());
            }
        });
    }

    /** The shift {right, down, likeness} from {@code before} to {@code after}, grey pictures of this width. */
    static double[] shift(float[] before, float[] after, int width) {
        int height = before.length / width;
        var coarse = new PhaseCorrelation(width / 2, height / 2);
        float[] a = halved(before, width);
        float[] b = halved(after, width);
        return refine(coarse.shift(coarse.spectrum(a), coarse.spectrum(b)), a, b, before, after, width);
    }

    private static double[] refine(int[] whole, float[] halfA, float[] halfB, float[] a, float[] b, int width) {
        double[] s = {whole[0], whole[1]};
        follow(halfA, halfB, width / 2, s);
        s[0] *= 2;
        s[1] *= 2;
        double likeness = follow(a, b, width, s);
        return new double[] {s[0], s[1], likeness};
    }

    /** Gauss-Newton for the shift that makes {@code b(x + s)} equal to {@code a(x)}; returns how alike they are at last. */
    private static double follow(float[] a, float[] b, int width, double[] s) {
        int height = a.length / width;
        double start0 = s[0];
        double start1 = s[1];
        for (int step = 0; step < STEPS; step++) {
            double xx = 1e-6, xy = 0, yy = 1e-6, xe = 0, ye = 0;
            int x0 = (int) Math.floor(s[0]);
            int y0 = (int) Math.floor(s[1]);
            double fx = s[0] - x0;
            double fy = s[1] - y0;
            for (int y = Math.max(0, 1 - y0); y < Math.min(height, height - 2 - y0); y++) {
                for (int x = Math.max(0, 1 - x0); x < Math.min(width, width - 2 - x0); x++) {
                    int at = (y + y0) * width + x + x0;
                    double error = between(b, at, width, fx, fy) - a[y * width + x];
                    double gx = (between(b, at + 1, width, fx, fy) - between(b, at - 1, width, fx, fy)) / 2;
                    double gy = (between(b, at + width, width, fx, fy) - between(b, at - width, width, fx, fy)) / 2;
                    xx += gx * gx;
                    xy += gx * gy;
                    yy += gy * gy;
                    xe += gx * error;
                    ye += gy * error;
                }
            }
            double det = xx * yy - xy * xy;
            if (!(det > 1e-6 * xx * yy)) break;
            double dx = (yy * xe - xy * ye) / det;
            double dy = (xx * ye - xy * xe) / det;
            s[0] -= dx;
            s[1] -= dy;
            if (Math.abs(s[0] - start0) > 3 || Math.abs(s[1] - start1) > 3) {
                s[0] = start0;
                s[1] = start1;
                break;
            }
            if (Math.abs(dx) + Math.abs(dy) < 1e-3) break;
        }
        return likeness(a, b, width, s);
    }

    private static double between(float[] v, int at, int width, double fx, double fy) {
        double top = v[at] + fx * (v[at + 1] - v[at]);
        double bottom = v[at + width] + fx * (v[at + width + 1] - v[at + width]);
        return top + fy * (bottom - top);
    }

    private static double likeness(float[] a, float[] b, int width, double[] s) {
        int height = a.length / width;
        int x0 = (int) Math.floor(s[0]);
        int y0 = (int) Math.floor(s[1]);
        double n = 0, sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0;
        for (int y = Math.max(0, -y0); y < Math.min(height, height - 1 - y0); y++) {
            for (int x = Math.max(0, -x0); x < Math.min(width, width - 1 - x0); x++) {
                double p = a[y * width + x];
                double q = between(b, (y + y0) * width + x + x0, width, s[0] - x0, s[1] - y0);
                n++;
                sa += p;
                sb += q;
                saa += p * p;
                sbb += q * q;
                sab += p * q;
            }
        }
        double spread = Math.sqrt((saa * n - sa * sa) * (sbb * n - sb * sb));
        return spread > 0 ? (sab * n - sa * sb) / spread : 0;
    }

    private static float[] halved(float[] v, int width) {
        int w = width / 2;
        int h = v.length / width / 2;
        float[] half = new float[w * h];
        for (int y = 0; y < h; y++) {
            for (int x = 0; x < w; x++) {
                int at = 2 * y * width + 2 * x;
                half[y * w + x] = (v[at] + v[at + 1] + v[at + width] + v[at + width + 1]) / 4;
            }
        }
        return half;
    }

    /** One pass over a film: each frame's reduced picture and spectrum serve the shift before and the shift after it. */
    private static final class Measurement {
        private final double rate;
        private final List<double[]> shifts = new ArrayList<>();
        private PhaseCorrelation coarse;
        private float[] full;
        private float[] half;
        private double[][] spectrum;

        Measurement(double rate) {
            this.rate = rate;
        }

        ImageMotion run(VideoStream source, Progress progress, String name) {
            AVFrame frame = source.next();
            if (frame == null) throw new ImageFault("there is no frame in it");
            // An even height, for the picture of half the size.
            String filters = String.format(Locale.ROOT, "fps=%.9f:start_time=0,scale=%d:-2:flags=area,format=gray", rate, WIDTH);
            int total = (int) Math.ceil(source.duration());
            AVFrame grey = av_frame_alloc();
            try (var graph = FilterGraph.pictures(filters, frame, source.timeBase(), source.averageRate())) {
                long end = 0;
                for (int done = -1; frame != null; frame = source.next()) {
                    end = source.endTicks();
                    if ((int) source.seconds() != done) progress.at(done = Math.clamp((int) source.seconds(), 0, total), total, name);
                    graph.push(frame.pts(source.ticks()));
                    for (; graph.pull(grey); av_frame_unref(grey)) add(pixels(grey));
                }
                graph.end(end);
                for (; graph.pull(grey); av_frame_unref(grey)) add(pixels(grey));
            } finally {
                av_frame_free(grey);
            }
            double[] seconds = new double[shifts.size()];
            Arrays.setAll(seconds, i -> (i + 0.5) / rate);
            return new ImageMotion(WIDTH, seconds, column(0), column(1), column(2));
        }

        private static float[] pixels(AVFrame grey) {
            byte[] row = new byte[grey.width()];
            float[] pixels = new float[grey.width() * grey.height()];
            for (int y = 0, to = 0; y < grey.height(); y++) {
                grey.data(0).position((long) y * grey.linesize(0)).get(row);
                for (byte v : row) pixels[to++] = v & 0xff;
            }
            return pixels;
        }

        private void add(float[] picture) {
            if (coarse == null) coarse = new PhaseCorrelation(WIDTH / 2, picture.length / WIDTH / 2);
            float[] small = halved(picture, WIDTH);
            double[][] transformed = coarse.spectrum(small);
            if (full != null) shifts.add(refine(coarse.shift(spectrum, transformed), half, small, full, picture, WIDTH));
            full = picture;
            half = small;
            spectrum = transformed;
        }

        private double[] column(int of) {
            return shifts.stream().mapToDouble(shift -> shift[of]).toArray();
        }
    }
}
