package dev.imu2clip.memory;

import dev.imu2clip.backend.Backends;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class WorkspaceTest {
    private static final long MEGABYTE = 1 << 20;

    private final Workspace workspace = new Workspace(Backends.get("java"), "test");

    @AfterEach
    void close() {
        workspace.close();
    }

    private Tensor tensor(long count) {
        return Tensor.in(workspace, Shape.of(count), DType.F32);
    }

    private static void assertGone(Tensor tensor) {
        String message = assertThrows(IllegalStateException.class, tensor::toFloats).getMessage();
        assertTrue(message.contains("F32 (" + tensor.count() + ",)") && message.contains("workspace 'test'"), message);
        assertThrows(IllegalStateException.class, tensor::address);
        assertThrows(IllegalStateException.class, tensor::segment);
        assertThrows(IllegalStateException.class, tensor::clear);
    }

    @Test
    void aTensorDiesWithItsStep() {
        Tensor first;
        try (var _ = workspace.step()) {
            first = tensor(5).set(1, 2, 3, 4, 5);
            assertEquals(3, first.toFloats()[2]);
        }
        assertGone(first);
        try (var _ = workspace.step()) {
            Tensor second = tensor(5).set(6, 7, 8, 9, 10);
            assertGone(first);
            assertGone(first.view(1, 2).reshape(2, 1).reshape(2));
            assertEquals(10, second.toFloats()[4]);
        }
    }

    @Test
    void nestedScratchFallsBackToItsMark() {
        try (var _ = workspace.step()) {
            Tensor outer = tensor(3).set(1, 2, 3);
            Tensor inner, innermost;
            long place;
            try (var _ = workspace.scratch()) {
                inner = tensor(7).clear();
                place = inner.address();
                try (var _ = workspace.scratch()) {
                    innermost = tensor(9);
                    innermost.clear();
                }
                assertGone(innermost);
                assertEquals(0, inner.toFloats()[6]);
            }
            assertGone(inner);
            assertEquals(2, outer.toFloats()[1]);
            assertEquals(place, tensor(7).address(), "the scratch's memory is used again");
            assertGone(inner);
        }
    }

    @Test
    void addressesRepeatAfterTheSecondStep() {
        List<Long> addresses = null;
        long allocations = 0;
        for (int step = 0; step < 6; step++) {
            List<Long> now = new ArrayList<>();
            try (var _ = workspace.step()) {
                for (long size : new long[] {1, MEGABYTE, 17, 3 * MEGABYTE, 5 * MEGABYTE}) {
                    now.add(tensor(size).address());
                    try (var _ = workspace.scratch()) {
                        now.add(tensor(size).address());
                    }
                }
            }
            for (long address : now) assertEquals(0, address % 64, "aligned");
            if (step >= 2) {
                assertEquals(addresses, now);
                assertEquals(allocations, workspace.allocations());
            }
            addresses = now;
            allocations = workspace.allocations();
        }
    }

    @Test
    void severalSlabsBecomeOneThatHoldsThemAll() {
        try (var _ = workspace.step()) {
            for (int i = 0; i < 4; i++) tensor(MEGABYTE);
            assertTrue(workspace.allocations() > 1);
            assertTrue(workspace.peakBytes() >= 16 * MEGABYTE);
        }
        long merged = workspace.allocations();
        try (var _ = workspace.step()) {
            long first = tensor(MEGABYTE).address();
            for (int i = 1; i < 4; i++) assertEquals(first + 4 * MEGABYTE * i, tensor(MEGABYTE).address(), "side by side in one slab");
        }
        assertEquals(merged, workspace.allocations());
        assertEquals(workspace.peakBytes(), workspace.capacity(), "no more than was in use at once");
    }

    @Test
    void sizesThatCannotBeAreRefused() {
        try (var _ = workspace.step()) {
            assertThrows(IllegalArgumentException.class, () -> workspace.allocate(-1));
            assertThrows(IllegalArgumentException.class, () -> workspace.allocate(Long.MAX_VALUE));
            assertThrows(IllegalArgumentException.class, () -> tensor(1L << 62));
            assertEquals(0, workspace.allocations());
        }
        assertThrows(IllegalArgumentException.class, () -> new Slab(Backends.get("java"), "less than nothing", 64, -1, null, () -> {}));
    }

    @Test
    void wrongUseIsNamed() {
        assertTrue(assertThrows(IllegalStateException.class, () -> tensor(1)).getMessage().contains("workspace 'test': open a step"));
        assertTrue(assertThrows(IllegalStateException.class, workspace::scratch).getMessage().contains("'test'"));
        try (var step = workspace.step()) {
            assertThrows(IllegalStateException.class, workspace::step);
            var inner = workspace.scratch();
            assertTrue(assertThrows(IllegalStateException.class, step::close).getMessage().contains("inner scratch"));
            inner.close();
            inner.close();
        }
    }

    @Test
    void afterCloseNothingWorks() {
        Tensor tensor;
        try (var _ = workspace.step()) {
            tensor = tensor(2);
            workspace.close();
            assertThrows(IllegalStateException.class, () -> tensor(2));
        }
        assertThrows(IllegalStateException.class, tensor::toFloats);
        assertTrue(assertThrows(IllegalStateException.class, workspace::step).getMessage().contains("workspace 'test' was closed"));
        Slab slab = Backends.get("java").allocate(64, "four numbers");
        Tensor over = Tensor.in(slab, 0, Shape.of(4), DType.F32);
        slab.close();
        slab.close();
        assertTrue(assertThrows(IllegalStateException.class, over::toFloats).getMessage().contains("'four numbers' was closed"));
    }

    @Test
    void debugModeFillsWithNaN() {
        try (Workspace poisoned = new Workspace(Backends.get("java"), "poisoned", true)) {
            for (int step = 0; step < 2; step++) {
                try (var _ = poisoned.step()) {
                    Tensor tensor = Tensor.in(poisoned, Shape.of(33), DType.F32);
                    for (float value : tensor.toFloats()) assertTrue(Float.isNaN(value));
                    tensor.clear();
                }
            }
        }
    }
}
