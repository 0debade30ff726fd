package dev.imu2clip.media;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class FrameSelectionTest {
    @Test
    void windowsHaveFramesAtTheTargetRate() {
        assertEquals(50, FrameSelection.frames(3, 8, 10));
        assertEquals(25, FrameSelection.frames(0.1, 2.6, 10));
        assertEquals(1, FrameSelection.frames(4, 4, 10));
        assertThrows(IllegalArgumentException.class, () -> FrameSelection.frames(5, 4, 10));
        assertThrows(IllegalArgumentException.class, () -> FrameSelection.frames(4, 5, 0));
        assertThrows(IllegalArgumentException.class, () -> FrameSelection.frames(Double.NaN, 5, 1));
    }

    @Test
    void framesAreThoseOfTheReference() {
        assertArrayEquals(new int[] {25}, FrameSelection.ONE.indices(50));
        assertArrayEquals(new int[] {12}, FrameSelection.ONE.indices(25));
        assertArrayEquals(new int[] {0, 25, 49}, FrameSelection.SUM.indices(50));
        assertArrayEquals(new int[] {0, 0, 0}, FrameSelection.SUM.indices(1));
        assertArrayEquals(new double[] {3, 5.5, 7.9}, FrameSelection.SUM.times(3, 8, 10), 1e-12);
    }

    /** torch.linspace(0, frames - 1, kept).long() of PyTorch 2.14. */
    @Test
    void aPreparedWindowKeepsTheFramesOfTheReference() {
        var all = new FrameSelection(FrameSelection.Mode.MEAN, 10);
        assertArrayEquals(new double[] {0, 5, 10, 16, 21, 27, 32, 38, 43, 49}, numbers(all, 0, 5, 10), 1e-9);
        assertArrayEquals(new double[] {0, 0, 1, 2, 2, 3, 4, 4, 5, 6}, numbers(all, 0, 0.7, 10), 1e-9);
        assertArrayEquals(new double[] {0, 11, 22, 33, 44, 55, 66, 77, 88, 99}, numbers(all, 0, 10, 10), 1e-9);
        assertArrayEquals(new double[] {0, 8, 16, 25, 33, 41, 50}, numbers(all, 0, 5.1, 7), 1e-9);
        assertArrayEquals(new double[] {57}, numbers(FrameSelection.ONE, 3, 8, 10), 1e-9);
        assertArrayEquals(new double[] {30, 57, 79}, numbers(FrameSelection.SUM, 3, 8, 10), 1e-9);
        assertArrayEquals(new double[] {55}, numbers(FrameSelection.ONE, 3, 8, 50), 1e-9, "all frames kept");
        assertArrayEquals(new double[] {30}, numbers(FrameSelection.ONE, 3, 8, 1), 1e-9);
    }

    /** The numbers of the frames whose middles are asked for. */
    private static double[] numbers(FrameSelection selection, double start, double end, int kept) {
        return java.util.Arrays.stream(selection.times(start, end, 10, kept)).map(time -> time * 10 - 0.5).toArray();
    }

    @Test
    void aMeanIsOverTheMiddlesOfEqualParts() {
        assertArrayEquals(new int[] {6, 18, 31, 43}, FrameSelection.mean(4).indices(50));
        assertArrayEquals(new int[] {25}, FrameSelection.mean(1).indices(50));
        assertArrayEquals(new int[] {0, 1, 2}, FrameSelection.mean(8).indices(3));
        assertThrows(IllegalArgumentException.class, () -> FrameSelection.mean(0));
    }

    @Test
    void onlyAMeanIsScaled() {
        assertEquals(1, FrameSelection.ONE.scale(1));
        assertEquals(1, FrameSelection.SUM.scale(3));
        assertEquals(0.25f, FrameSelection.mean(8).scale(4));
    }
}
