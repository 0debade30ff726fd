package dev.imu2clip.ops;

import dev.imu2clip.TestDevices;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;

import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.fail;

/**
 * An op against PyTorch's numbers, on every device. The file {@code goldens/<op>.safetensors} is written by a script of
 * {@code tools/goldens}: for each case inputs {@code .x0, .x1 ...}, result {@code .y}, cotangent {@code .dy} and gradients
 * {@code .dx0 ...}. Closing fails when a case of the file was not checked.
 * <pre>{@code
 * try (var goldens = GoldenCheck.open("softmax")) {
 *     goldens.check("small", (tape, x) -> Softmax.softmax(tape, x[0]));
 * }
 * }</pre>
 */
public final class GoldenCheck implements AutoCloseable {
    private final Safetensors file;
    private final Set<String> unchecked;
    private boolean failed;

    private GoldenCheck(Safetensors file) {
        this.file = file;
        this.unchecked = file.names().stream().filter(name -> name.endsWith(".y")).map(name -> name.substring(0, name.length() - 2))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    public static GoldenCheck open(String op) {
        URL resource = GoldenCheck.class.getResource("/goldens/" + op + ".safetensors");
        if (resource == null) return fail("no goldens for '" + op + "'; run the script of tools/goldens that writes them");
        try {
            return new GoldenCheck(Safetensors.open(Path.of(resource.toURI())));
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    /** Runs a case on every device: results to 1e-6 + 1e-3 relative, gradients to 1e-4 + 1e-3 relative. */
    public void check(String name, OpCheck.Op op) {
        boolean passed = false;
        try {
            if (!unchecked.remove(name)) fail("the goldens hold no case '" + name + "', or it was checked before");
            for (String device : TestDevices.all()) check(device, name, op);
            passed = true;
        } finally {
            failed |= !passed;
        }
    }

    private void check(String device, String name, OpCheck.Op op) {
        int inputs = 0;
        while (file.entries().containsKey(name + ".x" + inputs)) inputs++;
        try (Workspace workspace = new Workspace(Backends.get(device), name); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            Tensor[] x = new Tensor[inputs], dx = new Tensor[inputs];
            for (int i = 0; i < inputs; i++) {
                x[i] = put(tape, file.require(name + ".x" + i));
                if (file.entries().containsKey(name + ".dx" + i)) tape.watch(x[i], dx[i] = tape.like(x[i]));
            }
            Tensor y = op.apply(tape, x);
            compare(device, name + ".y", y, 1e-6);
            if (!file.entries().containsKey(name + ".dy")) return;
            tape.backward(y, put(tape, file.require(name + ".dy")));
            for (int i = 0; i < inputs; i++)
                if (dx[i] != null) {
                    assertNotNull(tape.gradient(x[i]), device + " " + name + ": no gradient reached input " + i);
                    compare(device, name + ".dx" + i, dx[i], 1e-4);
                }
        }
    }

    private static Tensor put(Tape tape, Safetensors.Entry entry) {
        return tape.empty(entry.dtype(), entry.shape().sizes()).set(entry.bytes());
    }

    private void compare(String device, String name, Tensor actual, double absolute) {
        Safetensors.Entry entry = file.require(name, actual.shape());
        assertEquals(DType.F32, entry.dtype(), name);
        Reals expected = Reals.of(entry.bytes(), entry.dtype());
        double[] values = Tensors.get(actual);
        for (int i = 0; i < values.length; i++) {
            double want = expected.get(i);
            if (Double.compare(want, values[i]) != 0 && !(Math.abs(want - values[i]) <= absolute + 1e-3 * Math.abs(want)))
                fail(device + " " + name + " [" + i + "]: PyTorch has " + want + ", ours is " + values[i]);
        }
    }

    @Override
    public void close() {
        file.close();
        if (!failed && !unchecked.isEmpty()) fail("cases of the goldens that were not checked: " + unchecked);
    }
}
