package dev.imu2clip;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.io.InputException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class FuzzTest {
    private static final byte[] GOOD = {'G', 4, 1, 2, 3, 4};

    private static String failure(Fuzz.Target target) {
        return assertThrows(AssertionError.class, () -> Fuzz.of("test", GOOD).allocating(1 << 20).run(target)).getMessage();
    }

    private static void refuse(byte[] bytes, String message) {
        if (!Arrays.equals(bytes, GOOD)) throw new InputException(message);
    }

    @Test
    void aCarefulReaderPasses() {
        Set<Integer> lengths = new HashSet<>(), first = new HashSet<>();
        Fuzz.Result result = Fuzz.of("careful", GOOD).run(bytes -> {
            lengths.add(bytes.length);
            if (bytes.length == 0 || bytes[0] != 'G') throw new InputException("file: has no G at its start");
            first.add((int) bytes[bytes.length - 1]);
        });
        assertTrue(result.read() > 100 && result.refused() > 100, result.toString());
        assertTrue(lengths.size() > 8 && first.size() > 20, lengths + " " + first);
    }

    @Test
    void otherExceptionsAreFound() {
        assertTrue(failure(bytes -> bytes[bytes[1]]++).contains("ArrayIndexOutOfBounds"));
        assertTrue(failure(bytes -> {
            throw new InputException("refuses everything");
        }).contains("a good file"));
    }

    @Test
    void allocationIsFound() {
        assertTrue(failure(bytes -> {
            if (bytes.length > 1 && new byte[Math.max(0, bytes[1]) << 16].length == 7) throw new IllegalStateException();
            else refuse(bytes, "file: is damaged");
        }).contains("bytes were allocated"));
    }

    @Test
    void unclearMessagesAreFound() {
        for (String unclear : new String[] {null, "bad", "two\nlines of text", "file: java.io.EOFException"})
            assertTrue(failure(bytes -> refuse(bytes, unclear)).contains(String.valueOf(unclear)), unclear);
    }

    @Test
    void theSameInputsComeAgain() {
        int[] sums = new int[2];
        for (int k = 0; k < 2; k++) {
            int run = k;
            Fuzz.of("again", GOOD, new byte[] {7, 8, 9}).run(bytes -> sums[run] = 31 * sums[run] + Arrays.hashCode(bytes));
        }
        assertEquals(sums[0], sums[1]);
    }
}
