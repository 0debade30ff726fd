package dev.imu2clip.data.ego4d;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/**
 * What was found in a csv of motion and what became of it; a part of {@code preparation.json}.
 *
 * @param rows       of the file
 * @param untimed    rows without a canonical time, left out
 * @param missing    values that were not there and became 0
 * @param disordered samples earlier than the one before them in the file; sorted
 * @param measuredHz what the clock says
 * @param assumedHz  the rate that the signal was resampled from, or 200 where it was kept
 * @param samples    of the prepared signal
 * @param notes      what a person should know, in sentences
 */
public record ImuReport(long rows, @JsonProperty("rows_without_time") long untimed, @JsonProperty("missing_values") long missing,
        @JsonProperty("rows_out_of_order") int disordered, ImuClock clock, @JsonProperty("measured_hz") double measuredHz,
        @JsonProperty("assumed_hz") double assumedHz, boolean resampled, int samples, @JsonProperty("first_sec") double firstSec,
        @JsonProperty("last_sec") double lastSec, List<String> notes) {}
