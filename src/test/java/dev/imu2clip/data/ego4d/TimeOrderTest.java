package dev.imu2clip.data.ego4d;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Comparator;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class TimeOrderTest {
    @Test
    void stableForAnyOrder() {
        Random random = new Random(1);
        for (int n : new int[] {1, 2, 3, 7, 8, 9, 1000, 4097}) {
            for (int values : new int[] {1, 3, n}) {
                double[] times = random.ints(n, 0, values).asDoubleStream().toArray();
                int[] expected = IntStream.range(0, n).boxed().sorted(Comparator.comparingDouble(i -> times[i])).mapToInt(i -> i).toArray();
                assertArrayEquals(expected, TimeOrder.of(times));
                assertEquals(0, TimeOrder.disordered(TimeOrder.apply(expected, times)));
            }
        }
        assertEquals(2, TimeOrder.disordered(new double[] {1, 3, 2, 2, 5, 4}));
    }
}
