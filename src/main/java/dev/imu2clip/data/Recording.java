package dev.imu2clip.data;

import dev.imu2clip.data.Rejections.Reason;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Npy;
import dev.imu2clip.io.NpyArray;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * One prepared recording, memory-mapped: six channels (accelerometer x y z in m/s², gyroscope x y z in rad/s) and a clock in
 * milliseconds. The file may be (6, N) or (N, 6).
 */
final class Recording {
    static final int CHANNELS = 6;
    private static final String[] NAMES = {"accel_x", "accel_y", "accel_z", "gyro_x", "gyro_y", "gyro_z"};
    private static final double FAR_MS = 4000;
    private static final int MIN_SAMPLES = 10;
    private static final ThreadLocal<float[][]> SCRATCH = ThreadLocal.withInitial(() -> new float[2][0]);

    private final NpyArray signal;
    private final NpyArray clock;
    private final int samples;
    private final long channelStride;
    private final long timeStride;
    private final int rateHz;
    private final Resampler resampler; // null when the recording already has the wanted rate

    /**
     * @param declaredHz rate of the signal, 0 to measure it
     * @param wantedHz rate of the blocks that {@link #read} gives
     * @throws Rejected when no window of this recording can be used
     */
    Recording(Path folder, String uid, double declaredHz, int wantedHz, Arena arena) {
        signal = map(folder.resolve(uid + ".npy"), arena);
        clock = map(folder.resolve(uid + "_timestamps.npy"), arena);
        var shape = signal.shape();
        boolean channelsFirst = shape.rank() == 2 && shape.size(0) == CHANNELS;
        boolean channelsLast = shape.rank() == 2 && shape.size(1) == CHANNELS;
        if (channelsFirst && channelsLast)
            throw new Rejected(Reason.WRONG_CHANNELS, signal.file() + ": shape (6, 6) does not say which axis is time");
        if (!channelsFirst && !channelsLast)
            throw new Rejected(Reason.WRONG_CHANNELS, signal.file() + ": shape " + shape + ", expected (6, N) or (N, 6)");
        long count = shape.size(channelsFirst ? 1 : 0);
        if (clock.shape().count() != count || clock.shape().size(0) != count || count > Integer.MAX_VALUE)
            throw new Rejected(Reason.UNREADABLE_FILE, clock.file() + ": shape " + clock.shape() + ", expected (" + count
                    + ",) as the signal has samples");
        samples = (int) count;
        channelStride = signal.stride(channelsFirst ? 0 : 1);
        timeStride = signal.stride(channelsFirst ? 1 : 0);
        checkClock();
        rateHz = (int) Math.round(declaredHz > 0 ? declaredHz : 1000.0 * (samples - 1) / (clock.at(samples - 1) - clock.at(0)));
        if (rateHz < 1 || rateHz > 100_000)
            throw new Rejected(Reason.CLOCK, clock.file() + ": a rate of " + rateHz + " Hz; timestamps are milliseconds");
        resampler = rateHz == wantedHz ? null : new Resampler(rateHz, wantedHz);
    }

    private static NpyArray map(Path file, Arena arena) {
        if (!Files.exists(file)) throw new Rejected(Reason.MISSING_FILE, file + ": does not exist");
        try {
            NpyArray array = Npy.map(file, arena);
            if (array.shape().rank() == 0) throw new Rejected(Reason.UNREADABLE_FILE, file + ": holds a single number");
            return array;
        } catch (InputException e) {
            throw new Rejected(Reason.UNREADABLE_FILE, e.getMessage());
        }
    }

    private void checkClock() {
        if (samples < 2) throw new Rejected(Reason.TOO_FEW_SAMPLES, signal.file() + ": has " + samples + " samples");
        double before = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < samples; i++) {
            double now = clock.at(i);
            if (!(now >= before) || Double.isInfinite(now))
                throw new Rejected(Reason.CLOCK, clock.file() + ": sample " + i + " has time " + now + " ms after " + before + " ms");
            before = now;
        }
        if (before == clock.at(0)) throw new Rejected(Reason.CLOCK, clock.file() + ": all samples have the time " + before + " ms");
    }

    /**
     * Copies a window's block, (6, samples) float32, channel-major, to {@code target}. The samples are those whose time lies in
     * [start, end), as the reference's bisection selects them; what is missing at the end is 0.
     *
     * @throws Rejected when the window cannot be used; {@code target} may then hold part of it
     */
    void read(Window window, int blockSamples, MemorySegment target, long byteOffset) {
        double startMs = window.start() * 1000;
        double endMs = window.end() * 1000;
        if (!(startMs < endMs)) throw new Rejected(Reason.BAD_TIMES, window.toString());
        try {
            double lastMs = clock.at(samples - 1);
            if (endMs > lastMs) throw new Rejected(Reason.BEYOND_END, window + ", the recording ends at " + lastMs / 1000 + " s");
            int from = firstNotBefore(startMs);
            int to = firstNotBefore(endMs);
            if (Math.abs(clock.at(from) - startMs) > FAR_MS || Math.abs(clock.at(Math.min(to, samples - 1)) - endMs) > FAR_MS)
                throw new Rejected(Reason.NO_SAMPLE_NEAR, window + ", the nearest samples are at " + clock.at(from) / 1000 + " s and "
                        + clock.at(Math.min(to, samples - 1)) / 1000 + " s");
            if (to - from < MIN_SAMPLES) throw new Rejected(Reason.TOO_FEW_SAMPLES, window + " has " + (to - from));
            for (int channel = 0; channel < CHANNELS; channel++) {
                long at = byteOffset + (long) channel * blockSamples * Float.BYTES;
                int got = copyChannel(channel, from, to - from, blockSamples, target, at);
                checkFinite(window, channel, target, at, got);
                target.asSlice(at + (long) got * Float.BYTES, (long) (blockSamples - got) * Float.BYTES).fill((byte) 0);
            }
        } catch (InternalError e) { // what the JVM throws when a mapped file has shrunk under us
            throw new Rejected(Reason.UNREADABLE_FILE, signal.file() + ": changed while it was read");
        }
    }

    /** Returns how many of the block's samples were written. */
    private int copyChannel(int channel, int from, int count, int blockSamples, MemorySegment target, long at) {
        long source = channel * channelStride + from * timeStride;
        if (resampler == null) {
            int n = Math.min(count, blockSamples);
            if (timeStride == 1 && signal.type() == Npy.Type.F4) {
                MemorySegment.copy(signal.data(), source * Float.BYTES, target, at, (long) n * Float.BYTES);
            } else {
                for (int i = 0; i < n; i++)
                    target.set(ValueLayout.JAVA_FLOAT_UNALIGNED, at + (long) i * Float.BYTES, (float) signal.at(source + i * timeStride));
            }
            return n;
        }
        int n = Math.min(resampler.length(count), blockSamples);
        float[][] scratch = SCRATCH.get();
        if (scratch[0].length < count) scratch[0] = new float[count];
        if (scratch[1].length < n) scratch[1] = new float[n];
        for (int i = 0; i < count; i++) scratch[0][i] = (float) signal.at(source + i * timeStride);
        resampler.apply(scratch[0], 0, count, scratch[1], 0, n);
        for (int i = 0; i < n; i++) target.set(ValueLayout.JAVA_FLOAT_UNALIGNED, at + (long) i * Float.BYTES, scratch[1][i]);
        return n;
    }

    private void checkFinite(Window window, int channel, MemorySegment target, long at, int count) {
        for (int i = 0; i < count; i++) {
            float value = target.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at + (long) i * Float.BYTES);
            if (!Float.isFinite(value))
                throw new Rejected(Reason.NOT_FINITE, window + ", " + NAMES[channel] + " sample " + i + " is " + value);
        }
    }

    /** Index of the first sample at {@code ms} or later; the number of samples when there is none. */
    private int firstNotBefore(double ms) {
        int low = 0;
        int high = samples;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (clock.at(middle) >= ms) high = middle;
            else low = middle + 1;
        }
        return low;
    }

    int rateHz() {
        return rateHz;
    }

    double seconds() {
        return clock.at(samples - 1) / 1000;
    }
}
