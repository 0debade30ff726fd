package dev.imu2clip.data.formats;

/** Accelerometer and gyroscope with clocks of their own, brought to the clock of the one that measures more often. */
final class SensorJoin {
    private SensorJoin() {}

    /**
     * @param seconds not decreasing
     * @param xyz {@code [3][n]}
     */
    record Sensor(double[] seconds, double[][] xyz) {}

    /**
     * Adds a sample for each of the faster sensor's times. The other's value then is its own, where it has one at that very time, and
     * else lies linearly between its two neighbours. It is NaN, which {@link EvenClock} treats as missing, where there are none or
     * they lie more than {@code maxGapSec} apart.
     */
    static void add(Track track, String text, String label, Sensor accel, Sensor gyro, double maxGapSec) {
        double[] clock = accel.seconds.length >= gyro.seconds.length ? accel.seconds : gyro.seconds;
        double[] six = new double[6];
        for (int i = 0, a = 0, g = 0; i < clock.length; i++) {
            a = fill(accel, clock[i], a, maxGapSec, six, 0);
            g = fill(gyro, clock[i], g, maxGapSec, six, 3);
            track.add(clock[i], text, label, six);
        }
    }

    /** Writes the sensor's value at {@code time}; gives the last of its samples, from {@code at} on, that is not later. */
    private static int fill(Sensor sensor, double time, int at, double maxGapSec, double[] six, int offset) {
        double[] t = sensor.seconds;
        int i = at;
        while (i + 1 < t.length && t[i + 1] <= time) i++;
        boolean exact = i < t.length && t[i] == time;
        boolean inside = i + 1 < t.length && t[i] <= time && t[i + 1] - t[i] <= maxGapSec;
        for (int c = 0; c < 3; c++)
            six[offset + c] = exact ? sensor.xyz[c][i] : !inside ? Double.NaN
                    : EvenClock.between(sensor.xyz[c][i], sensor.xyz[c][i + 1], (time - t[i]) / (t[i + 1] - t[i]));
        return i;
    }
}
