package dev.imu2clip.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.io.InputException;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class WindowTableTest {
    private static WindowTable table(int n) {
        return new WindowTable(IntStream.range(0, n).mapToObj(i -> new Window("a", i, i + 5, "text " + i % 3, "")).toList());
    }

    @Test
    void indexesDistinctTexts() {
        TextIndex texts = table(5).texts();
        assertEquals(List.of("text 0", "text 1", "text 2"), texts.texts());
        assertArrayEquals(new int[] {0, 1, 2, 0, 1}, texts.ofWindow());
        assertEquals(List.of(""), table(5).labels().texts());
    }

    @Test
    void drawsNestedSharesBySeed() {
        WindowTable all = table(100);
        WindowTable quarter = all.fraction(0.25, 7);
        assertEquals(25, quarter.size());
        assertEquals(quarter, all.fraction(0.25, 7));
        assertNotEquals(quarter, all.fraction(0.25, 8));
        assertTrue(all.fraction(0.5, 7).windows().containsAll(quarter.windows()));
        assertEquals(all, all.fraction(1, 7));
        assertEquals(1, all.fraction(1e-9, 7).size());
        assertThrows(InputException.class, () -> all.fraction(0, 7));
        assertEquals(3, all.limit(3).size());
    }

    @Test
    void fingerprintSeesContentAndOrder() {
        assertEquals(table(4).fingerprint(), table(4).fingerprint());
        assertNotEquals(table(4).fingerprint(), table(5).fingerprint());
        assertNotEquals(table(4).fingerprint(), new WindowTable(table(4).windows().reversed()).fingerprint());
    }

    @Test
    void refusesMixedLengths() {
        var mixed = new WindowTable(List.of(new Window("a", 0, 5, "x", ""), new Window("a", 0, 4, "x", "")));
        assertTrue(assertThrows(InputException.class, () -> mixed.samples(200)).getMessage().contains("a 0-4 s has 800"));
        assertEquals(1000, table(3).samples(200));
    }

    @Test
    void generatorKeepsItsStream() {
        // From SplitMix64 written in Python: a change of the generator would change every data set and every order.
        assertArrayEquals(new int[] {0, 8, 2, 4, 1, 9, 3, 5, 6, 7}, new Rng(1, 2).permutation(10));
        double sum = 0;
        double squares = 0;
        Rng rng = new Rng(5);
        for (int i = 0; i < 100_000; i++) {
            double x = rng.normal();
            sum += x;
            squares += x * x;
        }
        assertEquals(0, sum / 100_000, 0.015);
        assertEquals(1, squares / 100_000, 0.02);
    }
}
