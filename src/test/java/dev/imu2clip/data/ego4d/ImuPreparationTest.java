package dev.imu2clip.data.ego4d;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Npy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImuPreparationTest {
    private static final ImuPreparation.Options DEFAULT = new ImuPreparation.Options(false, false),
            REFERENCE = new ImuPreparation.Options(true, false),
            EVEN = new ImuPreparation.Options(false, true);

    @TempDir
    Path folder;

    /** Channel c has the value x(i) + c. */
    private Path csv(double[] times, IntToDoubleFunction x) throws IOException {
        StringBuilder text = new StringBuilder("canonical_timestamp_ms,accl_x,accl_y,accl_z,gyro_x,gyro_y,gyro_z\n");
        for (int i = 0; i < times.length; i++) {
            text.append(times[i]);
            for (int c = 0; c < 6; c++) text.append(',').append(x.applyAsDouble(i) + c);
            text.append('\n');
        }
        return Files.writeString(folder.resolve("motion.csv"), text);
    }

    private static double[] clock(int n, double start, double step) {
        double[] times = new double[n];
        for (int i = 0; i < n; i++) times[i] = start + i * step;
        return times;
    }

    @Test
    void equalsTheFormulaOfTorchaudio() throws IOException {
        int compared = 0;
        try (var file = ImuPreparationTest.class.getResourceAsStream("/goldens/resample.json")) {
            for (JsonNode golden : new ObjectMapper().readTree(file)) {
                int hz = golden.get("from").asInt();
                double[] in = new ObjectMapper().convertValue(golden.get("input"), double[].class);
                if (in.length < 2 || hz == 200 || golden.get("to").asInt() != 200) continue;
                StringBuilder text = new StringBuilder("canonical_timestamp_ms,accl_x,accl_y,accl_z,gyro_x,gyro_y,gyro_z\n");
                // A hair faster: the reference cuts off what follows the decimal point.
                for (int i = 0; i < in.length; i++) text.append(7 + i * 1000 / (hz + 1e-6)).append((", " + in[i]).repeat(6)).append('\n');
                Path csv = Files.writeString(folder.resolve("golden.csv"), text);
                var signal = ImuPreparation.read(csv, 0, REFERENCE);
                double[] expected = new ObjectMapper().convertValue(golden.get("output"), double[].class);
                for (float[] channel : signal.channels()) {
                    assertEquals(expected.length, channel.length);
                    for (int i = 0; i < expected.length; i++) assertEquals(expected[i], channel[i], 1e-5, hz + " Hz, " + i);
                }
                for (int i = 0; i < expected.length; i++) assertEquals(7 + 5.0 * i, signal.times()[i], 1e-9);
                compared++;
            }
        }
        assertEquals(5, compared);
    }

    @Test
    void aClockOf200HzIsKeptAsItIs() throws IOException {
        Random random = new Random(2);
        double[] times = clock(400, 3, 5.01);
        for (int i = 0; i < times.length; i++) times[i] += random.nextDouble();
        var signal = ImuPreparation.read(csv(times, i -> i * 0.5), 0, DEFAULT);
        assertArrayEquals(times, signal.times());
        for (int c = 0; c < 6; c++) for (int i = 0; i < 400; i++) assertEquals(i * 0.5f + c, signal.channels()[c][i]);
        signal.write(folder.resolve("x.npy"), folder.resolve("x_timestamps.npy"));
        assertEquals("(6, 400)", Npy.header(folder.resolve("x.npy")).shape().toString());
        assertEquals(signal.channels()[5][399], Npy.floats(folder.resolve("x.npy"))[2399]);
        assertEquals(Npy.Type.F8, Npy.header(folder.resolve("x_timestamps.npy")).type());
    }

    @Test
    void rates() {
        assertEquals(new ImuRate(200, 1), ImuRate.near(199.01));
        assertEquals(new ImuRate(200, 1), ImuRate.near(200.99));
        assertEquals(new ImuRate(199, 1), ImuRate.near(198.7));
        assertEquals(new ImuRate(50, 1), ImuRate.near(49.98));
        assertEquals(new ImuRate(21, 2), ImuRate.near(10.5));
        assertEquals(new ImuRate(52, 5), ImuRate.near(10.4));
        for (double hz = 1; hz < 1000; hz *= 1.0007) assertEquals(hz, ImuRate.near(hz).hz(), 0.005 * hz + 1e-12);
        assertEquals(199, ImuRate.reference(1000 / 199.99).numerator());
        assertEquals(200, ImuRate.reference(5).numerator());
    }

    /** An hour at 198.7 Hz: the reference's clock ends 12 s early, ours where the samples do. */
    @Test
    void theResampledClockDoesNotRunAway() throws IOException {
        double[] times = clock(198_700, 50, 1000 / 198.7);
        Path csv = csv(times, i -> Math.sin(i * 0.01));
        var signal = ImuPreparation.read(csv, 0, DEFAULT);
        double[] clock = signal.times();
        assertEquals(times[times.length - 1], clock[clock.length - 1], 10);
        for (int k = 1000; k < clock.length - 1000; k += 997)
            assertEquals(Math.sin((clock[k] - 50) / 1000 * 198.7 * 0.01), signal.channels()[0][k], 1e-3);
        var reference = ImuPreparation.read(csv, 0, REFERENCE);
        assertEquals(3500, reference.times()[reference.times().length - 1] - times[times.length - 1], 100);
    }

    @Test
    void rowsOutOfOrderAreSorted() throws IOException {
        double[] times = clock(300, 0, 5);
        double swap = times[10];
        times[10] = times[11];
        times[11] = swap;
        var signal = ImuPreparation.read(csv(times, i -> i), 0, DEFAULT);
        assertEquals(1, signal.report().disordered());
        assertEquals(11, signal.channels()[0][10]);
        assertEquals(10, signal.channels()[0][11]);
        assertEquals(50, signal.times()[10]);
    }

    @Test
    void gapsAndDuplicatesAreReported() throws IOException {
        double[] times = clock(2000, 0, 5);
        for (int i = 1000; i < 2000; i++) times[i] += 60;
        times[500] = times[499];
        var report = ImuPreparation.read(csv(times, i -> i), 100, DEFAULT).report();
        assertEquals(1, report.clock().gaps());
        assertEquals(1, report.clock().duplicates());
        assertArrayEquals(new double[] {4.995, 0.065}, report.clock().firstGaps().getFirst());
        assertEquals(3, report.notes().size(), report.notes().toString());
        assertTrue(report.notes().getLast().startsWith("It ends at 10.06 s, the video at 100"), report.notes().toString());
        assertEquals("The clock has gaps: 1, together 0.06500 s. The signal was resampled as if they were not there; --even fills them",
                report.notes().getFirst());
    }

    @Test
    void anEvenClockByInterpolation() throws IOException {
        Random random = new Random(5);
        double[] times = clock(2000, 100, 10);
        for (int i = 0; i < times.length; i++) times[i] += random.nextDouble() * 6 - 3;
        for (int i = 1000; i < times.length; i++) times[i] += 3000; // the sensor slept
        times[50] = times[49];
        Path csv = csv(times, i -> times[i] / 1000);
        var signal = ImuPreparation.read(csv, 0, EVEN);
        double[] clock = signal.times();
        assertEquals(times[0], clock[0]);
        assertEquals(times[times.length - 1], clock[clock.length - 1], 10);
        for (int k = 200; k < clock.length - 200; k++) {
            assertEquals(5, clock[k] - clock[k - 1], 1e-9);
            assertEquals(clock[k] / 1000, signal.channels()[0][k], 0.02, "sample " + k); // a line in time stays one, gap or not
        }
    }

    @Test
    void clocksThatAreNone() throws IOException {
        assertFails("has 1 rows with a canonical_timestamp_ms", new double[] {1});
        assertFails("has 0 rows", new double[0]);
        assertFails("all rows have the same canonical_timestamp_ms", new double[] {4, 4, 4});
        assertFails("expected milliseconds", clock(100, 0, 0.005)); // seconds
        assertFails("expected milliseconds", clock(100, 0, 5e6)); // nanoseconds
    }

    private void assertFails(String expected, double[] times) throws IOException {
        Path csv = csv(times, i -> i);
        for (var options : Arrays.asList(DEFAULT, REFERENCE, EVEN)) {
            String message = assertThrows(InputException.class, () -> ImuPreparation.read(csv, 0, options)).getMessage();
            assertTrue(message.startsWith(csv + ": ") && message.contains(expected), message);
        }
    }
}
