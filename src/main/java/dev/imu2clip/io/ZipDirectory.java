package dev.imu2clip.io;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * The entries of a mapped zip file, after its central directory: local headers may leave sizes out, as those of PyTorch do. Only what
 * is stored without compression can be had, as slices of the mapping; nothing is copied. Zip64 is read. Checksums are not compared:
 * PyTorch does not do it either, and can be told to write none. Format: PKWARE's APPNOTE.TXT 6.3.
 */
final class ZipDirectory {
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int LOCAL = 0x04034B50, CENTRAL = 0x02014B50, END = 0x06054B50, END64 = 0x06064B50, LOCATOR64 = 0x07064B50;
    private static final int LOCAL_SIZE = 30, CENTRAL_SIZE = 46, END_SIZE = 22, END64_SIZE = 56, LOCATOR64_SIZE = 20;
    private static final int COMMENT_MAX = 0xFFFF, ENCRYPTED = 1, ZIP64 = 1;
    /** An archive has one a tensor; more would only fill memory. */
    private static final int ENTRIES_MAX = 1 << 18;

    private record Entry(int method, int flags, long compressed, long size, long header) {}

    private final Path file;
    private final MemorySegment bytes;
    private final Map<String, Entry> entries = new LinkedHashMap<>();
    /** Where the central directory begins, and so the contents end. */
    private long directory;

    private ZipDirectory(Path file, MemorySegment bytes) {
        this.file = file;
        this.bytes = bytes;
    }

    static ZipDirectory read(Path file, MemorySegment bytes) {
        var zip = new ZipDirectory(file, bytes);
        zip.readEnd();
        return zip;
    }

    Set<String> names() {
        return Collections.unmodifiableSet(entries.keySet());
    }

    boolean has(String name) {
        return entries.containsKey(name);
    }

    /** The content of an entry. */
    MemorySegment content(String name) {
        Entry entry = entries.get(name);
        if (entry == null) throw broken("has no entry '" + name + "'");
        if ((entry.flags & ENCRYPTED) != 0)
            throw InputException.in(file, "its entry '" + name + "' is encrypted", "Give it without a password");
        if (entry.method != 0)
            throw InputException.in(file, "its entry '" + name + "' is compressed, which PyTorch does not do",
                    "Unpack it and zip it again with 'zip -0', or load it in Python and torch.save it");
        if (entry.compressed != entry.size)
            throw broken("its entry '" + name + "' of " + entry.size + " bytes is stored in " + entry.compressed);
        long header = entry.header;
        if (header < 0 || header > directory - LOCAL_SIZE || bytes.get(INT, header) != LOCAL)
            throw broken("its entry '" + name + "' does not begin at byte " + header + ", where the directory says");
        long start = header + LOCAL_SIZE + unsigned(header + 26) + unsigned(header + 28);
        if (entry.size < 0 || start > directory || entry.size > directory - start)
            throw broken("its entry '" + name + "' of " + entry.size + " bytes does not fit into the " + directory + " bytes of contents");
        return bytes.asSlice(start, entry.size).asReadOnly();
    }

    private void readEnd() {
        long end = bytes.byteSize() - END_SIZE, earliest = Math.max(0, end - COMMENT_MAX);
        while (end >= earliest && !(bytes.get(INT, end) == END && unsigned(end + 20) == bytes.byteSize() - END_SIZE - end)) end--;
        if (end < earliest) throw broken("has no directory at its end");
        long count = unsigned(end + 10), size = unsignedInt(end + 12), start = unsignedInt(end + 16);
        long limit = end;
        if (end >= LOCATOR64_SIZE && bytes.get(INT, end - LOCATOR64_SIZE) == LOCATOR64) {
            long end64 = bytes.get(LONG, end - LOCATOR64_SIZE + 8);
            if (end64 < 0 || end64 > end - LOCATOR64_SIZE - END64_SIZE || bytes.get(INT, end64) != END64)
                throw broken("its zip64 directory does not end at byte " + end64);
            count = bytes.get(LONG, end64 + 32);
            size = bytes.get(LONG, end64 + 40);
            start = bytes.get(LONG, end64 + 48);
            limit = end64;
        }
        if (start < 0 || size < 0 || start > limit || size > limit - start || count < 0 || count > size / CENTRAL_SIZE)
            throw broken("its directory of " + count + " entries in " + size + " bytes from byte " + start + " on does not fit");
        if (count > ENTRIES_MAX) throw broken("has " + count + " entries, more than " + ENTRIES_MAX);
        directory = start;
        readEntries(start, start + size, count);
    }

    private void readEntries(long at, long end, long count) {
        for (long i = 0; i < count; i++) {
            if (end - at < CENTRAL_SIZE || bytes.get(INT, at) != CENTRAL) throw broken("entry " + i + " of its directory is damaged");
            int name = unsigned(at + 28), extra = unsigned(at + 30), comment = unsigned(at + 32);
            long next = at + CENTRAL_SIZE + name + extra + comment;
            if (next > end) throw broken("entry " + i + " of its directory is cut");
            String text = new String(bytes.asSlice(at + CENTRAL_SIZE, name).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
            Entry entry = entry(at, at + CENTRAL_SIZE + name, extra);
            if (entries.put(text, entry) != null) throw broken("has two entries '" + text + "'");
            at = next;
        }
    }

    /** Sizes and place; those of all ones stand in the zip64 part of the extra field, in this order. */
    private Entry entry(long at, long extra, int extraSize) {
        long[] values = {unsignedInt(at + 24), unsignedInt(at + 20), unsignedInt(at + 42)};
        for (long field = extra, end = extra + extraSize; end - field >= 4;) {
            long value = field + 4, next = value + unsigned(field + 2);
            if (next > end) break;
            if (unsigned(field) == ZIP64)
                for (int i = 0; i < values.length; i++)
                    if (values[i] == 0xFFFFFFFFL && next - value >= 8) {
                        values[i] = bytes.get(LONG, value);
                        value += 8;
                    }
            field = next;
        }
        return new Entry(unsigned(at + 10), unsigned(at + 8), values[1], values[0], values[2]);
    }

    private long unsignedInt(long at) {
        return bytes.get(INT, at) & 0xFFFFFFFFL;
    }

    private int unsigned(long at) {
        return bytes.get(SHORT, at) & 0xFFFF;
    }

    private InputException broken(String problem) {
        return InputException.in(file, problem, "The zip archive is damaged or not written completely; get the file again");
    }
}
