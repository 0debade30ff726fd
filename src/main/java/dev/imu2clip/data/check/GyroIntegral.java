package dev.imu2clip.data.check;

/** The angle that the gyroscope has turned through since its first sample, on a grid of hundredths of a second that begins at second 0. */
final class GyroIntegral {
    static final double STEP_SEC = 0.01;
    private final double[][] angle;
    private final int first;

    private GyroIntegral(double[][] angle, int first) {
        this.angle = angle;
        this.first = first;
    }

    /** @param signals whose clock does not run backwards; a value that is not finite is taken as the one before */
    static GyroIntegral of(Signals signals) {
        int first = (int) Math.max(0, Math.ceil(signals.ms(0) / 1000 / STEP_SEC - 1e-6));
        int last = (int) Math.floor(signals.ms(signals.samples - 1) / 1000 / STEP_SEC + 1e-6);
        double[][] angle = new double[3][Math.max(0, last + 1)];
        for (int c = 0; c < 3; c++) {
            double sum = 0, value = 0;
            int next = first;
            for (int i = 0; i < signals.samples; i++) {
                double before = value, now = signals.ms(i) / 1000, then = i == 0 ? now : signals.ms(i - 1) / 1000;
                if (Double.isFinite(signals.at(3 + c, i))) value = signals.at(3 + c, i);
                double turned = i == 0 ? 0 : (before + value) / 2 * (now - then);
                for (; next <= last && next * STEP_SEC <= now + 1e-9; next++)
                    angle[c][next] = sum + (now > then ? turned * Math.clamp((next * STEP_SEC - then) / (now - then), 0, 1) : 0);
                sum += turned;
            }
        }
        return new GyroIntegral(angle, first);
    }

    boolean covers(int from, int to) {
        return from >= first && to < angle[0].length;
    }

    /** Mean rate in rad/s between two places of the grid. */
    double rate(int axis, int from, int to) {
        return (angle[axis][to] - angle[axis][from]) / ((to - from) * STEP_SEC);
    }
}
