package dev.imu2clip;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The numbers that tools/goldens/train_steps.py trains on, computed here bit for bit instead of being stored: initial weights of the
 * {@code mw2} encoder, signals and text features, all from one hash. The script has the formulas.
 */
public final class GoldenHash {
    public static final int BATCH = 8;
    public static final int CHANNELS = 6;
    public static final int SAMPLES = 1000;
    public static final int HIDDEN = 512;
    /** Initial temperature, raw. */
    public static final float TEMPERATURE = 0.1f;

    private GoldenHash() {}

    /** Uniform in [-1, 1), a multiple of 2^-23: the number {@code index} of stream {@code stream}. */
    public static float uniform(long stream, long index) {
        long z = (stream << 32) + index + 0x9E3779B97F4A7C15L;
        z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        z ^= z >>> 31;
        return (z >>> 40) * 0x1p-23f - 1;
    }

    /** The first {@code count} numbers of a stream times 1/sqrt(fan). */
    public static float[] uniform(long stream, int count, int fan) {
        float scale = (float) (1 / Math.sqrt(fan));
        float[] values = new float[count];
        for (int i = 0; i < count; i++) values[i] = uniform(stream, i) * scale;
        return values;
    }

    /** The encoder's parameters before the first step, by their names in the reference and in its order. */
    public static Map<String, float[]> parameters() {
        var parameters = new LinkedHashMap<String, float[]>();
        parameters.put("net.0.weight", ones(6));
        parameters.put("net.0.bias", new float[6]);
        parameters.put("net.1.net.0.weight", uniform(2, 32 * 6 * 10, 6 * 10));
        parameters.put("net.2.net.0.weight", uniform(3, 32 * 32 * 5, 32 * 5));
        parameters.put("net.3.net.0.weight", uniform(4, 32 * 32 * 5, 32 * 5));
        parameters.put("net.4.weight", ones(32));
        parameters.put("net.4.bias", new float[32]);
        parameters.put("net.5.weight_ih_l0", uniform(7, 3 * HIDDEN * 32, HIDDEN));
        parameters.put("net.5.weight_hh_l0", uniform(8, 3 * HIDDEN * HIDDEN, HIDDEN));
        parameters.put("net.5.bias_ih_l0", uniform(9, 3 * HIDDEN, HIDDEN));
        parameters.put("net.5.bias_hh_l0", uniform(10, 3 * HIDDEN, HIDDEN));
        return parameters;
    }

    /** Signals of a batch (0 or 1), {@code (8, 6, 1000)}: noise, a triangle wave of a pace of each window's own, gravity on one axis. */
    public static float[] signals(int batch) {
        float[] values = new float[BATCH * CHANNELS * SAMPLES];
        for (int i = 0; i < values.length; i++) {
            int t = i % SAMPLES;
            int c = i / SAMPLES % CHANNELS;
            int n = i / SAMPLES / CHANNELS;
            float noise = 0.5f * uniform(100 + batch, i);
            float wave = Math.abs(t * (n + 1 + 8 * batch) % 256 - 128) / 128f * ((c + 1) / 2f);
            values[i] = (noise + wave) + (c == 2 ? 9.75f : 0f);
        }
        return values;
    }

    /** Text features of a batch (0 or 1), {@code (8, 512)}, not normalised. */
    public static float[] texts(int batch) {
        return uniform(200 + batch, BATCH * HIDDEN, 1);
    }

    private static float[] ones(int count) {
        float[] values = new float[count];
        Arrays.fill(values, 1);
        return values;
    }
}
