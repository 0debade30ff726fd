package dev.imu2clip.data.check;

import dev.imu2clip.data.Rng;
import dev.imu2clip.media.ImageMotion;
import java.util.Arrays;

/**
 * The lag between film and motion. A camera that is fixed to the sensor turns with it: the picture's shift between two frames is, up to the
 * focal length, the angle turned in between. How the camera is turned against the sensor is not known, nor its focal length: both are
 * fitted at
 * every lag, and the best lag explains most. Its uncertainty: a bootstrap over stretches of the recording.
 */
final class LagEstimate {
    private static final int REACH = 200; // steps of 10 ms to either side, less in films of under 16 s
    private static final int COARSE = 5; // steps; divides REACH
    private static final double BLOCK_SEC = 5;
    private static final double SHORT_BLOCK_SEC = 1;
    private static final int LEAST_BLOCKS = 8, MOST_BLOCKS = 240;
    private static final int DRAWS = 200;
    private static final double LIKE = 0.5; // two frames that are less alike do not show the same
    private static final int LEAST_FRAMES = 50;
    private static final int FILM_WIDTH = 224;

    private final int width; // pixels across the measured picture
    private final double least, most; // focal lengths in such pixels
    private final double blockSec;
    private final int reach;
    private final LagSums[][] sums; // [lag][block]
    private int frames;

    private LagEstimate(ImageMotion motion, double fps, GyroIntegral gyro) {
        width = motion.width();
        least = width / 2.0 / Math.tan(Math.toRadians(Bounds.WIDEST_VIEW / 2));
        most = width / 2.0 / Math.tan(Math.toRadians(Bounds.NARROWEST_VIEW / 2));
        double span = motion.seconds().length / fps;
        blockSec = Math.max(span / MOST_BLOCKS, Math.clamp(span / LEAST_BLOCKS, SHORT_BLOCK_SEC, BLOCK_SEC));
        reach = COARSE * (int) (Math.min(REACH, span / LEAST_BLOCKS / GyroIntegral.STEP_SEC) / COARSE);
        sums = new LagSums[2 * reach + 1][(int) (span / blockSec) + 1];
        for (LagSums[] blocks : sums) Arrays.setAll(blocks, _ -> new LagSums());
        int interval = (int) Math.round(1 / fps / GyroIntegral.STEP_SEC);
        double[] rates = new double[3];
        for (int f = 0; f < motion.seconds().length; f++) {
            if (!(motion.likeness()[f] >= LIKE)) continue;
            int from = (int) Math.round((motion.seconds()[f] - 0.5 / fps) / GyroIntegral.STEP_SEC);
            int block = (int) (f / fps / blockSec);
            // The same frames at all lags: one large turn at the end would else decide by being there or not.
            if (!gyro.covers(from - reach, from + reach + interval)) continue;
            for (int lag = -reach; lag <= reach; lag++) {
                for (int c = 0; c < 3; c++) rates[c] = gyro.rate(c, from - lag, from - lag + interval);
                sums[lag + reach][block].add(rates, motion.right()[f] * fps, motion.down()[f] * fps);
            }
            frames++;
        }
    }

    /** @param motion measured at {@code fps} frames a second; @param signals whose clock does not run backwards */
    static Lag of(ImageMotion motion, double fps, Signals signals) {
        return new LagEstimate(motion, fps, GyroIntegral.of(signals)).estimate();
    }

    private Lag estimate() {
        int blocks = sums[0].length;
        int[] all = new int[blocks];
        Arrays.setAll(all, b -> b);
        double[] curve = curve(all);
        int best = peak(curve);
        LagSums there = total(best, all);
        if (frames < LEAST_FRAMES) return Lag.none("only " + frames + " pairs of frames can be compared, " + LEAST_FRAMES + " are needed");
        double[] drawn = new double[DRAWS];
        Rng rng = new Rng(0, blocks);
        for (int d = 0; d < DRAWS; d++) {
            int[] some = new int[blocks];
            for (int b = 0; b < blocks; b++) some[b] = rng.below(blocks);
            drawn[d] = seconds(bestOf(some));
        }
        Arrays.sort(drawn);
        double half = GyroIntegral.STEP_SEC / 2;
        double[] interval = {Numbers.round(drawn[(int) (0.05 * (DRAWS - 1))] - half),
                Numbers.round(drawn[(int) Math.ceil(0.95 * (DRAWS - 1))] + half)};
        LagSums.Fit fit = there.fit(least, most);
        double view = Math.toDegrees(2 * Math.atan(width / 2.0 / fit.focal()));
        boolean plausible = fit.focal() > 1.001 * least && fit.focal() < 0.999 * most;
        return new Lag(reason(fit, best, interval), Numbers.round(seconds(refined(curve, best))), interval, Numbers.round(fit.r2()),
                new Lag.Part(axis(fit.weights()[0]), Numbers.round(fit.rightR2())), new Lag.Part(axis(fit.weights()[1]),
                        Numbers.round(fit.downR2())),
                Numbers.round(fit.focal() * FILM_WIDTH / width), Numbers.round(view), plausible, frames, Numbers.round(blockSec), curve);
    }

    private String reason(LagSums.Fit fit, int best, double[] interval) {
        if (fit.focal() <= 1.001 * least)
            return "the picture moves less than the gyroscope turns, even with the widest lens: the film is probably stabilised";
        if (fit.r2() < Bounds.LAG_R2)
            return "the gyroscope explains " + Math.max(0, Math.round(100 * fit.r2())) + " % of the picture's movement at best, "
                    + Math.round(100 * Bounds.LAG_R2) + " % are needed";
        if (best == 0 || best == 2 * reach) return "the best lag is at the edge of what was tried";
        double wide = interval[1] - interval[0];
        return wide > Bounds.LAG_WIDTH ? "the interval is " + Numbers.of(wide) + " s wide" : null;
    }

    private double[] curve(int[] blocks) {
        double[] curve = new double[sums.length];
        Arrays.setAll(curve, lag -> explained(lag, blocks));
        return curve;
    }

    private double explained(int lag, int[] blocks) {
        LagSums total = total(lag, blocks);
        return total.rows() < LEAST_FRAMES / 2 ? 0 : total.fit(least, most).r2();
    }

    /**
     * The place of the best lag: half a frame's time apart at first, since the curve is smooth over a frame's time, then all around the
     * best.
     */
    private double bestOf(int[] blocks) {
        double[] curve = new double[sums.length];
        Arrays.fill(curve, Double.NEGATIVE_INFINITY);
        for (int lag = 0; lag < sums.length; lag += COARSE) curve[lag] = explained(lag, blocks);
        int near = peak(curve);
        for (int lag = Math.max(0, near - COARSE); lag <= Math.min(sums.length - 1, near + COARSE); lag++) curve[lag] = explained(lag,
                blocks);
        return refined(curve, peak(curve));
    }

    private LagSums total(int lag, int[] blocks) {
        LagSums total = new LagSums();
        for (int b : blocks) total.add(sums[lag][b]);
        return total;
    }

    private int peak(double[] curve) {
        int peak = reach;
        for (int i = 0; i < curve.length; i++) if (curve[i] > curve[peak]) peak = i;
        return peak;
    }

    /** The top of the parabola through the peak and its neighbours. */
    private static double refined(double[] curve, int peak) {
        if (peak == 0 || peak == curve.length - 1) return peak;
        double left = curve[peak - 1], right = curve[peak + 1], bend = left - 2 * curve[peak] + right;
        return bend < 0 ? peak + Math.clamp((left - right) / (2 * bend), -0.5, 0.5) : peak;
    }

    private double seconds(double place) {
        return (place - reach) * GyroIntegral.STEP_SEC;
    }

    /** The one that has most of it, with its sign. */
    private static String axis(double[] weights) {
        int axis = 0;
        for (int c = 1; c < 3; c++) if (Math.abs(weights[c]) > Math.abs(weights[axis])) axis = c;
        return (weights[axis] < 0 ? "-" : "+") + Signals.NAMES[3 + axis];
    }
}
