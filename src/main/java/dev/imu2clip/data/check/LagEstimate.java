package dev.imu2clip.data.check;

import dev.imu2clip.data.Rng;
import dev.imu2clip.media.ImageMotion;
import java.util.Arrays;

/**
 * The lag between film and motion. A camera that is fixed to the sensor turns with it: the picture's shift between two frames is, up to the
 * focal length, the angle turned in between. Which axes the camera looks along is not known, so both directions of the shift are fitted to all
 * three rates, at every lag; the best one explains most. Its uncertainty: a bootstrap over stretches of the recording.
 */
final class LagEstimate {
    private static final int REACH = 200; // steps of 10 ms to either side
    private static final double BLOCK_SEC = 5;
    private static final double SHORT_BLOCK_SEC = 1;
    private static final int LEAST_BLOCKS = 8, MOST_BLOCKS = 240;
    private static final int DRAWS = 200;
    private static final double LIKE = 0.5; // two frames that are less alike do not show the same
    private static final int LEAST_FRAMES = 50;
    private static final int FILM_WIDTH = 224;

    private final double blockSec;
    private final LagSums[][] sums; // [lag][block]
    private int frames;

    private LagEstimate(ImageMotion motion, double fps, GyroIntegral gyro) {
        double span = motion.seconds().length / fps;
        blockSec = Math.max(span / MOST_BLOCKS, Math.clamp(span / LEAST_BLOCKS, SHORT_BLOCK_SEC, BLOCK_SEC));
        sums = new LagSums[2 * REACH + 1][(int) (span / blockSec) + 1];
        for (LagSums[] blocks : sums) Arrays.setAll(blocks, _ -> new LagSums());
        int width = (int) Math.round(1 / fps / GyroIntegral.STEP_SEC);
        double[] rates = new double[3];
        for (int f = 0; f < motion.seconds().length; f++) {
            if (!(motion.likeness()[f] >= LIKE)) continue;
            int from = (int) Math.round((motion.seconds()[f] - 0.5 / fps) / GyroIntegral.STEP_SEC);
            int block = (int) (f / fps / blockSec);
            for (int lag = -REACH; lag <= REACH; lag++) {
                if (!gyro.covers(from - lag, from - lag + width)) continue;
                for (int c = 0; c < 3; c++) rates[c] = gyro.rate(c, from - lag, from - lag + width);
                sums[lag + REACH][block].add(rates, motion.right()[f] * fps, motion.down()[f] * fps);
            }
            frames++;
        }
    }

    /** @param motion measured at {@code fps} frames a second; @param signals whose clock does not run backwards */
    static Lag of(ImageMotion motion, double fps, Signals signals) {
        return new LagEstimate(motion, fps, GyroIntegral.of(signals)).estimate(motion.width());
    }

    private Lag estimate(int width) {
        int blocks = sums[0].length;
        int[] all = new int[blocks];
        Arrays.setAll(all, b -> b);
        double[] curve = curve(all);
        int best = peak(curve);
        LagSums there = total(best, all);
        if (frames < LEAST_FRAMES || there.rows() < LEAST_FRAMES)
            return Lag.none("only " + frames + " pairs of frames can be compared, " + LEAST_FRAMES + " are needed");
        double[] drawn = new double[DRAWS];
        Rng rng = new Rng(0, blocks);
        for (int d = 0; d < DRAWS; d++) {
            int[] some = new int[blocks];
            for (int b = 0; b < blocks; b++) some[b] = rng.below(blocks);
            double[] other = curve(some);
            drawn[d] = seconds(refined(other, peak(other)));
        }
        Arrays.sort(drawn);
        double half = GyroIntegral.STEP_SEC / 2;
        double[] interval = {Numbers.round(drawn[(int) (0.05 * (DRAWS - 1))] - half), Numbers.round(drawn[(int) Math.ceil(0.95 * (DRAWS - 1))] + half)};
        Lag.Part right = part(there, 0, width), down = part(there, 1, width);
        double r2 = curve[best];
        double focal = right.r2() >= down.r2() ? right.focal() : down.focal();
        double view = focal > 0 ? Math.toDegrees(2 * Math.atan(FILM_WIDTH / 2.0 / focal)) : 0;
        String reason = r2 < Bounds.LAG_R2
                ? "the gyroscope explains " + Math.round(100 * r2) + " % of the picture's movement at best, " + Math.round(100 * Bounds.LAG_R2) + " % are needed"
                : best == 0 || best == 2 * REACH ? "the best lag is at the edge of what was tried"
                : interval[1] - interval[0] > Bounds.LAG_WIDTH ? "the interval is " + Numbers.of(interval[1] - interval[0]) + " s wide" : null;
        return new Lag(reason, Numbers.round(seconds(refined(curve, best))), interval, Numbers.round(r2), right, down, Numbers.round(view),
                view >= 25 && view <= 140, frames, Numbers.round(blockSec), curve);
    }

    private double[] curve(int[] blocks) {
        double[] curve = new double[sums.length];
        for (int lag = 0; lag < sums.length; lag++) {
            LagSums total = total(lag, blocks);
            curve[lag] = total.rows() < LEAST_FRAMES / 2 ? 0 : total.r2();
        }
        return curve;
    }

    private LagSums total(int lag, int[] blocks) {
        LagSums total = new LagSums();
        for (int b : blocks) total.add(sums[lag][b]);
        return total;
    }

    private static int peak(double[] curve) {
        int peak = REACH;
        for (int i = 0; i < curve.length; i++) if (curve[i] > curve[peak]) peak = i;
        return peak;
    }

    /** The top of the parabola through the peak and its neighbours. */
    private static double refined(double[] curve, int peak) {
        if (peak == 0 || peak == curve.length - 1) return peak;
        double left = curve[peak - 1], right = curve[peak + 1], bend = left - 2 * curve[peak] + right;
        return bend < 0 ? peak + Math.clamp((left - right) / (2 * bend), -0.5, 0.5) : peak;
    }

    private static double seconds(double place) {
        return (place - REACH) * GyroIntegral.STEP_SEC;
    }

    private static Lag.Part part(LagSums sums, int movement, int width) {
        double[] w = sums.weights(movement);
        int axis = 0;
        for (int c = 1; c < 3; c++) if (Math.abs(w[c + 1]) * sums.deviation(c) > Math.abs(w[axis + 1]) * sums.deviation(axis)) axis = c;
        double[] squares = sums.squares(movement);
        return new Lag.Part((w[axis + 1] < 0 ? "-" : "+") + Signals.NAMES[3 + axis], Numbers.round(squares[1] > 0 ? 1 - squares[0] / squares[1] : 0),
                Numbers.round(Math.abs(w[axis + 1]) * FILM_WIDTH / width));
    }
}
