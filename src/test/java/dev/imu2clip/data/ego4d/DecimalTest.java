package dev.imu2clip.data.ego4d;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.util.Random;
import org.junit.jupiter.api.Test;

class DecimalTest {
    private int decided;

    private void check(long m, int q) {
        double value = Decimal.of(m, q);
        if (Double.isNaN(value)) return;
        decided++;
        String text = Long.toUnsignedString(m) + "e" + q;
        assertEquals(Double.doubleToRawLongBits(Double.parseDouble(text)), Double.doubleToRawLongBits(value), text);
    }

    @Test
    void equalsParseDouble() {
        Random random = new Random(3);
        int all = 400_000;
        for (int i = 0; i < all; i++)
            check(random.nextLong() >>> random.nextInt(64), random.nextInt(Decimal.MIN_EXPONENT, Decimal.MAX_EXPONENT + 1));
        assertTrue(decided > 0.999 * all, decided + " of " + all);
    }

    /** The hardest ones: just at, below and above the middle between two doubles. */
    @Test
    void equalsParseDoubleBetweenTwoDoubles() {
        Random random = new Random(4);
        for (int i = 0; i < 100_000; i++) {
            double value = random.nextDouble() * Math.pow(10, random.nextInt(-8, 9));
            BigDecimal middle = new BigDecimal(value).add(new BigDecimal(Math.nextUp(value))).divide(BigDecimal.TWO);
            int digits = Math.max(0, middle.precision() - 19);
            long m = middle.unscaledValue().divide(java.math.BigInteger.TEN.pow(digits)).longValue();
            int q = digits - middle.scale();
            for (int step = -1; step <= 1; step++) check(m + step, q);
        }
        for (long m = (1L << 53) - 3; m < (1L << 53) + 9; m++) for (int q = -4; q <= 18; q++) check(m, q);
        for (long m = (1L << 54) - 9; m < (1L << 54) + 9; m++) for (int q = -30; q <= 18; q++) check(m, q);
        for (int q = -60; q <= 18; q++) for (long m = -9; m < 9; m++) check(m, q);
        assertTrue(decided > 300_000);
    }
}
