package dev.imu2clip.data.ego4d;

import dev.imu2clip.data.DataSetInfo;
import dev.imu2clip.data.Resampler;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Npy;
import dev.imu2clip.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ForkJoinTask;
import java.util.stream.IntStream;

/** From Ego4D's csv of one video's motion to a signal of 200 Hz and its clock. */
final class ImuPreparation {
    private static final double STEP_MS = 1000.0 / DataSetInfo.RATE_HZ;
    private static final double MAX_HZ = 10_000;
    private static final double COVERED = 0.9;

    /**
     * @param referenceRate take the rate as the reference does: see {@link ImuRate}
     * @param even          interpolate onto an even clock first
     */
    record Options(boolean referenceRate, boolean even) {}

    /** @param channels float32 [6][times.length], accelerometer first */
    record Signal(double[] times, float[][] channels, ImuReport report) {
        /** While this waits for the disk, the pool may work on another file. */
        void write(Path signal, Path timestamps) {
            try {
                ForkJoinPool.managedBlock(new ForkJoinPool.ManagedBlocker() {
                    private boolean written;

                    @Override
                    public boolean block() {
                        writeThrough(signal, timestamps);
                        return written = true;
                    }

                    @Override
                    public boolean isReleasable() {
                        return written;
                    }
                });
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        private void writeThrough(Path signal, Path timestamps) {
            Npy.write(signal, Npy.Type.F4, Shape.of(channels.length, times.length), sink -> {
                for (float[] channel : channels) sink.put(MemorySegment.ofArray(channel));
            });
            Npy.write(timestamps, Npy.Type.F8, Shape.of(times.length), sink -> sink.put(MemorySegment.ofArray(times)));
        }
    }

    private final Path file;
    private final Options options;
    private final List<String> notes = new ArrayList<>();
    private double[] times;
    private float[][] channels;

    private ImuPreparation(Path file, Options options) {
        this.file = file;
        this.options = options;
    }

    /**
     * @param videoSec length of the video, to be compared with
     * @throws InputException when the file is none that can be used
     */
    static Signal read(Path file, double videoSec, Options options) {
        return new ImuPreparation(file, options).read(videoSec);
    }

    private Signal read(double videoSec) {
        ImuCsv.Table table = ImuCsv.read(file);
        times = table.times();
        channels = table.channels();
        if (times.length < 2)
            throw InputException.in(file, "has " + times.length + " rows with a " + ImuCsv.TIME + " (of " + table.rows()
                    + "), at least 2 are needed", "");
        int disordered = TimeOrder.disordered(times);
        if (disordered > 0) sort();
        double first = times[0], last = times[times.length - 1];
        if (first == last) throw InputException.in(file, "all rows have the same " + ImuCsv.TIME + ", " + first, "");
        ImuClock clock = ImuClock.of(times);
        double measured = 1000 / (options.even && clock.typicalMs() > 0 ? clock.typicalMs() : clock.meanMs());
        if (!(measured >= 1 && measured <= MAX_HZ))
            throw InputException.in(file, "has a rate of " + number(measured) + " Hz by its " + ImuCsv.TIME + "; expected milliseconds",
                    "");
        ImuRate rate = options.referenceRate ? ImuRate.reference(clock.meanMs()) : ImuRate.near(measured);
        if (options.even) even(1000 / rate.hz());
        if (!rate.isPrepared()) resample(rate, options.even || options.referenceRate ? rate.hz() : measured);
        note(table, clock, !rate.isPrepared(), last / 1000, videoSec);
        long missing = IntStream.range(0, channels.length).mapToLong(c -> table.missing()[c]).sum();
        return new Signal(times, channels, new ImuReport(table.rows(), table.untimed(), missing, disordered, clock, measured, rate.hz(),
                !rate.isPrepared(), times.length, first / 1000, last / 1000, List.copyOf(notes)));
    }

    private void sort() {
        int[] order = TimeOrder.of(times);
        times = TimeOrder.apply(order, times);
        for (int c = 0; c < channels.length; c++) channels[c] = TimeOrder.apply(order, channels[c]);
    }

    /** Straight lines between neighbours, read off every {@code step} milliseconds. */
    private void even(double step) {
        double start = times[0], span = times[times.length - 1] - start;
        double wanted = Math.floor(span / step) + 1;
        if (wanted > 100.0 * times.length)
            throw InputException.in(file, times.length + " samples over " + number(span / 1000) + " s are too few for an even clock", "");
        int n = (int) wanted;
        double[] evenTimes = new double[n];
        float[][] evenChannels = new float[channels.length][n];
        for (int k = 0, i = 0; k < n; k++) {
            double now = start + k * step;
            while (i + 2 < times.length && times[i + 1] <= now) i++;
            double gap = times[i + 1] - times[i], weight = gap == 0 ? 1 : Math.min(1, (now - times[i]) / gap);
            evenTimes[k] = now;
            for (int c = 0; c < channels.length; c++)
                evenChannels[c][k] = (float) (channels[c][i] + weight * ((double) channels[c][i + 1] - channels[c][i]));
        }
        times = evenTimes;
        channels = evenChannels;
    }

    /** @param trueHz rate of the samples in time, where that is not quite the one that is assumed */
    private void resample(ImuRate rate, double trueHz) {
        if (rate.numerator() < 1) throw InputException.in(file, "has less than one sample a second", "");
        var resampler = new Resampler(rate.numerator(), DataSetInfo.RATE_HZ * rate.denominator());
        float[][] source = channels;
        float[][] result = new float[source.length][];
        ForkJoinTask.invokeAll(IntStream.range(0, source.length).<ForkJoinTask<?>>mapToObj(
                c -> ForkJoinTask.adapt(() -> { result[c] = resampler.apply(source[c]); })).toList());
        double step = STEP_MS * rate.hz() / trueHz;
        double[] clock = new double[result[0].length];
        for (int k = 0; k < clock.length; k++) clock[k] = times[0] + k * step;
        times = clock;
        channels = result;
    }

    private void note(ImuCsv.Table table, ImuClock clock, boolean resampled, double lastSec, double videoSec) {
        if (!table.ends()) notes.add("The last line does not end; the file may have been cut off");
        if (clock.gaps() > 0 && !options.even)
            notes.add("The clock has gaps: " + clock.gaps() + ", together " + number(clock.gapsSec()) + " s"
                    + (resampled ? ". The signal was resampled as if they were not there; --even fills them" : ""));
        if (clock.duplicates() > 0) notes.add("Samples that have the time of the one before: " + clock.duplicates());
        if (videoSec > 0 && lastSec < COVERED * videoSec)
            notes.add("It ends at " + number(lastSec) + " s, the video at " + number(videoSec) + " s");
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.4g", value);
    }
}
