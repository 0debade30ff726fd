package dev.imu2clip.check;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.backend.Precision;
import dev.imu2clip.check.CheckingBackend.Checked;
import dev.imu2clip.io.Progress;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;

/**
 * Every kernel of the engine on a device, forward and backward, against its definition in float64 on the same numbers: in float32, and
 * where the device computes in them, with TF32 and in bfloat16. Every call runs twice and must give the same bits.
 */
public final class SelfTest {
    /** Errors are relative to the largest magnitude of a tensor. */
    private static final double FLOAT32 = 1e-5, TF32 = 2e-3, SIXTEEN_BITS = 0.01;

    /**
     * A kernel in one precision.
     *
     * @param implementation what ran it: see {@link Backend#implementation}
     * @param types          element types of its floating-point tensors, but those that are always float32
     * @param calls          how many calls were compared
     * @param error          the largest error of a call, relative to the largest magnitude of the tensor it is in
     * @param sizes          the call with that error
     * @param microseconds   time of that call, started alone and waited for
     * @param status         {@code ok}, {@code failed}, {@code missing} on this device, or {@code not run}: a gap of the test
     * @param detail         why it failed, or null
     */
    public record Row(String kernel, String precision, String types, String implementation, int calls, double error, double allowed,
                      String sizes, double microseconds, String status, String detail) {
        private Row with(Row other) {
            Row worse = rank(other) > rank(this) || rank(other) == rank(this) && other.error > error ? other : this;
            return new Row(kernel, precision, types, worse.implementation, calls + other.calls, worse.error, allowed, worse.sizes,
                    worse.microseconds, worse.status, worse.detail);
        }

        private static int rank(Row row) {
            return row.status.equals(CheckingBackend.OK) ? 0 : row.status.equals(CheckingBackend.MISSING) ? 1 : 2;
        }
    }

    /** @param failures cases that could not be run to their end, with the reason */
    public record Report(String device, String description, boolean ok, List<Row> kernels, List<String> failures) {}

    private final Backend backend;
    private final Predicate<String> names;
    private final Progress progress;
    private final Map<String, Row> rows = new TreeMap<>();
    private final List<String> failures = new ArrayList<>();

    private SelfTest(Backend backend, Predicate<String> names, Progress progress) {
        this.backend = backend;
        this.names = names;
        this.progress = progress;
    }

    /**
     * @param names    which kernels to look at, by name
     * @param progress hears what is tested next
     */
    public static Report run(Backend backend, Predicate<String> names, Progress progress) {
        SelfTest test = new SelfTest(backend, names, progress);
        for (Precision precision : Precision.of(backend)) test.run(precision);
        Precision.FP32.choose(backend);
        boolean ok = test.failures.isEmpty() && test.rows.values().stream().allMatch(row -> row.status.equals(CheckingBackend.OK));
        return new Report(backend.name(), backend.describe(), ok, List.copyOf(test.rows.values()), test.failures);
    }

    private void run(Precision precision) {
        precision.choose(backend);
        Set<Kernel> seen = new HashSet<>();
        CheckingBackend checking = new CheckingBackend(backend, kernel -> names.test(kernel.name()), checked -> {
            seen.add(checked.kernel());
            note(precision, checked);
        });
        List<Cases.Case> cases = Cases.ALL.stream().filter(one -> precision != Precision.TF32 || one.products()).toList();
        for (Cases.Case one : cases) {
            progress.at(cases.indexOf(one), cases.size(), precision + ", " + one.name());
            try {
                run(one, checking, precision.dtype());
            } catch (RuntimeException e) {
                failures.add(precision + ", " + one.name() + ": " + e);
            }
        }
        if (precision == Precision.TF32) return;
        for (Kernel kernel : Kernel.all())
            if (!seen.contains(kernel) && names.test(kernel.name()))
                put(new Row(kernel.name(), precision.toString(), "", "", 0, 0, 0, "", 0, "not run", null));
    }

    private static void run(Cases.Case one, Backend backend, DType dtype) {
        try (Workspace workspace = new Workspace(backend, one.name()); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            Inputs inputs = new Inputs(backend, tape, dtype, one.name().hashCode());
            Tensor y = one.op().apply(tape, inputs);
            if (y == null || !tape.watches(y)) return;
            Inputs cotangents = new Inputs(backend, tape, y.dtype(), 1);
            tape.backward(y, cotangents.constant(y.shape().sizes()));
        }
    }

    private void note(Precision precision, Checked checked) {
        String types = checked.types().isEmpty() ? "f32" : checked.types().substring(1).replace('_', ' ');
        // A kernel with a tensor of 16 bits rounds, also where the test is of float32; one without does not, unless it has products in TF32.
        double allowed = !checked.types().isEmpty() ? SIXTEEN_BITS : precision == Precision.TF32 ? TF32 : FLOAT32;
        String status = checked.status().equals(CheckingBackend.OK) && !(checked.error() <= allowed) ? CheckingBackend.FAILED : checked.status();
        put(new Row(checked.kernel().name(), precision.toString(), types, checked.implementation(), 1, checked.error(), allowed,
                checked.sizes(), checked.nanos() / 1e3, status, checked.detail()));
    }

    private void put(Row row) {
        rows.merge(row.kernel + " " + row.precision + " " + row.types, row, Row::with);
    }
}
