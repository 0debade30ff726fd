package dev.imu2clip.io;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** The bytes of a {@link Pickle}, read one value after the other; none beyond their end. */
final class PickleInput {
    /** Characters of a class's name, module included. */
    static final int NAME_MAX = 1000;
    private static final int INTEGER_MAX = 255;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private final Path file;
    private final String where;
    private final MemorySegment bytes;
    private long at;

    PickleInput(Path file, String where, MemorySegment bytes, long start) {
        this.file = file;
        this.where = where;
        this.bytes = bytes;
        this.at = start;
    }

    /** The byte after the last one that was read. */
    long at() {
        return at;
    }

    /** Moves on by {@code count} bytes and returns where they begin. */
    long take(long count) {
        if (count < 0 || count > bytes.byteSize() - at)
            throw broken("ends at byte " + bytes.byteSize() + " in the middle of a value of " + Long.toUnsignedString(count) + " bytes");
        at += count;
        return at - count;
    }

    /** An unsigned whole number of so many bytes; of 8 bytes it may be negative, which {@link #take} refuses. */
    long size(int count) {
        return switch (count) {
            case 1 -> bytes.get(ValueLayout.JAVA_BYTE, take(1)) & 0xFF;
            case 2 -> bytes.get(SHORT, take(2)) & 0xFFFF;
            case 4 -> bytes.get(INT, take(4)) & 0xFFFFFFFFL;
            default -> bytes.get(LONG, take(8));
        };
    }

    long int32() {
        return bytes.get(INT, take(4));
    }

    double float64() {
        return bytes.get(DOUBLE, take(8));
    }

    /** A signed whole number of {@code size} bytes: a Long where it fits. */
    Number integer(long size) {
        if (size > INTEGER_MAX) throw broken("has a number of " + size + " bytes");
        byte[] big = new byte[Math.max(1, (int) size)];
        long start = take(size);
        for (int i = 0; i < size; i++) big[big.length - 1 - i] = bytes.get(ValueLayout.JAVA_BYTE, start + i);
        var value = new BigInteger(big);
        return value.bitLength() < Long.SIZE ? (Number) value.longValue() : value;
    }

    String text(long size) {
        long start = take(size);
        if (size > Integer.MAX_VALUE - 8) throw broken("has a text of " + size + " bytes");
        return new String(bytes.asSlice(start, size).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
    }

    /** A part of a class's name. */
    String line() {
        for (long end = at; end < bytes.byteSize() && end - at <= NAME_MAX; end++)
            if (bytes.get(ValueLayout.JAVA_BYTE, end) == '\n') {
                String line = text(end - at);
                at++;
                return line;
            }
        throw nameTooLong();
    }

    InputException nameTooLong() {
        return broken("names a class in more than " + NAME_MAX + " characters");
    }

    InputException broken(String problem) {
        return InputException.in(file, where + " " + problem, "The file is damaged or holds more than tensors; save only the state dict: "
                + "torch.save(model.state_dict(), FILE)");
    }
}
