package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.io.Sha256;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

/**
 * Embeddings of a frozen tower on disk, by what the tower saw.
 *
 * <p>A folder holds files that are written once, whole and never changed, one for each {@link #put}: a crash leaves the finished ones, and
 * two processes need not know of each other. A file is named by its content's keys, so that equal work makes one file. It is a safetensors
 * file of {@code keys} (N, 4) int64, the SHA-256 of each content, and {@code embeddings} (N, width) float32, with the identity of the tower
 * and a checksum as metadata. One that is damaged is reported, removed and computed again.
 */
public final class EmbeddingCache implements AutoCloseable {
    private static final String KEYS = "keys", EMBEDDINGS = "embeddings", IDENTITY = "identity", CHECKSUM = "crc32c",
            SUFFIX = ".safetensors";
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** SHA-256 of a content. */
    public record Key(long a, long b, long c, long d) {
        public static Key of(ByteBuffer content) {
            var digest = Sha256.digest();
            digest.update(content);
            return of(digest);
        }

        /** The key of what a SHA-256 was fed with. */
        static Key of(MessageDigest digest) {
            var hash = ByteBuffer.wrap(digest.digest());
            return new Key(hash.getLong(), hash.getLong(), hash.getLong(), hash.getLong());
        }
    }

    private record Row(MemorySegment embeddings, long at) {}

    private final Path folder;
    private final String identity;
    private final int width;
    private final Consumer<String> notices;
    private final Map<Key, Row> rows = new HashMap<>();
    private final List<Safetensors> open = new ArrayList<>();
    private boolean writable = true;

    /**
     * @param root     the cache folder, see {@link CacheFolder}
     * @param identity of everything besides the content that an embedding depends on
     * @param width    features of an embedding
     * @param notices  hears, in a line each, what goes wrong; nothing of that is an error
     */
    public EmbeddingCache(Path root, String identity, int width, Consumer<String> notices) {
        this.folder = root.resolve("embeddings").resolve(Sha256.of(identity).substring(0, 16));
        this.identity = identity;
        this.width = width;
        this.notices = notices;
        if (!Files.isDirectory(folder)) return;
        try (Stream<Path> files = Files.list(folder)) {
            files.filter(file -> file.toString().endsWith(SUFFIX)).sorted().forEach(this::add);
        } catch (IOException e) {
            notices.accept("Cached embeddings in " + folder + " cannot be listed (" + e + "); computing them again.");
        }
    }

    public Path folder() {
        return folder;
    }

    /** The embedding of a content, or null. */
    public float[] get(Key key) {
        Row row = rows.get(key);
        if (row == null) return null;
        float[] values = new float[width];
        MemorySegment.copy(row.embeddings, FLOAT, row.at * width * Float.BYTES, values, 0, width);
        return values;
    }

    /** Keeps embeddings. Where that fails (no space, no permission) it is told once, and the program goes on without. */
    public void put(List<Key> keys, List<float[]> embeddings) {
        if (keys.isEmpty() || !writable) return;
        long[] words = new long[4 * keys.size()];
        float[] values = new float[width * keys.size()];
        for (int i = 0; i < keys.size(); i++) {
            Key key = keys.get(i);
            System.arraycopy(new long[] {key.a, key.b, key.c, key.d}, 0, words, 4 * i, 4);
            System.arraycopy(embeddings.get(i), 0, values, width * i, width);
        }
        // Copied in the format's byte order.
        MemorySegment keyBytes = MemorySegment.ofArray(new byte[Long.BYTES * words.length]);
        MemorySegment.copy(words, 0, keyBytes, LONG, 0, words.length);
        MemorySegment valueBytes = MemorySegment.ofArray(new byte[Math.multiplyExact(Float.BYTES, values.length)]);
        MemorySegment.copy(values, 0, valueBytes, FLOAT, 0, values.length);
        Path file = folder.resolve(name(keyBytes) + SUFFIX);
        try {
            Safetensors.write(file, Map.of(IDENTITY, identity, CHECKSUM, checksum(keyBytes, valueBytes)),
                    List.of(new Safetensors.Source(KEYS, DType.I64, Shape.of(keys.size(), 4), keyBytes),
                            new Safetensors.Source(EMBEDDINGS, DType.F32, Shape.of(keys.size(), width), valueBytes)));
            add(file);
        } catch (InputException e) {
            writable = false;
            notices.accept("Embeddings are not kept for the next run: " + e.getMessage());
        }
    }

    private static String name(MemorySegment keys) {
        var digest = Sha256.digest();
        digest.update(keys.asByteBuffer());
        return HexFormat.of().formatHex(Arrays.copyOf(digest.digest(), 8));
    }

    private static String checksum(MemorySegment keys, MemorySegment values) {
        var crc = new CRC32C();
        crc.update(keys.asByteBuffer());
        crc.update(values.asByteBuffer());
        return Long.toHexString(crc.getValue());
    }

    /** Makes the rows of a file known, if it is whole. */
    private void add(Path path) {
        Safetensors file = null;
        try {
            file = Safetensors.open(path);
            MemorySegment keys = file.require(KEYS).bytes(), values = file.require(EMBEDDINGS).bytes();
            long count = file.require(KEYS).shape().size(0);
            file.require(KEYS, Shape.of(count, 4));
            file.require(EMBEDDINGS, Shape.of(count, width));
            if (!identity.equals(file.metadata().get(IDENTITY))) throw InputException.in(path, "belongs to another model", "");
            if (!checksum(keys, values).equals(file.metadata().get(CHECKSUM))) throw InputException.in(path, "its checksum is wrong", "");
            for (long i = 0; i < count; i++) rows.putIfAbsent(key(keys, i), new Row(values, i));
            open.add(file);
        } catch (InputException | IndexOutOfBoundsException | IllegalArgumentException e) {
            if (file != null) file.close();
            remove(path);
            notices.accept("A file of cached embeddings is damaged and was removed; its texts are embedded again (" + e.getMessage()
                    + ").");
        }
    }

    private static Key key(MemorySegment keys, long i) {
        long at = 4 * Long.BYTES * i;
        return new Key(keys.get(LONG, at), keys.get(LONG, at + 8), keys.get(LONG, at + 16), keys.get(LONG, at + 24));
    }

    private static void remove(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            // It will be reported again next time.
        }
    }

    /** Unmaps the files. */
    @Override
    public void close() {
        rows.clear();
        open.forEach(Safetensors::close);
        open.clear();
    }
}
