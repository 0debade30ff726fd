package dev.imu2clip.tensor;

import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class PhiloxTest {
    /** The known answers that Random123 publishes for philox4x32-10 (the last one: digits of pi). */
    @Test
    void knownAnswers() {
        assertArrayEquals(new int[] {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}, Philox.block(0, 0, 0, 0, 0, 0));
        assertArrayEquals(new int[] {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}, Philox.block(-1, -1, -1, -1, -1, -1));
        assertArrayEquals(new int[] {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
                Philox.block(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0));
    }

    @Test
    void sequenceIsWordsOfBlocks() {
        long seed = 0xFEDCBA9876543210L;
        int[] block = Philox.block(0x00000007, 0x00000001, 0, 0, 0x76543210, 0xFEDCBA98);
        for (int word = 0; word < 4; word++) assertEquals(block[word], Philox.bits(seed, 4 * 0x100000007L + word));
    }

    @Test
    void uniformMoments() {
        int n = 200_000;
        double sum = 0, squares = 0;
        for (int i = 0; i < n; i++) {
            double u = Philox.uniform(42, i);
            assertTrue(u >= 0 && u < 1 && u == (float) u);
            sum += u;
            squares += u * u;
        }
        // Five standard errors.
        assertEquals(0.5, sum / n, 5 * Math.sqrt(1.0 / 12 / n));
        assertEquals(1.0 / 3, squares / n, 5 * Math.sqrt(4.0 / 45 / n));
    }

    @Test
    void normalMoments() {
        int n = 200_000;
        double[] moments = new double[5];
        double neighbours = 0;
        for (int i = 0; i < n; i++) {
            double z = Philox.normal(42, i);
            for (int k = 1; k <= 4; k++) moments[k] += Math.pow(z, k) / n;
            if (i % 2 == 1) neighbours += z * Philox.normal(42, i - 1) / (n / 2);
        }
        double error = 5 / Math.sqrt(n);
        assertEquals(0, moments[1], error);
        assertEquals(1, moments[2], error * Math.sqrt(2));
        assertEquals(0, moments[3], error * Math.sqrt(15));
        assertEquals(3, moments[4], error * Math.sqrt(96));
        assertEquals(0, neighbours, error * Math.sqrt(2));
    }
}
