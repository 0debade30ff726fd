package dev.imu2clip.data.ego4d;

import dev.imu2clip.data.DataSetInfo;
import dev.imu2clip.data.MotionSimulator;
import dev.imu2clip.data.Rng;
import dev.imu2clip.data.SampleActivity;
import dev.imu2clip.media.VideoWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * One generated video: what its person does, five seconds each, from second 1 on; what the sensor feels; and what is peculiar about its
 * files. What is peculiar goes by the video's number, so that a few videos have everything.
 */
final class SampleVideo {
    static final int WIDTH = 256;
    static final int HEIGHT = 192;
    static final int FPS = 30;
    static final int SECONDS_EACH = 5;
    private static final int AUDIO_HZ = 24_000;
    private static final int[] RATES = {200, 198, 100, 200};

    /** Something that somebody does from {@code start} on for {@link #SECONDS_EACH}. */
    record Act(SampleActivity activity, SampleActivity.Variant variant, double start) {}

    final String uid;
    final int number;
    final int seconds;
    /** What happens at a second of the sensor's clock is seen this many seconds later on the video's. */
    final double videoLag;
    final boolean hasImu;
    final boolean hasAudio;
    final int imuRate;
    final List<Act> acts = new ArrayList<>();
    /** Six channels at 200 Hz from second 0 of the sensor's clock. */
    final float[][] channels;
    private final double[][] turning;
    private final long seed;

    SampleVideo(long seed, int number, int acts) {
        this.seed = seed;
        this.number = number;
        Rng rng = new Rng(seed, number, 1);
        uid = uid(rng);
        seconds = acts * SECONDS_EACH + 2;
        hasImu = number % 8 != 7;
        hasAudio = number % 4 != 2;
        imuRate = RATES[number % RATES.length];
        videoLag = number % 3 == 1 ? Math.round(rng.uniform(-0.4, 0.4) * 100) / 100.0 : 0;
        int rate = DataSetInfo.RATE_HZ;
        channels = new float[6][seconds * rate];
        turning = new double[3][seconds * rate];
        live(new Rng(seed, number, 2), acts);
    }

    /** In the form of Ego4D's. */
    static String uid(Rng rng) {
        long a = rng.nextLong();
        long b = rng.nextLong();
        return String.format(Locale.ROOT, "%08x-%04x-4%03x-%04x-%012x", a >>> 32, a >>> 16 & 0xffff, a & 0xfff, b >>> 48 & 0x3fff | 0x8000,
                b & 0xffff_ffff_ffffL);
    }

    /** As in the plain sample, activities come in rounds, each in an order of its own, with a second at rest before and after. */
    private void live(Rng rng, int count) {
        var person = new MotionSimulator(rng);
        int rate = DataSetInfo.RATE_HZ;
        place(person.move(SampleActivity.STANDING_STILL, 0, rate), 0);
        int[] round = {};
        SampleActivity[] all = SampleActivity.values();
        for (int i = 0; i < count; i++) {
            if (i % all.length == 0) round = rng.permutation(all.length);
            SampleActivity activity = all[round[i % all.length]];
            SampleActivity.Variant variant = activity.variants.get(rng.below(activity.variants.size()));
            int start = 1 + i * SECONDS_EACH;
            place(person.move(activity, variant.parameter(), SECONDS_EACH * rate), start * rate);
            acts.add(new Act(activity, variant, start));
        }
        place(person.move(SampleActivity.STANDING_STILL, 0, rate), (seconds - 1) * rate);
    }

    private void place(MotionSimulator.Motion motion, int at) {
        for (int c = 0; c < 6; c++) System.arraycopy(motion.channels()[c], 0, channels[c], at, motion.channels()[c].length);
        for (int c = 0; c < 3; c++) System.arraycopy(motion.turning()[c], 0, turning[c], at, motion.turning()[c].length);
    }

    /** Films what the person sees, with the sound of the steps. */
    void film(Path file) {
        var camera = new CameraSimulator(new Rng(seed, number, 3), WIDTH, HEIGHT, turning);
        byte[] picture = new byte[WIDTH * HEIGHT * 3];
        float[] sound = new float[AUDIO_HZ / FPS];
        Rng noise = new Rng(seed, number, 4);
        try (var writer = new VideoWriter(file, WIDTH, HEIGHT, FPS, hasAudio ? AUDIO_HZ : 0)) {
            for (int k = 0; k < seconds * FPS; k++) {
                camera.render((double) k / FPS - videoLag, picture);
                writer.add(picture);
                if (!hasAudio) continue;
                for (int i = 0; i < sound.length; i++) {
                    sound[i] = (float) (loudness((double) k / FPS - videoLag + (double) i / AUDIO_HZ) * (2 * noise.uniform() - 1));
                }
                writer.addSound(sound);
            }
            writer.finish();
        }
    }

    /** Steps sound at each step, chairs creak, and the room is never quite silent. */
    private double loudness(double seconds) {
        int i = (int) Math.floor((seconds - 1) / SECONDS_EACH);
        if (i < 0 || i >= acts.size()) return 0.005;
        Act act = acts.get(i);
        double within = seconds - act.start;
        return 0.005 + switch (act.activity) {
            case WALKING, RUNNING, CLIMBING_STAIRS -> {
                double beat = within * act.variant.parameter();
                yield 0.4 * Math.max(0, 1 - 8 * (beat - Math.floor(beat)));
            }
            case STANDS_UP, SITS_DOWN -> within > 1 && within < 2 ? 0.05 : 0;
            case STANDING_STILL, HEAD_MOVEMENT -> 0;
        };
    }
}
