package dev.imu2clip.check;

import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.backend.ForwardingBackend;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.backend.MissingKernelException;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * A device of which every kernel call is compared with the kernel's definition, in float64 on the same numbers: whatever runs on it is
 * a test of the kernels it is made of. Where a kernel is missing or fails, the definition's results stand for its own, and the work goes
 * on.
 */
final class CheckingBackend extends ForwardingBackend {
    /** What came of a call. */
    record Checked(Kernel kernel, String types, String implementation, String sizes, double error, long nanos, String status, String detail) {}

    static final String OK = "ok", FAILED = "failed", MISSING = "missing";

    private final Backend java = Backends.get("java");
    private final Predicate<Kernel> chosen;
    private final Consumer<Checked> results;

    CheckingBackend(Backend device, Predicate<Kernel> chosen, Consumer<Checked> results) {
        super(device);
        this.chosen = chosen;
        this.results = results;
    }

    @Override
    public void run(Kernel kernel, Args args) {
        if (!chosen.test(kernel)) {
            super.run(kernel, args);
            return;
        }
        try (Call call = new Call(kernel, args)) {
            results.accept(check(call, kernel, args));
        }
    }

    private Checked check(Call call, Kernel kernel, Args args) {
        String types = args.types(), sizes = call.sizes();
        // Whatever runs for the definition has other arguments, which it writes to this thread's block: so the device comes first.
        try {
            call.prepare();
            device.run(kernel, args);
            List<MemorySegment> first = call.outputs();
            call.prepare();
            device.synchronize();
            long start = System.nanoTime();
            device.run(kernel, args);
            device.synchronize();
            long nanos = System.nanoTime() - start;
            List<MemorySegment> second = call.outputs();
            double error = call.compare(java);
            String implementation = device.implementation(kernel, types);
            for (int i = 0; i < first.size(); i++)
                if (first.get(i).mismatch(second.get(i)) >= 0)
                    return new Checked(kernel, types, implementation, sizes, error, nanos, FAILED, "gives other bits when it runs again");
            return new Checked(kernel, types, implementation, sizes, error, nanos, OK, null);
        } catch (MissingKernelException e) {
            call.replace(java);
            return new Checked(kernel, types, "", sizes, 0, 0, MISSING, e.getMessage());
        } catch (RuntimeException e) {
            call.replace(java);
            return new Checked(kernel, types, device.implementation(kernel, types), sizes, 0, 0, FAILED, e.toString());
        }
    }
}
