package dev.imu2clip.backend.cuda;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Renames a library that an ELF file needs, in a copy of the file: JCuda's libraries ask for CUDA 12's {@code libcublas.so.12} by name and
 * symbol version, while CUDA 13 has the same functions under {@code .so.13}. The names are of one length, so only the string itself and
 * the hash of it in the version table change. ELF-64, little-endian; section and field names are those of the ELF specification.
 */
final class SonamePatch {
    private static final int MAGIC = 0x464c457f, STRTAB = 3, VERNEED = 0x6ffffffe;
    private static final long ALLOC = 2;

    private SonamePatch() {}

    /**
     * Changes {@code elf} in place.
     *
     * @throws IllegalArgumentException where it is no such file, or does not need {@code from}
     */
    static void rename(byte[] elf, String from, String to) {
        if (from.length() != to.length()) throw new IllegalArgumentException(from + " and " + to + " are not of one length");
        ByteBuffer b = ByteBuffer.wrap(elf).order(ByteOrder.LITTLE_ENDIAN);
        if (elf.length < 64 || b.getInt(0) != MAGIC || elf[4] != 2) throw new IllegalArgumentException("no 64-bit ELF file");
        int sections = Math.toIntExact(b.getLong(0x28)), size = b.getShort(0x3a), count = b.getShort(0x3c), renamed = 0;
        for (int i = 0; i < count; i++) {
            int section = sections + i * size, type = b.getInt(section + 4);
            int offset = Math.toIntExact(b.getLong(section + 0x18)), bytes = Math.toIntExact(b.getLong(section + 0x20));
            if (type == STRTAB && (b.getLong(section + 8) & ALLOC) != 0) renamed += replace(elf, offset, bytes, from, to);
            if (type == VERNEED) rehash(b, offset, hash(from), hash(to));
        }
        if (renamed == 0) throw new IllegalArgumentException(from + " is not needed by this file");
    }

    private static int replace(byte[] elf, int offset, int bytes, String from, String to) {
        byte[] old = (from + "\0").getBytes(StandardCharsets.US_ASCII), name = to.getBytes(StandardCharsets.US_ASCII);
        int found = 0;
        for (int p = offset; p + old.length <= offset + bytes; p++) {
            int same = 0;
            while (same < old.length && elf[p + same] == old[same]) same++;
            if (same < old.length) continue;
            System.arraycopy(name, 0, elf, p, name.length);
            found++;
        }
        return found;
    }

    /** Elf64_Verneed and behind each its Elf64_Vernaux: lists linked by offsets, 0 at the end. */
    private static void rehash(ByteBuffer b, int offset, int from, int to) {
        for (int need = offset, next = 1; next != 0; need += next) {
            int aux = need + b.getInt(need + 8);
            for (int i = 0, entries = b.getShort(need + 2); i < entries; i++) {
                if (b.getInt(aux) == from) b.putInt(aux, to);
                aux += b.getInt(aux + 12);
            }
            next = b.getInt(need + 12);
        }
    }

    /** The hash of symbol names in the ELF specification. */
    private static int hash(String name) {
        int h = 0;
        for (byte c : name.getBytes(StandardCharsets.US_ASCII)) {
            h = (h << 4) + c;
            int high = h & 0xf0000000;
            h = (h ^ high >>> 24) & ~high;
        }
        return h;
    }
}
