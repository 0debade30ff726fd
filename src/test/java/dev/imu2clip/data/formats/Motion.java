package dev.imu2clip.data.formats;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.data.ImportJob;
import dev.imu2clip.data.Importer;
import dev.imu2clip.data.Importer.Signal;
import dev.imu2clip.data.PreparedSummary;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/** What the tests of importers share: motion from a seed, files, and what becomes of them. */
final class Motion {
    private Motion() {}

    /** Six channels of {@code n} samples with four decimals: gravity along z with some motion, and slow turns in rad/s. */
    static double[][] random(long seed, int n, double gravity) {
        Random random = new Random(seed);
        double[][] channels = new double[6][n];
        for (int c = 0; c < 6; c++)
            for (int i = 0; i < n; i++) {
                double value = c < 3 ? gravity * ((c == 2 ? 1 : 0) + 0.1 * random.nextGaussian()) : 0.5 * random.nextGaussian();
                channels[c][i] = Math.rint(value * 1e4) / 1e4;
            }
        return channels;
    }

    static String number(double value) {
        return Double.isNaN(value) ? "NaN" : String.format(Locale.ROOT, "%.4f", value);
    }

    static Path write(Path file, CharSequence text) throws IOException {
        Files.createDirectories(file.getParent());
        return Files.writeString(file, text);
    }

    /** All recordings of a source. */
    static List<Signal> read(Importer importer, Path source) {
        return importer.recordings(source).stream().flatMap(raw -> raw.read().get().stream()).toList();
    }

    /** That a recording holds samples {@code from .. from + n} of these channels, to the bit. */
    static void assertChannels(double[][] expected, int from, Signal signal) {
        for (int c = 0; c < 6; c++)
            for (int i = 0; i < signal.channels()[c].length; i++)
                assertEquals((float) expected[c][from + i], signal.channels()[c][i], "channel " + c + ", sample " + i);
    }

    static PreparedSummary run(Importer importer, Path source, Path target) {
        return ImportJob.run(importer, source, target, ImportJob.Options.DEFAULT, Progress.NONE);
    }

    /** That an import ends with an error that has these parts, and leaves nothing that looks like a data set. */
    static void assertRefused(Importer importer, Path source, String... parts) throws IOException {
        Path out = Files.createTempDirectory(Files.isDirectory(source) ? source.getParent() : source.getParent().getParent(), "out");
        var error = assertThrows(InputException.class, () -> run(importer, source, out.resolve("set")));
        for (String part : parts) assertTrue(error.getMessage().contains(part), error.getMessage());
        assertTrue(Files.notExists(out.resolve("set/dataset.json")));
    }
}
