package dev.imu2clip.data.formats;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.data.Importer.AccelUnit;
import dev.imu2clip.data.Importer.GyroUnit;
import dev.imu2clip.data.Importer.Signal;
import dev.imu2clip.io.InputException;
import java.util.List;
import java.util.Random;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Test;

class EvenClockTest {
    private final double[][] motion = Motion.random(1, 2000, 9.8);

    private Track track(int n, IntToDoubleFunction time) {
        Track track = new Track("a", "b", AccelUnit.METRES_PER_SECOND_SQUARED, GyroUnit.RADIANS_PER_SECOND, false);
        for (int i = 0; i < n; i++) {
            double[] six = new double[6];
            for (int c = 0; c < 6; c++) six[c] = motion[c][i];
            track.add(time.applyAsDouble(i), "", "", six);
        }
        return track;
    }

    private static Signal only(List<Signal> signals) {
        assertEquals(1, signals.size());
        return signals.getFirst();
    }

    @Test
    void samplesOnAnEvenClockAreKept() {
        for (double rate : new double[] {20, 50, 204.8, 400}) {
            Signal signal = only(EvenClock.MEASURED.signals(track(2000, i -> 1000 + i / rate), "x"));
            assertEquals(rate, signal.rateHz());
            assertEquals(2000, signal.channels()[0].length);
            Motion.assertChannels(motion, 0, signal);
            assertEquals(List.of(), signal.notes());
        }
        // Times rounded to milliseconds.
        Signal rounded = only(EvenClock.MEASURED.signals(track(2000, i -> Math.round(1000 * i / 104.0) / 1000.0), "x"));
        assertEquals(104, rounded.rateHz());
        Motion.assertChannels(motion, 0, rounded);
    }

    @Test
    void anIrregularClockIsInterpolated() {
        Random random = new Random(3);
        double[] times = new double[2000];
        for (int i = 1; i < 2000; i++) times[i] = times[i - 1] + 0.005 + 0.01 * random.nextDouble();
        Signal signal = only(EvenClock.MEASURED.signals(track(2000, i -> times[i]), "x"));
        double rate = signal.rateHz();
        assertEquals(Math.rint(1999 / times[1999]), rate);
        for (int k = 0, i = 0; k < signal.channels()[0].length; k++) {
            double time = k / rate;
            while (times[i + 1] <= time) i++;
            double share = (time - times[i]) / (times[i + 1] - times[i]);
            for (int c = 0; c < 6; c++)
                assertEquals((1 - share) * motion[c][i] + share * motion[c][i + 1], signal.channels()[c][k], 2e-6);
        }
        assertTrue(signal.notes().getFirst().startsWith("irregular clock (steps of 5.0"), signal.notes().toString());
    }

    @Test
    void repeatedTimesAreLeftOut() {
        Track track = track(1000, i -> (i < 500 ? i : i - 1) / 100.0); // sample 500 has the time of sample 499
        Signal signal = only(new EvenClock(100, 0).signals(track, "x"));
        assertEquals(999, signal.channels()[0].length);
        assertEquals((float) motion[4][499], signal.channels()[4][499]);
        assertEquals((float) motion[4][501], signal.channels()[4][500]);
        assertEquals(List.of("1 rows repeat a time and were left out"), signal.notes());
    }

    @Test
    void longGapsBreakARecording() {
        IntToDoubleFunction time = i -> (i < 300 ? i : i < 350 ? i + 20 : i + 4) / 100.0 + (i < 350 ? 0 : 1);
        List<Signal> signals = EvenClock.MEASURED.signals(track(1000, time), "x");
        assertEquals(List.of("a_1", "a_2"), signals.stream().map(Signal::uid).toList());
        assertArrayEquals(new int[] {300, 650}, signals.stream().mapToInt(s -> s.channels()[0].length).toArray());
        assertEquals(List.of("broken by gaps longer than 0.1 s into 2 recordings, pieces below 1 s left out: 1"), signals.getFirst().notes());
        assertEquals(1, new EvenClock(0, 2).signals(track(1000, time), "x").size(), "a longer gap may be allowed");
    }

    @Test
    void impossibleRatesAreErrors() {
        var fast = assertThrows(InputException.class, () -> EvenClock.MEASURED.signals(track(1000, i -> i * 1e-5), "file"));
        assertEquals("file: its times give a rate of 100000 Hz, expected 5 to 10000. Is the unit of time right?", fast.getMessage());
        assertThrows(InputException.class, () -> EvenClock.MEASURED.signals(track(1000, i -> i * 20), "file"));
        assertThrows(InputException.class, () -> EvenClock.MEASURED.signals(track(1, i -> 0), "file"));
        var other = assertThrows(InputException.class, () -> new EvenClock(50, 0).signals(track(1000, i -> i / 100.0), "file"));
        assertEquals("file: its times give a rate of 100 Hz, but 50 Hz is expected. Correct the rate or the unit of time",
                other.getMessage());
    }
}
