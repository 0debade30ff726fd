package dev.imu2clip.bench;

import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Precision;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Times of kernels, of the pre-training step and of the towers on a device: warmed up, waited for before the clock is read, repeated until
 * a time budget is used up. Kernels are queued several at once, so that the time between two of them does not count.
 */
public final class Bench {
    private static final int LEAST_REPEATS = 5, MOST_REPEATS = 1000, WARM_UPS = 3;
    /** A sample of queued work takes at least this long. */
    private static final double SAMPLE_NANOS = 2e6;

    /**
     * @param names   words that a benchmark's name must begin with, one of them; empty for all
     * @param seconds how long to measure each
     * @param steps   batches of the pre-training step
     * @param towers  batches of the towers
     */
    public record Options(List<String> names, double seconds, List<Integer> steps, List<Integer> towers, List<Precision> precisions) {}

    /**
     * @param microseconds median of the repeats
     * @param low          their 10th percentile
     * @param high         their 90th
     * @param gflops       products' multiplications and additions a nanosecond, or null where it has none that count
     * @param gbytes       bytes of the kernels' tensors a nanosecond, an upper bound of what memory delivers
     * @param kernels      kernel calls in one
     */
    public record Result(String name, String precision, int batch, String sizes, double microseconds, double low, double high, int repeats,
                         Double gflops, double gbytes, long kernels) {}

    /** What could not be measured, with the reason. */
    public record Failure(String name, String precision, int batch, String reason) {}

    public record Report(List<Result> results, List<Failure> failures) {}

    private Bench() {}

    /** Names of all benchmarks. */
    public static List<String> names() {
        return Catalogue.of(List.of(1), List.of(1)).stream().map(Benchmark::name).distinct().toList();
    }

    /** @param heard hears every result as it is there */
    public static Report run(Backend backend, Options options, Consumer<Result> heard) {
        List<Result> results = new ArrayList<>();
        List<Failure> failures = new ArrayList<>();
        for (Benchmark one : Catalogue.of(options.steps, options.towers)) {
            if (!options.names.isEmpty() && options.names.stream().noneMatch(one.name()::startsWith)) continue;
            for (Precision precision : options.precisions)
                try {
                    Result result = measure(backend, one, precision, options.seconds);
                    results.add(result);
                    heard.accept(result);
                } catch (RuntimeException | OutOfMemoryError e) {
                    failures.add(new Failure(one.name(), precision.toString(), one.batch(), e.toString()));
                }
        }
        Precision.FP32.choose(backend);
        return new Report(results, failures);
    }

    private static Result measure(Backend backend, Benchmark one, Precision precision, double seconds) {
        Meter meter = new Meter(backend);
        try (Work work = one.setup().open(meter, precision)) {
            meter.reset();
            work.run();
            long calls = meter.calls(), bytes = meter.bytes();
            long once = 0;
            for (int i = 0; i < WARM_UPS; i++) once = time(work, backend, 1);
            int batch = one.queue() ? (int) Math.clamp(SAMPLE_NANOS / Math.max(1, once), 1, 1000) : 1;
            List<Double> samples = new ArrayList<>();
            long end = System.nanoTime() + (long) (1e9 * seconds);
            while (samples.size() < LEAST_REPEATS || System.nanoTime() < end && samples.size() < MOST_REPEATS)
                samples.add((double) time(work, backend, batch) / batch);
            double[] sorted = samples.stream().mapToDouble(Double::doubleValue).sorted().toArray();
            double median = at(sorted, 0.5);
            return new Result(one.name(), precision.toString(), one.batch(), one.sizes(), median / 1e3, at(sorted, 0.1) / 1e3,
                    at(sorted, 0.9) / 1e3, sorted.length, one.flops() == 0 ? null : one.flops() / median, bytes / median, calls);
        }
    }

    private static long time(Work work, Backend backend, int times) {
        backend.synchronize();
        long start = System.nanoTime();
        for (int i = 0; i < times; i++) work.run();
        backend.synchronize();
        return System.nanoTime() - start;
    }

    private static double at(double[] sorted, double share) {
        return sorted[(int) Math.round(share * (sorted.length - 1))];
    }
}
