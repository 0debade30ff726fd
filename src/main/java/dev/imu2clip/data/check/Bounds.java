package dev.imu2clip.data.check;

/** From where on something is worth telling, each with its reason. */
final class Bounds {
    /** In typical steps: what the preparation of raw clocks calls a gap too. Two or three steps are the jitter of a busy phone. */
    static final double GAP_STEPS = 5;
    /** Seconds: what the reader of windows takes for "no sample near", so that windows at such a step are lost. */
    static final double JUMP_SEC = 4;
    /** Relative: ten samples of a window of five seconds. */
    static final double RATE_ERROR = 0.01;
    /** Half of the range from the 5th to the 95th percentile of the steps, in mean steps: beyond, samples are nearer to others' times. */
    static final double JITTER = 0.5;
    /** m/s²: gravity on earth is 9.76 to 9.83; consumer sensors err by up to 5 %, and 2 % more are allowed for how rest is found. */
    static final double LEAST_GRAVITY = 9.1, MOST_GRAVITY = 10.5;
    /** The same, with the movement that is left in the calmest part of a recording without rest. Beyond it, the unit is wrong. */
    static final double LEAST_ACCEL = 6, MOST_ACCEL = 14;
    /** Length at rest when the unit is g. */
    static final double LEAST_G = 0.8, MOST_G = 1.25;
    /** m/s²: at rest, a sensor whose gravity was removed has only its bias left. */
    static final double NO_GRAVITY = 1;
    /** rad/s, 99th percentile of the length: heads and wrists reach 5 to 12; 20 is three turns a second for a hundredth of the time. */
    static final double FAST_TURN = 20;
    /**
     * Relative to the length at rest: nearer than that, acceleration is gravity for the most part. The swing of a foot, which feels several
     * times as much, would tell of turns that gravity does not make.
     */
    static final double GRAVITY_ALONE = 0.1;
    /** How many times the turning of gravity the gyroscope may tell of. deg/s would be 57 times. */
    static final double TURN_FACTOR = 10;
    /**
     * Correlation of gravity's change with what the gyroscope says of it: a factor between them is believed from the first on, several
     * times what chance gives, other axes from the second on, what right axes have in most recordings.
     */
    static final double SURE_TURN = 0.3, SURE_AXES = 0.6;
    /** The given axes must reach this share of the best correlation of all 48 orders and signs; noise alone moves it by some percent. */
    static final double AXES_SHARE = 0.5;
    /** Seconds in which not one of six values changes: sensors have noise. */
    static final double STUCK_SEC = 1;
    /** Samples that lie exactly at a channel's extreme, in runs of at least {@link #CLIP_RUN}: noise never repeats the largest value. */
    static final int CLIP_SAMPLES = 10, CLIP_RUN = 3;
    /** Share of the windows that are lost without a word; every one is listed. */
    static final double LOST_WINDOWS = 0.1;
    /** Seconds that film and motion may differ in length: less than half a window is lost. */
    static final double LENGTH_SEC = 2;
    /** Seconds of lag between film and motion, to be exceeded by the whole interval: a twentieth of a window of five seconds. */
    static final double LAG_SEC = 0.25;
    /** Coefficient of determination under which the gyroscope does not explain the picture. Chance alone gives under 0.1 from 30 s on. */
    static final double LAG_R2 = 0.25;
    /** Seconds: a wider interval tells nothing about a lag worth mending. */
    static final double LAG_WIDTH = 0.5;

    /**
     * Degrees across the prepared square that a lens may see: phones held far away to the widest action cameras. Without a bound, a film
     * that hardly moves would go with any lag.
     */
    static final double NARROWEST_VIEW = 30, WIDEST_VIEW = 120;

    private Bounds() {}
}
