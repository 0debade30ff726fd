package dev.imu2clip.backend;

import java.util.Comparator;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/** Where the time goes: {@code -Dimu2clip.profile=true} prints calls and time of every kernel when the program ends. */
final class Profile {
    static final boolean ON = Boolean.getBoolean("imu2clip.profile");
    private static final Map<String, Row> ROWS = new ConcurrentHashMap<>();

    private record Row(LongAdder calls, LongAdder nanos, LongAdder bytes) {}

    static {
        if (ON) Runtime.getRuntime().addShutdownHook(new Thread(Profile::print));
    }

    private Profile() {}

    /** Runs a kernel and waits for it, so that its time is its own. */
    static void run(Backend backend, Kernel kernel, Args args) {
        long start = System.nanoTime();
        backend.run(kernel, args);
        backend.synchronize();
        long nanos = System.nanoTime() - start;
        Row row = ROWS.computeIfAbsent(kernel.name(), _ -> new Row(new LongAdder(), new LongAdder(), new LongAdder()));
        row.calls.increment();
        row.nanos.add(nanos);
        row.bytes.add(args.tensorBytes());
    }

    private static void print() {
        double total = ROWS.values().stream().mapToLong(row -> row.nanos.sum()).sum();
        System.err.printf(Locale.ROOT, "%-28s %9s %11s %10s %8s %7s%n", "kernel", "calls", "total ms", "us a call", "GB/s", "share");
        ROWS.entrySet().stream().sorted(Comparator.comparing(entry -> -entry.getValue().nanos.sum())).forEach(entry -> {
            long nanos = entry.getValue().nanos.sum(), calls = entry.getValue().calls.sum();
            System.err.printf(Locale.ROOT, "%-28s %9d %11.2f %10.1f %8.1f %6.1f%%%n", entry.getKey(), calls, nanos / 1e6,
                    nanos / 1e3 / calls,
                    entry.getValue().bytes.sum() / (double) nanos, 100 * nanos / total);
        });
    }
}
