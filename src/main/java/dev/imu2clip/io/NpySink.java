package dev.imu2clip.io;

import dev.imu2clip.tensor.Shape;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;

/** Takes the elements of an npy file one after the other, in C order; counts them, so that a file never lies about its shape. */
public final class NpySink {
    private final FileChannel channel;
    private final Npy.Type type;
    private final long expected;
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
    private long count;

    NpySink(FileChannel channel, Npy.Type type, long expected) {
        this.channel = channel;
        this.type = type;
        this.expected = expected;
    }

    void header(byte[] header) throws IOException {
        AtomicFile.writeFully(channel, ByteBuffer.wrap(header));
    }

    /** Puts one element, converted to the file's type. */
    public void put(double value) throws IOException {
        room();
        switch (type) {
            case F4 -> buffer.putFloat((float) value);
            case F8 -> buffer.putDouble(value);
            default -> throw new IllegalStateException("a " + type + " file takes no floating-point values");
        }
    }

    /** Puts one element, converted to the file's type. */
    public void put(long value) throws IOException {
        room();
        switch (type) {
            case F4 -> buffer.putFloat(value);
            case F8 -> buffer.putDouble(value);
            case I4 -> buffer.putInt(Math.toIntExact(value));
            case I8 -> buffer.putLong(value);
            default -> throw new IllegalStateException("writing " + type + " is not supported");
        }
    }

    public void put(float[] values, int from, int length) throws IOException {
        for (int i = from; i < from + length; i++) put((double) values[i]);
    }

    /** Puts whole elements as they stand in memory, which must already be of the file's type. */
    public void put(MemorySegment values) throws IOException {
        if (values.byteSize() % type.bytes != 0)
            throw new IllegalArgumentException(values.byteSize() + " bytes are no whole " + type + " elements");
        flush();
        MemorySegment staging = MemorySegment.ofBuffer(buffer); // heap segments have no byte buffer of their own
        for (long at = 0; at < values.byteSize(); at += buffer.capacity()) {
            long bytes = Math.min(buffer.capacity(), values.byteSize() - at);
            MemorySegment.copy(values, at, staging, 0, bytes);
            buffer.position((int) bytes);
            flush();
        }
        count += values.byteSize() / type.bytes;
    }

    private void room() throws IOException {
        count++;
        if (buffer.remaining() < Long.BYTES) flush();
    }

    private void flush() throws IOException {
        AtomicFile.writeFully(channel, buffer.flip());
        buffer.clear();
    }

    /** Whether nothing was put so far. */
    public boolean isEmpty() {
        return count == 0;
    }

    /** Finishes a file of so many rows, or fewer. */
    void finishRows(Shape most) throws IOException {
        flush();
        if (count == expected) return;
        long row = expected / most.size(0);
        if (count > expected || count % row != 0)
            throw new IllegalStateException("rows have " + row + " elements, " + count + " were put into " + most);
        byte[] header = NpyHeader.format(type, most.with(0, count / row), NpyHeader.format(type, most, 0).length);
        AtomicFile.writeFully(channel.position(0), ByteBuffer.wrap(header));
    }

    void finish() throws IOException {
        flush();
        if (count != expected) throw new IllegalStateException("the shape has " + expected + " elements, " + count + " were put");
    }
}
