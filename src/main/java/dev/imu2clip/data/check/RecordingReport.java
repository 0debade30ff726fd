package dev.imu2clip.data.check;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/**
 * What was found about one recording; what could not be looked at is null.
 *
 * @param gyroP99 rad/s that the gyroscope's length exceeds for a hundredth of the time
 * @param stuckSec the longest time in which no channel changed
 * @param windows how many there are, {@code rejected} those that cannot be used
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record RecordingReport(String uid, Status status, List<Finding> findings, ClockCheck clock, List<ChannelCheck> channels,
        Gravity gravity,
        @JsonProperty("gyro_p99") Double gyroP99, Turning turning, @JsonProperty("stuck_sec") Double stuckSec,
                @JsonProperty("video_lag") Lag lag,
        int windows, List<LostWindow> rejected, @JsonIgnore Envelope envelope) {}
