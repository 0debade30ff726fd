package dev.imu2clip.media;

import dev.imu2clip.io.AtomicFile;
import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Windows of a prepared sound: a wav file of one channel of 16-bit PCM, memory-mapped, as {@link AudioPreparation} writes it. Several
 * threads may read one at a time.
 */
public final class WavFile implements AutoCloseable {
    private static final int HEADER = 44;
    private static final int PCM = 1;
    private static final ValueLayout.OfShort SAMPLE = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt WORD = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final String REMEDY = "Expected a wav file of one channel of 16-bit PCM, as preparation writes it";

    private final Arena arena = Arena.ofShared();
    private final int rateHz;
    private final MemorySegment samples;

    private WavFile(Path file) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            MemorySegment bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            if (!tag(bytes, 0, "RIFF") || !tag(bytes, 8, "WAVE")) throw InputException.in(file, "is no wav file", REMEDY);
            MemorySegment format = chunk(file, bytes, "fmt ");
            samples = chunk(file, bytes, "data");
            if (format.byteSize() < 16) throw InputException.in(file, "its format is cut off", REMEDY);
            int kind = format.get(SAMPLE, 0);
            int channels = format.get(SAMPLE, 2);
            int bits = format.get(SAMPLE, 14);
            rateHz = format.get(WORD, 4);
            if (kind != PCM || channels != 1 || bits != Short.SIZE || rateHz <= 0) {
                String found = "holds format " + kind + " of " + channels + " channels, " + bits + " bits, " + rateHz + " Hz";
                throw InputException.in(file, found, REMEDY);
            }
        } catch (IOException e) {
            arena.close();
            throw new InputException(file + ": cannot be read (" + InputException.reason(e) + ")", e);
        } catch (RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    /** @throws InputException when there is no such file, or it is no wav file of this kind, or it is cut off */
    public static WavFile open(Path file) {
        return new WavFile(file);
    }

    private static boolean tag(MemorySegment bytes, long at, String tag) {
        if (at + tag.length() > bytes.byteSize()) return false;
        for (int i = 0; i < tag.length(); i++) {
            if (bytes.get(ValueLayout.JAVA_BYTE, at + i) != tag.charAt(i)) return false;
        }
        return true;
    }

    private static MemorySegment chunk(Path file, MemorySegment bytes, String name) {
        for (long at = 12; at + 8 <= bytes.byteSize();) {
            long size = Integer.toUnsignedLong(bytes.get(WORD, at + 4));
            if (tag(bytes, at, name)) {
                if (at + 8 + size > bytes.byteSize()) throw InputException.in(file, "is cut off: its '" + name + "' is not whole", REMEDY);
                return bytes.asSlice(at + 8, size);
            }
            at += 8 + size + (size & 1);
        }
        throw InputException.in(file, "has no '" + name + "' part", REMEDY);
    }

    public int rateHz() {
        return rateHz;
    }

    /** Samples of the whole sound. */
    public long length() {
        return samples.byteSize() / Short.BYTES;
    }

    /** Samples of a window of so many seconds. */
    public int length(double start, double end) {
        return Math.toIntExact(Math.round((end - start) * rateHz));
    }

    /**
     * The window {@code [start, end)} in seconds as float32 in [-1, 1), zeros where there is no sound.
     *
     * @param out float32 (round((end - start) * rate)), written from {@code offset} bytes on
     */
    public void window(double start, double end, MemorySegment out, long offset) {
        long first = Math.round(start * rateHz);
        int n = length(start, end);
        for (int i = 0; i < n; i++) {
            long at = first + i;
            float value = at < 0 || at >= length() ? 0 : samples.getAtIndex(SAMPLE, at) / 32768f;
            out.set(ValueLayout.JAVA_FLOAT_UNALIGNED, offset + (long) i * Float.BYTES, value);
        }
    }

    /** As {@link #window(double, double, MemorySegment, long)}, in a new array. */
    public float[] window(double start, double end) {
        float[] out = new float[length(start, end)];
        window(start, end, MemorySegment.ofArray(out), 0);
        return out;
    }

    @Override
    public void close() {
        arena.close();
    }

    /** Writes samples to a channel from its beginning; the header comes last, when their number is known. */
    static final class Writer {
        private final FileChannel channel;
        private final int rateHz;
        private long bytes;

        Writer(FileChannel channel, int rateHz) throws IOException {
            this.channel = channel;
            this.rateHz = rateHz;
            AtomicFile.writeFully(channel, ByteBuffer.allocate(HEADER));
        }

        int rateHz() {
            return rateHz;
        }

        /** Appends little-endian samples. */
        void add(ByteBuffer samples) throws IOException {
            bytes += samples.remaining();
            if (bytes > 0xffff_ffffL - HEADER) throw new IOException("a wav file holds 4 GiB at most");
            AtomicFile.writeFully(channel, samples);
        }

        void finish() throws IOException {
            ByteBuffer header = ByteBuffer.allocate(HEADER).order(ByteOrder.LITTLE_ENDIAN);
            header.put(ascii("RIFF")).putInt((int) (bytes + HEADER - 8)).put(ascii("WAVE"));
            header.put(ascii("fmt ")).putInt(16).putShort((short) PCM).putShort((short) 1).putInt(rateHz).putInt(rateHz * Short.BYTES);
            header.putShort((short) Short.BYTES).putShort((short) Short.SIZE);
            header.put(ascii("data")).putInt((int) bytes);
            channel.position(0);
            AtomicFile.writeFully(channel, header.flip());
        }

        private static byte[] ascii(String text) {
            return text.getBytes(StandardCharsets.US_ASCII);
        }
    }
}
