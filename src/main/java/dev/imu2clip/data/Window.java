package dev.imu2clip.data;

/**
 * A stretch of a recording with what is said about it.
 *
 * @param uid recording
 * @param start seconds on the recording's clock
 * @param end seconds on the recording's clock
 * @param text narration, the input of the text tower
 * @param label class for recognition; empty when there is none
 */
public record Window(String uid, double start, double end, String text, String label) {
    /** Number of samples of its block at {@code rateHz}: round((end - start) * rate). */
    public int samples(int rateHz) {
        return (int) Math.rint((end - start) * rateHz);
    }

    @Override
    public String toString() {
        return uid + " " + seconds(start) + "-" + seconds(end) + " s";
    }

    private static String seconds(double value) {
        return new java.math.BigDecimal(Double.isFinite(value) ? value : 0).setScale(3, java.math.RoundingMode.HALF_EVEN)
                .stripTrailingZeros().toPlainString();
    }
}
