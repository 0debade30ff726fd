package dev.imu2clip.data;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.data.Importer.AccelUnit;
import dev.imu2clip.data.Importer.GyroUnit;
import dev.imu2clip.io.InputException;
import java.util.List;
import org.junit.jupiter.api.Test;

class SignalCheckTest {
    private static final double RATE = 100;

    /** A sensor that nods: it turns about x by 0.5 sin t, and gravity turns in its frame. In m/s² and rad/s, times these factors. */
    private static float[][] nodding(double accel, double gyro) {
        float[][] si = new float[6][3000];
        for (int i = 0; i < 3000; i++) {
            double t = i / RATE;
            double angle = 0.5 * Math.sin(t);
            si[1][i] = (float) (accel * 9.8 * Math.sin(angle));
            si[2][i] = (float) (accel * 9.8 * Math.cos(angle));
            si[3][i] = (float) (gyro * 0.5 * Math.cos(t));
        }
        return si;
    }

    private static void check(AccelUnit accel, GyroUnit gyro, float[][] si) {
        SignalCheck.check("ride.csv", new Importer.Signal("a", "b", RATE, accel, gyro, si, List.of()), si);
    }

    private static void assertRefused(String expected, AccelUnit accel, GyroUnit gyro, float[][] si) {
        var error = assertThrows(InputException.class, () -> check(accel, gyro, si));
        assertTrue(error.getMessage().startsWith("ride.csv: ") && error.getMessage().contains(expected), error.getMessage());
    }

    @Test
    void rightUnitsPass() {
        for (AccelUnit accel : AccelUnit.values())
            for (GyroUnit gyro : GyroUnit.values()) assertDoesNotThrow(() -> check(accel, gyro, nodding(1, 1)));
        assertDoesNotThrow(() -> check(AccelUnit.G, GyroUnit.RADIANS_PER_SECOND, nodding(-1, 1)), "iOS gives gravity the other sign");
    }

    @Test
    void accelerationTellsItsUnit() {
        assertRefused("probably g", AccelUnit.METRES_PER_SECOND_SQUARED, GyroUnit.RADIANS_PER_SECOND, nodding(1 / 9.80665, 1));
        assertRefused("probably mg", AccelUnit.METRES_PER_SECOND_SQUARED, GyroUnit.RADIANS_PER_SECOND, nodding(1 / 9.80665e-3, 1));
        assertRefused("probably m/s^2", AccelUnit.G, GyroUnit.RADIANS_PER_SECOND, nodding(9.80665, 1));
        assertRefused("gravity may have been removed", AccelUnit.METRES_PER_SECOND_SQUARED, GyroUnit.RADIANS_PER_SECOND, nodding(0.01, 1));
        assertRefused("Check the columns", AccelUnit.G, GyroUnit.RADIANS_PER_SECOND, new float[6][3000]);
        float[][] lost = nodding(1, 1);
        java.util.Arrays.fill(lost[0], Float.NaN);
        assertRefused("accelerometer", AccelUnit.G, GyroUnit.RADIANS_PER_SECOND, lost);
    }

    /** At 28 rad/s or 0.5 deg/s nothing is impossible by itself; what gravity does tells. */
    @Test
    void gravityTellsTheGyroscopesUnit() {
        double degrees = Math.toDegrees(1);
        assertRefused("probably deg/s", AccelUnit.G, GyroUnit.RADIANS_PER_SECOND, nodding(1, degrees));
        assertRefused("probably rad/s", AccelUnit.G, GyroUnit.DEGREES_PER_SECOND, nodding(1, 1 / degrees));
        assertRefused("faster than any sensor", AccelUnit.G, GyroUnit.RADIANS_PER_SECOND, nodding(1, 200));
    }
}
