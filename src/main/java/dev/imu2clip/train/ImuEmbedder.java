package dev.imu2clip.train;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.data.Batch;
import dev.imu2clip.data.BatchLoader;
import dev.imu2clip.data.DataSet;
import dev.imu2clip.data.WindowTable;
import dev.imu2clip.eval.Embeddings;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.tensor.DType;

import java.lang.foreign.MemorySegment;
import java.util.function.IntConsumer;

/** Embeds windows with a frozen encoder, batch after batch. */
public final class ImuEmbedder {
    private static final int BATCH = 64;

    private ImuEmbedder() {}

    /** Embeddings of all windows of a table, in its order; {@code done} hears how many more are done after each batch. */
    public static Embeddings embed(ImuEncoder encoder, Workspace workspace, DataSet data, WindowTable windows, IntConsumer done) {
        float[] all = new float[Math.multiplyExact(windows.size(), encoder.width())];
        try (BatchLoader loader = new BatchLoader(data, windows, BatchLoader.Options.evaluation(Math.min(BATCH, windows.size())))) {
            encoder.checkLength(loader.samples());
            loader.begin(0, 0);
            int at = 0;
            for (Batch batch = loader.next(); batch != null; batch = loader.next()) {
                float[] embedded = embed(encoder, workspace, batch.signals(), batch.size(), loader.samples());
                System.arraycopy(embedded, 0, all, at, embedded.length);
                at += embedded.length;
                done.accept(batch.size());
            }
        }
        return new Embeddings(all, windows.size(), encoder.width());
    }

    /** Embeddings (n, width) of float32 signals (n, 6, samples). */
    public static float[] embed(ImuEncoder encoder, Workspace workspace, MemorySegment signals, int n, int samples) {
        try (var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            return encoder.encode(tape, tape.empty(DType.F32, n, ImuEncoder.CHANNELS, samples).set(signals)).toFloats();
        }
    }
}
