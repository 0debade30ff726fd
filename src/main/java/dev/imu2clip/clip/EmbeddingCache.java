package dev.imu2clip.clip;

import dev.imu2clip.io.CacheFolder;
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
import java.time.Instant;
import java.time.temporal.ChronoUnit;
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
 * <p>A folder holds files that are written once, whole, and never changed, one for each {@link #put}: a crash leaves the finished ones, and
 * processes need not know of each other. A file is named by its keys, so that equal work makes one file. It is a safetensors file of
 * {@code keys} (N, 4) int64, the SHA-256 of each content, {@code embeddings} (N, width) float32 and {@code checksums} (N) int32, the
 * CRC-32C of each key and its embedding, with the identity of the tower as metadata.
 *
 * <p>Opening reads the keys alone. A row is checked when it is asked for; a file in which one is wrong is reported, removed, and its
 * contents are computed again. Where many small files have gathered, opening copies them into larger ones and removes them: first the
 * copy is whole on disk, then they go, so a crash costs nothing, and another process goes on reading those it has open.
 */
public final class EmbeddingCache implements AutoCloseable {
    private static final String KEYS = "keys", EMBEDDINGS = "embeddings", CHECKSUMS = "checksums", IDENTITY = "identity",
            SUFFIX = ".safetensors";
    /** Changed with the format, so that files of another are left alone. */
    private static final String FORMAT = "embeddings 2, ";
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    /** Files with fewer rows are small; more small ones than this are merged into files of about {@link #LARGE} rows. */
    private static final int LARGE = 8192, MAX_SMALL = 32;

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

    /** An open file, which stays mapped until the cache closes. */
    private record Part(Safetensors file, MemorySegment keys, MemorySegment embeddings, MemorySegment checksums, int count) {
        Key key(int i) {
            long at = 4L * Long.BYTES * i;
            return new Key(keys.get(LONG, at), keys.get(LONG, at + 8), keys.get(LONG, at + 16), keys.get(LONG, at + 24));
        }
    }

    private record Row(Part part, int at) {}

    private final Path folder;
    private final String identity;
    private final int width;
    private final Consumer<String> notices;
    private final Map<Key, Row> rows = new HashMap<>();
    private final List<Part> parts = new ArrayList<>();
    private boolean writable = true;

    /**
     * @param root     the cache folder, see {@link CacheFolder}
     * @param identity of everything besides the content that an embedding depends on
     * @param width    features of an embedding
     * @param notices  hears, in a line each, what goes wrong; nothing of that is an error
     */
    public EmbeddingCache(Path root, String identity, int width, Consumer<String> notices) {
        this.folder = root.resolve("embeddings").resolve(Sha256.of(FORMAT + identity).substring(0, 16));
        this.identity = identity;
        this.width = width;
        this.notices = notices;
        if (!Files.isDirectory(folder)) return;
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.sorted().toList()) {
                if (file.toString().endsWith(SUFFIX)) add(file);
                else if (file.toString().endsWith(".tmp") && isOld(file)) delete(file);
            }
        } catch (IOException e) {
            notices.accept("Cached embeddings in " + folder + " cannot be listed (" + e + "); computing them again.");
        }
        merge();
    }

    /** What a killed writer leaves; a living one is done long before. One that is gone meanwhile is from 1970. */
    private static boolean isOld(Path file) {
        return Instant.ofEpochMilli(file.toFile().lastModified()).isBefore(Instant.now().minus(1, ChronoUnit.DAYS));
    }

    public Path folder() {
        return folder;
    }

    /** The embedding of a content, or null. */
    public float[] get(Key key) {
        Row row = rows.get(key);
        if (row == null) return null;
        float[] values = new float[width];
        MemorySegment.copy(row.part.embeddings, FLOAT, (long) row.at * width * Float.BYTES, values, 0, width);
        if (checksum(key, values) == row.part.checksums.get(INT, (long) row.at * Integer.BYTES)) return values;
        rows.values().removeIf(other -> other.part == row.part);
        remove(row.part.file.file(), "the checksum of a row is wrong");
        return null;
    }

    /** Keeps embeddings. Where that fails (no space, no permission) it is told once, and the program goes on without. */
    public void put(List<Key> keys, List<float[]> embeddings) {
        if (keys.isEmpty() || !writable) return;
        try {
            add(write(keys, embeddings));
        } catch (InputException e) {
            writable = false;
            notices.accept("Embeddings are not kept for the next run: " + e.getMessage());
        }
    }

    private Path write(List<Key> keys, List<float[]> embeddings) {
        // Heap segments of the format's byte order.
        MemorySegment keyBytes = bytes(4L * Long.BYTES * keys.size()), values = bytes((long) Float.BYTES * width * keys.size()),
                checksums = bytes((long) Integer.BYTES * keys.size());
        for (int i = 0; i < keys.size(); i++) {
            Key key = keys.get(i);
            MemorySegment.copy(new long[] {key.a, key.b, key.c, key.d}, 0, keyBytes, LONG, 4L * Long.BYTES * i, 4);
            MemorySegment.copy(embeddings.get(i), 0, values, FLOAT, (long) Float.BYTES * width * i, width);
            checksums.set(INT, (long) Integer.BYTES * i, checksum(key, embeddings.get(i)));
        }
        var digest = Sha256.digest();
        digest.update(keyBytes.asByteBuffer());
        Path file = folder.resolve(HexFormat.of().formatHex(Arrays.copyOf(digest.digest(), 8)) + SUFFIX);
        Safetensors.write(file, Map.of(IDENTITY, identity),
                List.of(new Safetensors.Source(KEYS, DType.I64, Shape.of(keys.size(), 4), keyBytes),
                new Safetensors.Source(EMBEDDINGS, DType.F32, Shape.of(keys.size(), width), values),
                new Safetensors.Source(CHECKSUMS, DType.I32, Shape.of(keys.size()), checksums)));
        return file;
    }

    private static MemorySegment bytes(long count) {
        return MemorySegment.ofArray(new byte[Math.toIntExact(count)]);
    }

    private static int checksum(Key key, float[] embedding) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * Long.BYTES + Float.BYTES * embedding.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(key.a).putLong(key.b).putLong(key.c).putLong(key.d).asFloatBuffer().put(embedding);
        var crc = new CRC32C();
        crc.update(bytes.array());
        return (int) crc.getValue();
    }

    /** Makes the rows of a file known, before those of earlier ones, if it is one of ours. */
    private void add(Path path) {
        Safetensors file = null;
        try {
            file = Safetensors.open(path);
            int count = Math.toIntExact(file.require(CHECKSUMS).shape().count());
            Part part = new Part(file, file.require(KEYS, Shape.of(count, 4)).bytes(),
                    file.require(EMBEDDINGS, Shape.of(count, width)).bytes(),
                    file.require(CHECKSUMS, Shape.of(count)).bytes(), count);
            if (part.keys.byteSize() != 4L * Long.BYTES * count || part.embeddings.byteSize() != (long) Float.BYTES * width * count
                    || part.checksums.byteSize() != (long) Integer.BYTES * count)
                throw InputException.in(path, "its numbers have other types", "");
            if (!identity.equals(file.metadata().get(IDENTITY))) throw InputException.in(path, "belongs to another model", "");
            for (int i = 0; i < count; i++) rows.put(part.key(i), new Row(part, i));
            parts.add(part);
        } catch (InputException | ArithmeticException e) {
            if (file != null) file.close();
            // Another process may have merged it just now.
            if (Files.exists(path)) remove(path, e.getMessage());
        }
    }

    /** Copies small files into larger ones, where there are many. */
    private void merge() {
        List<Part> small = parts.stream().filter(part -> part.count < LARGE).toList();
        if (small.size() <= MAX_SMALL) return;
        List<Part> gathered = new ArrayList<>();
        int count = 0;
        try {
            for (Part part : small) {
                gathered.add(part);
                count += part.count;
                if (count < LARGE && part != small.getLast()) continue;
                merge(gathered);
                gathered.clear();
                count = 0;
            }
        } catch (InputException e) {
            // Another time: all is as it was.
        }
    }

    private void merge(List<Part> gathered) {
        List<Key> keys = new ArrayList<>();
        List<float[]> embeddings = new ArrayList<>();
        for (Part part : gathered)
            for (int i = 0; i < part.count; i++) {
                Row row = rows.get(part.key(i));
                // A key that is in several files is copied once.
                float[] embedding = row != null && row.part == part && row.at == i ? get(part.key(i)) : null;
                if (embedding == null) continue;
                keys.add(part.key(i));
                embeddings.add(embedding);
            }
        if (keys.isEmpty() || gathered.size() == 1) return;
        Path merged = write(keys, embeddings);
        add(merged);
        for (Part part : gathered) if (!part.file.file().equals(merged)) delete(part.file.file());
    }

    private void remove(Path file, String problem) {
        delete(file);
        notices.accept("A file of cached embeddings is damaged and was removed; what it held is computed again (" + file + ": " + problem
                + ").");
    }

    private static void delete(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            // A damaged one will be reported again next time, a merged one does no harm.
        }
    }

    /** Unmaps the files. */
    @Override
    public void close() {
        rows.clear();
        parts.forEach(part -> part.file.close());
        parts.clear();
    }
}
