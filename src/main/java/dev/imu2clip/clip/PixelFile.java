package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Npy;
import dev.imu2clip.io.NpyArray;
import dev.imu2clip.io.Sha256;
import dev.imu2clip.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Set;

/**
 * Preprocessed images in an npy file: (N, 3, resolution, resolution), float32, or float16 or float64, which are converted. Whole numbers
 * are refused, since pixels of 0 to 255 are not what the tower takes.
 */
public final class PixelFile extends ImageSource implements AutoCloseable {
    private static final Set<Npy.Type> FLOATS = Set.of(Npy.Type.F4, Npy.Type.F2, Npy.Type.F8);

    private final Path file;
    private final Arena arena = Arena.ofShared();
    private final NpyArray array;
    private final int pixels;

    private PixelFile(Path file, int resolution) {
        super(false);
        this.file = file;
        this.pixels = ImageConfig.CHANNELS * resolution * resolution;
        try {
            array = Npy.map(file, arena);
            Shape shape = array.shape();
            String expected = "Expected preprocessed pixels as (N, 3, " + resolution + ", " + resolution + "), float32";
            if (!FLOATS.contains(array.type())) throw InputException.in(file, "has elements of type " + array.type(), expected);
            if (shape.rank() != 4 || shape.size(0) < 1 || shape.size(0) > Integer.MAX_VALUE || shape.size(1) != ImageConfig.CHANNELS
                    || shape.size(2) != resolution || shape.size(3) != resolution)
                throw InputException.in(file, "has shape " + shape, expected);
        } catch (RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    /**
     * @param resolution of the tower
     * @throws InputException when the file is missing, damaged or of another shape or type
     */
    public static PixelFile open(Path file, int resolution) {
        return new PixelFile(file, resolution);
    }

    @Override
    public int count() {
        return (int) array.shape().size(0);
    }

    @Override
    public EmbeddingCache.Key key(int image) {
        float[] values = new float[pixels];
        array.copyRows(image, 1, MemorySegment.ofArray(values), 0);
        byte[] bytes = MemorySegment.ofArray(values).toArray(ValueLayout.JAVA_BYTE);
        var digest = Sha256.digest();
        digest.update("pixels\n".getBytes(StandardCharsets.US_ASCII));
        digest.update(bytes);
        return EmbeddingCache.Key.of(digest);
    }

    @Override
    public void read(int image, MemorySegment target) {
        array.copyRows(image, 1, target, 0);
        for (int i = 0; i < pixels; i++)
            if (!Float.isFinite(target.getAtIndex(ValueLayout.JAVA_FLOAT, i)))
                throw InputException.in(file, "image " + image + " holds a value that is not finite", "Repair or leave out that image");
        wasRead();
    }

    @Override
    public void close() {
        arena.close();
    }
}
