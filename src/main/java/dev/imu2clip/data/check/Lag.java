package dev.imu2clip.data.check;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Locale;

/**
 * How much later the film shows what the sensor felt: what happens at second t of the motion is seen at second t + lag.
 *
 * @param reason why it cannot be told; null where it can
 * @param lagSec null where there was nothing to compare; a guess where there is a reason
 * @param interval 90 % of the bootstrap's lags, and half a step to either side
 * @param r2 share of the picture's movement that the gyroscope explains at that lag; below 0 where no movement at all would be a better
 *        guess
 * @param right what moves the picture to the right, and {@code down} downwards
 * @param focal length of the lens that the slopes imply, in pixels of the prepared film, 224 across
 * @param viewDegrees the same as an angle of view across it; not {@code plausible} at the bounds of what was tried: the film may be
 *        stabilised
 * @param blockSec length of the stretches that the bootstrap draws
 * @param frames pairs of frames that were compared, the same at each lag
 * @param curve r2 at each lag in steps of 10 ms, that without lag in the middle
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
record Lag(String reason, @JsonProperty("lag_sec") Double lagSec, @JsonProperty("interval_90_sec") double[] interval, double r2,
        Part right, Part down, @JsonProperty("focal_pixels") double focal, @JsonProperty("view_degrees") double viewDegrees,
        boolean plausible, int frames, @JsonProperty("block_sec") double blockSec,
        @JsonIgnore double[] curve) {
    /**
     * One direction of the picture's movement.
     *
     * @param axis of the gyroscope that carries most of it, with its sign
     * @param r2 share of this movement that is explained
     */
    record Part(String axis, double r2) {}

    static Lag none(String reason) {
        return new Lag(reason, null, null, 0, null, null, 0, 0, false, 0, 0, new double[0]);
    }

    @JsonProperty("determinable")
    boolean determinable() {
        return reason == null;
    }

    void judge(List<Finding> findings) {
        if (!determinable()) return;
        if (interval[0] > Bounds.LAG_SEC || interval[1] < -Bounds.LAG_SEC)
            findings.add(Finding.warning("video-lag", "The film is " + (lagSec < 0 ? "ahead of" : "behind")
                    + " the motion: its lag is " + text()));
    }

    String text() {
        if (lagSec == null) return "not determinable: " + reason;
        String number = String.format(Locale.ROOT, "%.3f s (90 %%: %.3f .. %.3f)", lagSec, interval[0], interval[1]);
        return reason == null ? number : "not determinable (" + reason + "); the best is " + number;
    }
}
