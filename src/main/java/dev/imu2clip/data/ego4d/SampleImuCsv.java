package dev.imu2clip.data.ego4d;

import dev.imu2clip.data.DataSetInfo;
import dev.imu2clip.data.Rng;
import dev.imu2clip.io.AtomicFile;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** An IMU csv as Ego4D has them, with what is wrong in real ones: some rows lack their canonical time, values or order. */
final class SampleImuCsv {
    private static final String HEADER =
            "component_idx,component_timestamp_ms,canonical_timestamp_ms,gyro_x,gyro_y,gyro_z,accl_x,accl_y,accl_z\n";
    private static final double JITTER = 0.2; // of the time between two samples

    private final SampleVideo video;
    private final Rng rng;
    private int rows;
    private int withoutTime;
    private int withoutValue;
    private int outOfOrder;

    private SampleImuCsv(SampleVideo video, long seed) {
        this.video = video;
        rng = new Rng(seed, video.number, 5);
    }

    /** Writes the file; returns what was done to it. */
    static Map<String, Object> write(Path file, SampleVideo video, long seed) {
        var csv = new SampleImuCsv(video, seed);
        AtomicFile.write(file, csv.text());
        Map<String, Object> truth = new LinkedHashMap<>();
        truth.put("rate_hz", video.imuRate);
        truth.put("rows", csv.rows);
        truth.put("rows_without_canonical_time", csv.withoutTime);
        truth.put("rows_without_a_value", csv.withoutValue);
        truth.put("rows_out_of_order", csv.outOfOrder);
        return truth;
    }

    private String text() {
        var text = new StringBuilder(HEADER);
        boolean timesLost = video.number % 2 == 0;
        boolean valuesLost = video.number % 4 == 1;
        boolean disordered = video.number % 4 == 0;
        String held = null;
        rows = video.seconds * video.imuRate;
        for (int i = 0; i < rows; i++) {
            double ms = Math.max(0, (i + JITTER * (rng.uniform() - 0.5)) * 1000.0 / video.imuRate);
            String row = row(ms, timesLost && rng.below(100) == 0, valuesLost && rng.below(200) == 0);
            if (held == null && disordered && i + 1 < rows && rng.below(300) == 0) {
                held = row;
                outOfOrder++;
                continue;
            }
            text.append(row);
            if (held != null) text.append(held);
            held = null;
        }
        return text.toString();
    }

    private String row(double ms, boolean timeLost, boolean valueLost) {
        double at = Math.min(ms / 1000 * DataSetInfo.RATE_HZ, video.channels[0].length - 1);
        int before = (int) at;
        int after = Math.min(before + 1, video.channels[0].length - 1);
        if (timeLost) withoutTime++;
        if (valueLost) withoutValue++;
        int lost = valueLost ? rng.below(6) : -1;
        var row = new StringBuilder("0,").append(fixed(ms + 1000)).append(',').append(timeLost ? "" : fixed(ms));
        for (int c = 0; c < 6; c++) {
            float[] channel = video.channels[(c + 3) % 6]; // the gyroscope comes first
            row.append(',');
            if (c == lost) row.append(ms % 2 < 1 ? "" : "NaN");
            else row.append(fixed(channel[before] + (at - before) * (channel[after] - channel[before])));
        }
        return row.append('\n').toString();
    }

    /** Six decimals, without the cost of a format string for each of millions. */
    private static String fixed(double value) {
        long millionths = Math.round(Math.abs(value) * 1e6);
        String fraction = Long.toString(millionths % 1_000_000 + 1_000_000).substring(1);
        return (value < 0 && millionths > 0 ? "-" : "") + millionths / 1_000_000 + "." + fraction;
    }
}
