package dev.imu2clip.train;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.data.Batch;
import dev.imu2clip.data.BatchLoader;
import dev.imu2clip.data.DataSet;
import dev.imu2clip.data.WindowTable;
import dev.imu2clip.eval.Embeddings;
import dev.imu2clip.imu.EncoderFile;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Npy;
import dev.imu2clip.io.NpyArray;
import dev.imu2clip.io.Progress;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/** Embeds windows with a frozen encoder, batch after batch. */
public final class ImuEmbedder {
    private static final int BATCH = 64;

    private ImuEmbedder() {}

    /** Embeddings of all windows of a table, in its order. */
    public static Embeddings embed(ImuEncoder encoder, Workspace workspace, DataSet data, WindowTable windows, Progress progress) {
        float[] all = new float[Math.multiplyExact(windows.size(), encoder.width())];
        try (BatchLoader loader = new BatchLoader(data, windows, BatchLoader.Options.evaluation(Math.min(BATCH, windows.size())))) {
            encoder.checkLength(loader.samples());
            loader.begin(0, 0);
            int at = 0;
            for (Batch batch = loader.next(); batch != null; batch = loader.next()) {
                float[] embedded = embed(encoder, workspace, batch.signals(), batch.size(), loader.samples());
                System.arraycopy(embedded, 0, all, at, embedded.length);
                at += embedded.length;
                progress.at(at / encoder.width(), windows.size(), "windows embedded");
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

    /**
     * Embeds the windows of an npy file.
     *
     * @param in  (N, 6, T): acceleration x, y, z in m/s², angular velocity x, y, z in rad/s
     * @param out where (N, width) float32 goes
     * @return N
     */
    public static long embedFile(Path encoderFile, Path in, Path out, Backend backend) {
        try (Arena arena = Arena.ofConfined(); EncoderFile.Loaded loaded = EncoderFile.load(encoderFile, backend);
                Workspace workspace = new Workspace(backend, "embed")) {
            NpyArray windows = Npy.map(in, arena);
            Shape shape = windows.shape();
            if (shape.rank() != 3 || shape.size(1) != ImuEncoder.CHANNELS || shape.size(0) == 0)
                throw InputException.in(in, "has shape " + shape,
                        "Expected windows as (N, 6, T): acceleration xyz in m/s², angular velocity xyz in rad/s");
            int samples = Math.toIntExact(shape.size(2));
            checkLength(loaded.encoder(), samples, in);
            long n = shape.size(0), window = 4L * ImuEncoder.CHANNELS * samples;
            MemorySegment batch = arena.allocate(BATCH * window, 64);
            Npy.write(out, Npy.Type.F4, Shape.of(n, loaded.encoder().width()), sink -> {
                for (long row = 0; row < n; row += BATCH) {
                    int rows = (int) Math.min(BATCH, n - row);
                    windows.copyRows(row, rows, batch, 0);
                    requireFinite(in, batch, row, rows, window);
                    float[] embedded = embed(loaded.encoder(), workspace, batch.asSlice(0, rows * window), rows, samples);
                    sink.put(embedded, 0, embedded.length);
                }
            });
            return n;
        }
    }

    /** @throws InputException naming where the windows come from, when the encoder cannot take their length */
    static void checkLength(ImuEncoder encoder, long samples, Path source) {
        try {
            encoder.checkLength(samples);
        } catch (InputException e) {
            throw new InputException(source + ": " + e.getMessage(), e);
        }
    }

    private static void requireFinite(Path file, MemorySegment batch, long row, int rows, long window) {
        for (long i = 0; i < rows * window / 4; i++)
            if (!Float.isFinite(batch.getAtIndex(ValueLayout.JAVA_FLOAT, i)))
                throw InputException.in(file, "window " + (row + i * 4 / window) + " holds a value that is not finite",
                        "Repair or leave out that window");
    }
}
