package dev.imu2clip.autograd;

import dev.imu2clip.TestDevices;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.ops.Activation;
import dev.imu2clip.ops.Elementwise;
import dev.imu2clip.ops.Layout;
import dev.imu2clip.ops.Reduce;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.api.Test;

import java.util.List;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

@ParameterizedClass
@MethodSource("devices")
class TapeTest {
    private final Workspace workspace;
    private Workspace.Mark step;
    private Tape tape;

    TapeTest(String device) {
        workspace = new Workspace(Backends.get(device), "test");
    }

    static List<String> devices() {
        return TestDevices.all();
    }

    @BeforeEach
    void open() {
        step = workspace.step();
        tape = new Tape(workspace);
    }

    @AfterEach
    void close() {
        step.close();
        workspace.close();
    }

    private Tensor tensor(float... values) {
        return tape.empty(DType.F32, values.length).set(values);
    }

    /** A leaf whose gradient starts with rubbish: whatever is not written shows. */
    private Tensor leaf(float... values) {
        Tensor x = tensor(values);
        tape.watch(x, tensor(new float[values.length].clone()).set(filled(values.length, 77)));
        return x;
    }

    private static float[] filled(int n, float value) {
        float[] values = new float[n];
        java.util.Arrays.fill(values, value);
        return values;
    }

    private void assertGradient(Tensor x, float... expected) {
        assertArrayEquals(expected, tape.gradient(x).toFloats(), 1e-5f);
    }

    @Test
    void twoUsesAddUp() {
        Tensor x = leaf(1, 2, 3);
        Tensor y = Elementwise.add(tape, Elementwise.square(tape, x), Elementwise.axpb(tape, x, 5, 0));
        tape.backward(Reduce.sumAll(tape, y));
        assertGradient(x, 7, 9, 11); // 2 x + 5
    }

    @Test
    void oneTensorAsBothInputsOfAnOp() {
        Tensor x = leaf(1, 2, 3);
        tape.backward(Reduce.sumAll(tape, Elementwise.multiply(tape, x, x)));
        assertGradient(x, 2, 4, 6);
    }

    @Test
    void aResultUsedThreeTimesAddsUp() {
        Tensor x = leaf(1, -2);
        Tensor h = Elementwise.axpb(tape, x, 3, 0);
        Tensor y = Elementwise.add(tape, Elementwise.multiply(tape, h, h), h);
        tape.backward(y, tensor(1, 10));
        assertGradient(x, (2 * 3 + 1) * 3, (2 * -6 + 1) * 3 * 10);
        assertGradient(h, 7, -110);
    }

    @Test
    void gradientsFlowThroughViews() {
        Tensor x = leaf(1, 2, 3, 4);
        Tensor square = Elementwise.square(tape, Layout.reshape(tape, Elementwise.axpb(tape, x, 2, 0), 2, 2));
        tape.backward(square, tape.empty(DType.F32, 2, 2).set(1, 10, 100, 1000));
        assertGradient(x, 8, 160, 2400, 32_000); // 2 (2x) 2
    }

    @Test
    void aViewOfALeafWritesToTheLeafsGradient() {
        Tensor x = leaf(1, 2, 3, 4);
        Tensor home = tape.gradient(x);
        assertNull(home, "no gradient before backward");
        tape.backward(Reduce.sumAll(tape, Elementwise.square(tape, Layout.reshape(tape, x, 2, 2))));
        assertGradient(x, 2, 4, 6, 8);
    }

    @Test
    void aViewAndItsSourceAddUp() {
        Tensor x = leaf(1, 2);
        Tensor h = Elementwise.axpb(tape, x, 1, 0);
        Tensor y = Elementwise.add(tape, Layout.reshape(tape, Layout.reshape(tape, h, 2, 1), 2), Elementwise.square(tape, h));
        tape.backward(Reduce.sumAll(tape, y));
        assertGradient(x, 3, 5);
    }

    @Test
    void whatNoPathReachesStaysUntouched() {
        Tensor used = leaf(1, 2), unused = leaf(3, 4);
        Tensor dead = Elementwise.square(tape, unused);
        tape.backward(Reduce.sumAll(tape, Elementwise.square(tape, used)));
        assertGradient(used, 2, 4);
        assertNull(tape.gradient(unused), "none reached it");
        assertNull(tape.gradient(dead));
        assertFalse(tape.watches(tensor(1)));
        assertTrue(tape.watches(null, unused));
    }

    @Test
    void onlyWatchedInputsGetGradients() {
        Tensor x = leaf(1, 2), constant = tensor(5, 7);
        Tensor view = x.reshape(2); // a plain view is another tensor: nothing flows through it
        tape.backward(Reduce.sumAll(tape, Elementwise.multiply(tape, Elementwise.multiply(tape, x, constant), view)));
        assertGradient(x, 5, 14);
        assertNull(tape.gradient(constant));
    }

    @Test
    void anOpWithoutBackwardIsAnError() {
        Tensor x = leaf(1, 2);
        String message = assertThrows(UnsupportedOperationException.class, () -> tape.recordConstant("rank", tensor(0, 1), x)).getMessage();
        assertTrue(message.contains("'rank' has no backward"), message);
        Tensor constant = tensor(3);
        assertSame(constant, tape.recordConstant("rank", constant, tensor(1)));
    }

    @Test
    void misuseIsNamed() {
        Tensor x = leaf(1, 2);
        assertThrows(IllegalArgumentException.class, () -> tape.watch(tensor(1, 2), tensor(1)));
        Tensor two = Elementwise.square(tape, x);
        assertTrue(assertThrows(IllegalArgumentException.class, () -> tape.backward(two)).getMessage().contains("(2,)"));
        var unrelated = assertThrows(IllegalStateException.class, () -> tape.backward(tensor(1)));
        assertTrue(unrelated.getMessage().contains("nothing to differentiate"));
    }

    @Test
    void detachStopsGradients() {
        Tensor x = leaf(3, -2);
        Tensor constant = tape.detach(x);
        assertArrayEquals(x.toFloats(), constant.toFloats());
        assertFalse(tape.watches(constant));
        tape.backward(Reduce.sumAll(tape, Elementwise.multiply(tape, x, constant)));
        assertArrayEquals(new float[] {3, -2}, tape.gradient(x).toFloats());
    }

    @Test
    void aCotangentOfAnotherShapeOrTypeIsRefused() {
        Tensor y = Elementwise.square(tape, leaf(1, 2));
        assertTrue(assertThrows(IllegalArgumentException.class, () -> tape.backward(y, tensor(1, 2, 3))).getMessage().contains("(3,)"));
        assertThrows(IllegalArgumentException.class, () -> tape.backward(y, tape.empty(DType.F64, 2)));
        assertThrows(IllegalArgumentException.class, () -> tape.watch(tensor(1, 2), tape.empty(DType.F64, 2)));
    }

    @Test
    void aTapeIsDifferentiatedOnce() {
        Tensor y = Elementwise.square(tape, leaf(1, 2));
        tape.backward(y, tensor(1, 1));
        assertTrue(assertThrows(IllegalStateException.class, () -> tape.backward(y, tensor(1, 1))).getMessage().contains("already"));
    }

    @Test
    void theGradientOfALeafItselfIsTheCotangent() {
        Tensor x = tensor(1, 2), gradient = tensor(0, 0);
        tape.watch(x, gradient);
        tape.backward(x, tensor(5, 6));
        assertArrayEquals(new float[] {5, 6}, gradient.toFloats());
    }

    @Test
    void aFrozenPartKeepsOnlyItsResult() {
        Tensor x = tensor(-1, 2);
        leaf(1, 2); // something else is watched
        Tensor[] inner = new Tensor[1];
        long before = tape.empty(DType.F32, 1).address();
        Tensor y = tape.keepOnlyResult(x, () -> {
            for (int i = 0; i < 50; i++) tape.empty(DType.F32, 1000);
            return inner[0] = Activation.relu(tape, x);
        });
        assertArrayEquals(new float[] {0, 2}, y.toFloats());
        assertThrows(IllegalStateException.class, inner[0]::toFloats);
        assertEquals(before + 128, tape.empty(DType.F32, 1).address(), "one result lies between");
    }

    @Test
    void whatBackwardNeedsCannotBeGivenBack() {
        Tensor x = leaf(-1, 2);
        String message = assertThrows(IllegalStateException.class,
                () -> tape.keepOnlyResult(x, () -> Elementwise.square(tape, Activation.relu(tape, x)))).getMessage();
        assertTrue(message.contains("'square'"), message);
    }

    @Test
    void backwardGivesItsScratchBack() {
        Tensor x = leaf(filled(1000, 1));
        Tensor y = x;
        for (int i = 0; i < 20; i++) y = Elementwise.add(tape, Elementwise.multiply(tape, y, x), x);
        long before = tape.empty(DType.F32, 1).address();
        tape.backward(Reduce.sumAll(tape, y));
        assertNotNull(tape.gradient(x));
        long taken = tape.empty(DType.F32, 1).address() - before;
        // Every result (2 a round) has a gradient of 4 KB; what accumulating needed is free again.
        assertTrue(taken <= 42 * 4032 + 1024, "bytes taken: " + taken);
    }
}
