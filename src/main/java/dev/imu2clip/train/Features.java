package dev.imu2clip.train;

import dev.imu2clip.eval.Embeddings;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * One modality of a split's windows, embedded.
 *
 * @param rows     embeddings, each once
 * @param ofWindow the row of each window
 */
record Features(Embeddings rows, int[] ofWindow) {
    /** Writes the embedding of a window as row {@code row} of a float32 matrix (n, width). */
    void copy(int window, MemorySegment target, int row) {
        int width = rows.size();
        MemorySegment.copy(rows.values(), ofWindow[window] * width, target, ValueLayout.JAVA_FLOAT, 4L * width * row, width);
    }

    /** The embedding of every window. */
    Embeddings all() {
        return rows.select(ofWindow);
    }
}
