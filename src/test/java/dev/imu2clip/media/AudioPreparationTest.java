package dev.imu2clip.media;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.TestData;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AudioPreparationTest {
    private static final int RATE = 16_000;

    @TempDir
    private Path folder;

    @Test
    void aWalkersSoundHasTheLengthOfItsStream() throws Exception {
        Path out = folder.resolve("walk.wav");
        assertTrue(AudioPreparation.prepare(TestData.shared("gopro/max-heromode.mp4"), out, RATE, Progress.NONE));
        try (WavFile sound = WavFile.open(out)) {
            assertEquals(RATE, sound.rateHz());
            assertEquals(10.51, (double) sound.length() / RATE, 0.05);
            float[] all = sound.window(0, 10);
            double power = 0;
            for (float v : all) power += v * v;
            assertTrue(Math.sqrt(power / all.length) > 1e-3, "it is not silent");
        }
        Path again = folder.resolve("again.wav");
        AudioPreparation.prepare(TestData.shared("gopro/max-heromode.mp4"), again, RATE, Progress.NONE);
        assertArrayEquals(Files.readAllBytes(out), Files.readAllBytes(again));
    }

    @Test
    void withoutSoundNothingIsWritten() {
        Path out = folder.resolve("none.wav");
        assertFalse(AudioPreparation.prepare(TestData.shared("video/asl_walk.mkv"), out, RATE, Progress.NONE));
        assertFalse(Files.exists(out));
    }

    /** Clicks at whole seconds, at 48 kHz through AAC: they stay where they are. */
    @Test
    void soundStaysInItsPlace() {
        Path film = folder.resolve("clicks.mp4");
        click(film, 48_000, 4);
        Path out = folder.resolve("clicks.wav");
        AudioPreparation.prepare(film, out, RATE, Progress.NONE);
        try (WavFile sound = WavFile.open(out)) {
            for (int s = 1; s < 4; s++) {
                float[] near = sound.window(s - 0.5, s + 0.5);
                int loudest = 0;
                for (int i = 0; i < near.length; i++) if (Math.abs(near[i]) > Math.abs(near[loudest])) loudest = i;
                assertEquals(near.length / 2, loudest, 40, "the click of second " + s);
            }
            assertEquals(4, (double) sound.length() / RATE, 0.03);
        }
    }

    /** A film whose sound clicks at whole seconds. */
    private static void click(Path film, int rate, int seconds) {
        try (VideoWriter writer = new VideoWriter(film, 32, 32, 10, rate)) {
            float[] sound = new float[rate / 10];
            for (int i = 0; i < 10 * seconds; i++) {
                Arrays.fill(sound, 0);
                for (int k = 0; k < 24 && i % 10 == 0; k++) sound[k] = k % 2 == 0 ? 0.9f : 0.7f;
                writer.addSound(sound);
                writer.add(new byte[32 * 32 * 3]);
            }
            writer.finish();
        }
    }

    /** The edit list of the film's sound track says: two seconds of nothing first. */
    @Test
    void soundThatBeginsLaterHasSilenceBeforeIt() throws Exception {
        Path film = folder.resolve("late.mp4");
        click(film, 48_000, 4);
        Path plain = folder.resolve("plain.wav");
        AudioPreparation.prepare(film, plain, RATE, Progress.NONE);
        delaySound(film, 2);
        Path late = folder.resolve("late.wav");
        AudioPreparation.prepare(film, late, RATE, Progress.NONE);
        try (WavFile a = WavFile.open(plain); WavFile b = WavFile.open(late)) {
            assertEquals(2, (double) (b.length() - a.length()) / RATE, 0.03);
            assertArrayEquals(new float[(int) (1.9 * RATE)], b.window(0, 1.9));
            float[] first = a.window(0.5, 3.5);
            float[] second = b.window(2.5, 5.5);
            double error = 0;
            for (int i = 0; i < first.length; i++) error = Math.max(error, Math.abs(first[i] - second[i]));
            assertTrue(error < 1e-3, "off by " + error);
        }
    }

    /** Rewrites the sound track's only edit, of an mp4 file whose index is at its end, as an empty one of some seconds and the old one. */
    private static void delaySound(Path film, int seconds) throws Exception {
        Mp4Boxes.delay(film, seconds);
    }

    @Test
    void whatCannotBeReadIsSaid() throws Exception {
        Path out = folder.resolve("out.wav");
        byte[] walk = Files.readAllBytes(TestData.shared("gopro/max-heromode.mp4"));
        Path cut = Files.write(folder.resolve("cut.mp4"), Arrays.copyOf(walk, 1_000_000));
        var e = assertThrows(InputException.class, () -> AudioPreparation.prepare(cut, out, RATE, Progress.NONE));
        assertTrue(e.getMessage().startsWith(cut + ": the audio cannot be decoded: it is not"), e.getMessage());
        Path full = Path.of("/dev/full");
        Assumptions.assumeTrue(Files.exists(full), "no /dev/full on this system");
        Path in = TestData.shared("gopro/max-heromode.mp4");
        e = assertThrows(InputException.class, () -> AudioPreparation.prepare(in, full, RATE, Progress.NONE));
        assertTrue(e.getMessage().startsWith("/dev/full: cannot be written (No space left"), e.getMessage());
        assertFalse(Files.exists(out));
    }

    @Test
    void windowsAreFilledUpWithZeros() throws Exception {
        Path out = folder.resolve("walk.wav");
        AudioPreparation.prepare(TestData.shared("gopro/max-heromode.mp4"), out, RATE, Progress.NONE);
        try (WavFile sound = WavFile.open(out)) {
            float[] window = sound.window(9, 14);
            assertEquals(5 * RATE, window.length);
            int left = (int) (sound.length() - 9 * RATE);
            for (int i = left; i < window.length; i++) assertEquals(0, window[i]);
            assertArrayEquals(Arrays.copyOf(sound.window(9, 10), 100), Arrays.copyOf(window, 100));
        }
        byte[] bytes = Files.readAllBytes(out);
        Path cut = Files.write(folder.resolve("cut.wav"), Arrays.copyOf(bytes, bytes.length / 2));
        assertTrue(assertThrows(InputException.class, () -> WavFile.open(cut)).getMessage().contains("is cut off"));
        Path text = Files.writeString(folder.resolve("text.wav"), "no sound");
        assertTrue(assertThrows(InputException.class, () -> WavFile.open(text)).getMessage().contains("is no wav file"));
    }
}
