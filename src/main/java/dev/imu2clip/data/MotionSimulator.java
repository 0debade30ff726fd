package dev.imu2clip.data;

/**
 * What an inertial sensor on a person's head feels. The head has an orientation (yaw, pitch, roll) and an acceleration in the
 * world; the accelerometer feels that acceleration and gravity, and the gyroscope the turning, both in the sensor's own axes.
 *
 * <p>World axes: x ahead, y left, z up; the angles turn about z, y, x in this order; pitch is positive when the nose goes down.
 */
public final class MotionSimulator {
    private static final double G = 9.80665;
    private static final int RATE = DataSetInfo.RATE_HZ;
    private static final int X = 0, Y = 1, Z = 2, YAW = 3, PITCH = 4, ROLL = 5;

    private final Rng rng;
    // A person: how vigorous and how even the gait is.
    private final double vigour;
    private final double tempo;
    private final double asymmetry;
    private final double posture;
    // A sensor: how it is mounted (rows are its axes in the head's), and its errors.
    private final double[][] mounting;
    private final double[] scale = new double[6];
    private final double[] bias = new double[6];
    private final double accelNoise;
    private final double gyroNoise;

    public MotionSimulator(Rng rng) {
        this.rng = rng;
        vigour = rng.uniform(0.8, 1.25);
        tempo = rng.uniform(0.96, 1.04);
        asymmetry = rng.uniform(0.05, 0.2);
        posture = rng.uniform(-0.12, 0.12);
        mounting = rotation(rng.uniform(-0.25, 0.25), rng.uniform(-0.25, 0.25), rng.uniform(-0.25, 0.25));
        for (int c = 0; c < 6; c++) {
            scale[c] = 1 + 0.005 * rng.normal();
            bias[c] = (c < 3 ? 0.05 : 0.004) * rng.normal();
        }
        accelNoise = rng.uniform(0.02, 0.05);
        gyroNoise = rng.uniform(0.002, 0.006);
    }

    /**
     * What happened, at {@link DataSetInfo#RATE_HZ}.
     *
     * @param channels what the sensor says: accelerometer x y z in m/s², gyroscope x y z in rad/s, with its errors
     * @param turning the true turning about the sensor's own axes in rad/s, x ahead, y left, z up
     */
    public record Motion(float[][] channels, double[][] turning) {}

    /** Six channels of {@code samples} values: somebody does {@code activity}, beginning and ending at rest. */
    float[][] simulate(SampleActivity activity, double parameter, int samples) {
        return move(activity, parameter, samples).channels;
    }

    /** As {@link #simulate}, with the truth. */
    public Motion move(SampleActivity activity, double parameter, int samples) {
        double[][] motion = new double[6][samples]; // X Y Z: acceleration in the world; YAW PITCH ROLL: angles
        sway(motion);
        switch (activity) {
            case STANDING_STILL -> { }
            case WALKING -> gait(motion, parameter * tempo, 1.6 * vigour * parameter / 1.85, 0.35, 0.02);
            case RUNNING -> gait(motion, parameter * tempo, 6.5 * vigour * parameter / 2.8, 1.0, 0.08);
            case CLIMBING_STAIRS -> gait(motion, parameter * tempo, 2.0 * vigour, 0.6, 0.28);
            case STANDS_UP, SITS_DOWN -> posture(motion, parameter);
            case HEAD_MOVEMENT -> head(motion, (int) parameter);
        }
        return sense(motion);
    }

    /** Nobody stands quite still: slow sway of the head, in three slow sines an axis. */
    private void sway(double[][] motion) {
        for (int axis = 0; axis < 6; axis++) {
            double size = axis < YAW ? 0.04 : 0.015;
            for (int k = 0; k < 3; k++) {
                double frequency = rng.uniform(0.15, 1.2);
                double phase = rng.uniform(0, 2 * Math.PI);
                double amplitude = size * rng.uniform();
                for (int i = 0; i < motion[axis].length; i++)
                    motion[axis][i] += amplitude * StrictMath.sin(2 * Math.PI * frequency * i / RATE + phase);
            }
        }
    }

    /**
     * Steps: the body rises and falls once a step (with its second harmonic), is braked and pushed once a step, swings sideways once
     * a stride of two steps, and every heel strike rings for some milliseconds.
     */
    private void gait(double[][] motion, double stepHz, double vertical, double strike, double lean) {
        int n = motion[0].length;
        double phase = rng.uniform(0, 1); // in steps
        double second = rng.uniform(0.25, 0.45);
        double side = rng.uniform(0.3, 0.5);
        double drift = 0;
        int lastStep = (int) Math.floor(phase);
        double strikeAt = -1;
        double strikeSize = 0;
        for (int i = 0; i < n; i++) {
            drift = 0.995 * drift + 0.004 * rng.normal();
            phase += stepHz * (1 + drift) / RATE;
            double step = 2 * Math.PI * phase;
            double stride = step / 2;
            double envelope = envelope(i, n);
            if ((int) Math.floor(phase) != lastStep) {
                lastStep = (int) Math.floor(phase);
                strikeAt = i;
                strikeSize = strike * vertical * (1 + 0.2 * rng.normal()) * (lastStep % 2 == 0 ? 1 + asymmetry : 1 - asymmetry);
            }
            double since = (i - strikeAt) / RATE;
            double ring = strikeAt < 0 || since > 0.25 ? 0
                    : strikeSize * StrictMath.exp(-since / 0.03) * StrictMath.cos(2 * Math.PI * 18 * since);
            motion[Z][i] += envelope * (vertical * (StrictMath.cos(step) + second * StrictMath.cos(2 * step + 0.7)) + ring);
            motion[X][i] += envelope * vertical * (0.4 * StrictMath.sin(step + 0.5) - 0.25 * ring / Math.max(vertical, 0.1));
            motion[Y][i] += envelope * vertical * side * StrictMath.sin(stride);
            motion[ROLL][i] += envelope * 0.02 * vigour * StrictMath.sin(stride + 0.4);
            motion[YAW][i] += envelope * 0.03 * vigour * StrictMath.cos(stride);
            motion[PITCH][i] += envelope * (lean + 0.015 * vigour * StrictMath.sin(step));
        }
    }

    /** Standing up (direction 1) or sitting down (-1): the head moves by a minimum-jerk path while the trunk leans forward and back. */
    private void posture(double[][] motion, double direction) {
        int n = motion[0].length;
        double seconds = rng.uniform(1.1, 2.0) / Math.sqrt(vigour);
        double begin = rng.uniform(0.5, Math.max(0.6, (double) n / RATE - seconds - 0.8));
        double height = direction * rng.uniform(0.36, 0.5);
        double ahead = direction * rng.uniform(0.15, 0.3);
        double lean = rng.uniform(0.3, 0.65);
        double peak = direction > 0 ? 0.4 : 0.55;
        for (int i = 0; i < n; i++) {
            double s = ((double) i / RATE - begin) / seconds;
            double bump = (s - peak) / 0.28;
            motion[PITCH][i] += lean * StrictMath.exp(-bump * bump);
            motion[Z][i] += height * minimumJerkAcceleration(s) / (seconds * seconds);
            motion[X][i] += ahead * minimumJerkAcceleration(s) / (seconds * seconds);
            // One sits down with a thud.
            double since = (s - 1) * seconds;
            if (direction < 0 && since >= 0 && since < 0.4)
                motion[Z][i] += 2.5 * vigour * StrictMath.exp(-since / 0.05) * StrictMath.cos(2 * Math.PI * 9 * since);
        }
    }

    /** Turns of the head, there and back: 0 left, 1 right, 2 up, 3 down, 4 around. */
    private void head(double[][] motion, int kind) {
        int n = motion[0].length;
        double length = (double) n / RATE;
        int axis = kind == 2 || kind == 3 ? PITCH : YAW;
        double sign = kind == 1 || kind == 2 ? -1 : 1;
        double size = axis == YAW ? rng.uniform(0.5, 1.1) : rng.uniform(0.35, 0.75);
        double move = rng.uniform(0.4, 0.8);
        double begin = rng.uniform(0.3, 0.2 * length);
        double back = rng.uniform(0.6, 0.75) * length;
        double across = rng.uniform(0.38, 0.48) * length;
        for (int i = 0; i < n; i++) {
            double t = (double) i / RATE;
            double angle = minimumJerk((t - begin) / move) - minimumJerk((t - back) / move);
            if (kind == 4) angle = minimumJerk((t - begin) / move) - 2 * minimumJerk((t - across) / move) + minimumJerk((t - back) / move);
            motion[axis][i] += sign * size * angle;
            if (axis == YAW) motion[ROLL][i] += 0.1 * size * angle; // heads tilt a little as they turn
        }
    }

    /** Rises from 0 to 1 within the first half second and falls within the last, so that activities follow each other without jumps. */
    private static double envelope(int i, int n) {
        double edge = 0.4 * RATE;
        return minimumJerk(Math.min(i, n - 1 - i) / edge);
    }

    /** The smoothest path from 0 to 1 (Flash and Hogan, 1985). */
    private static double minimumJerk(double s) {
        double c = Math.clamp(s, 0, 1);
        return c * c * c * (10 - 15 * c + 6 * c * c);
    }

    private static double minimumJerkAcceleration(double s) {
        return s <= 0 || s >= 1 ? 0 : 60 * s - 180 * s * s + 120 * s * s * s;
    }

    private Motion sense(double[][] motion) {
        int n = motion[0].length;
        float[][] channels = new float[6][n];
        double[][] truth = new double[3][n];
        for (int i = 0; i < n; i++) {
            double pitch = motion[PITCH][i] + posture;
            double roll = motion[ROLL][i];
            double[][] head = rotation(motion[YAW][i], pitch, roll);
            double dYaw = rate(motion[YAW], i);
            double dPitch = rate(motion[PITCH], i);
            double dRoll = rate(motion[ROLL], i);
            // Angular velocity in the head's axes from the rates of the angles.
            double[] turning = {
                dRoll - dYaw * StrictMath.sin(pitch),
                dPitch * StrictMath.cos(roll) + dYaw * StrictMath.sin(roll) * StrictMath.cos(pitch),
                -dPitch * StrictMath.sin(roll) + dYaw * StrictMath.cos(roll) * StrictMath.cos(pitch)};
            double[] force = transposed(head, new double[] {motion[X][i], motion[Y][i], motion[Z][i] + G});
            double[] accel = transposed(mounting, force);
            double[] gyro = transposed(mounting, turning);
            for (int c = 0; c < 3; c++) {
                truth[c][i] = gyro[c];
                channels[c][i] = (float) (scale[c] * accel[c] + bias[c] + accelNoise * rng.normal());
                channels[c + 3][i] = (float) (scale[c + 3] * gyro[c] + bias[c + 3] + gyroNoise * rng.normal());
            }
        }
        return new Motion(channels, truth);
    }

    private static double rate(double[] angle, int i) {
        int before = Math.max(0, i - 1);
        int after = Math.min(angle.length - 1, i + 1);
        return after == before ? 0 : (angle[after] - angle[before]) * RATE / (after - before);
    }

    /** Rz(yaw) Ry(pitch) Rx(roll): from the turned axes to the fixed ones. */
    private static double[][] rotation(double yaw, double pitch, double roll) {
        double cy = StrictMath.cos(yaw), sy = StrictMath.sin(yaw);
        double cp = StrictMath.cos(pitch), sp = StrictMath.sin(pitch);
        double cr = StrictMath.cos(roll), sr = StrictMath.sin(roll);
        return new double[][] {
            {cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr},
            {sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr},
            {-sp, cp * sr, cp * cr}};
    }

    /** The transposed matrix times the vector: from the fixed axes to the turned ones. */
    private static double[] transposed(double[][] m, double[] v) {
        double[] result = new double[3];
        for (int c = 0; c < 3; c++) result[c] = m[0][c] * v[0] + m[1][c] * v[1] + m[2][c] * v[2];
        return result;
    }
}
