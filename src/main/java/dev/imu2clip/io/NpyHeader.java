package dev.imu2clip.io;

import dev.imu2clip.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What stands in front of an npy file's data.
 *
 * @param fortran whether the first axis is the one that runs fastest
 * @param dataOffset byte at which the data begins
 */
public record NpyHeader(Npy.Type type, Shape shape, boolean fortran, long dataOffset) {
    private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
    private static final int MAX_HEADER = 1 << 16;
    private static final Pattern DESCR = Pattern.compile("'descr'\\s*:\\s*'([^']*)'");
    private static final Pattern ORDER = Pattern.compile("'fortran_order'\\s*:\\s*(True|False)");
    private static final Pattern SHAPE = Pattern.compile("'shape'\\s*:\\s*\\(([\\d\\s,L]*)\\)");

    /** Bytes that the data takes. */
    public long dataBytes() {
        return shape.count() * type.bytes;
    }

    static NpyHeader parse(Path file, MemorySegment bytes) {
        long size = bytes.byteSize();
        if (size < 10) throw truncated(file, "has " + size + " bytes; an npy file has at least 10");
        for (int i = 0; i < MAGIC.length; i++)
            if (bytes.get(ValueLayout.JAVA_BYTE, i) != MAGIC[i])
                throw InputException.in(file, "is not an npy file (its first bytes are not \\x93NUMPY)", "Save it with numpy.save");
        int version = bytes.get(ValueLayout.JAVA_BYTE, 6);
        if (version < 1 || version > 3)
            throw InputException.in(file, "has npy format version " + version + "; 1, 2 and 3 are known", "Save it again with numpy.save");
        int prefix = version == 1 ? 10 : 12;
        if (size < prefix) throw truncated(file, "has " + size + " bytes; the header's length needs " + prefix);
        long length = version == 1 ? bytes.get(Npy.SHORT, 8) & 0xFFFF : bytes.get(Npy.INT, 8) & 0xFFFF_FFFFL;
        if (length > MAX_HEADER)
            throw InputException.in(file, "claims a header of " + length + " bytes (at most " + MAX_HEADER + ")",
                    "The file is damaged; save it again");
        if (prefix + length > size)
            throw truncated(file, "claims a header of " + length + " bytes but has " + size + " bytes altogether");
        String text = new String(bytes.asSlice(prefix, length).toArray(ValueLayout.JAVA_BYTE),
                version == 3 ? StandardCharsets.UTF_8 : StandardCharsets.ISO_8859_1);
        var header = new NpyHeader(type(file, text), shape(file, text), group(file, ORDER, text, "fortran_order").equals("True"),
                prefix + length);
        header.checkLength(file, size);
        return header;
    }

    private void checkLength(Path file, long size) {
        long present = size - dataOffset;
        if (shape.count() > present / type.bytes)
            throw truncated(file, "shape " + shape + " of " + type.descr + " needs " + shape.count() + " x " + type.bytes
                    + " bytes of data, the file has " + present);
        if (dataBytes() < present)
            throw InputException.in(file, "has " + (present - dataBytes()) + " bytes more than shape " + shape + " of " + type.descr
                    + " needs",
                    "The file is damaged; save it again");
    }

    private static Npy.Type type(Path file, String header) {
        String descr = group(file, DESCR, header, "descr");
        for (var type : Npy.Type.values()) {
            boolean oneByte = type.bytes == 1;
            if (descr.equals(type.descr) || descr.equals("=" + type.descr.substring(1)) && !oneByte
                    || oneByte && descr.length() == 3 && descr.endsWith(type.descr.substring(1))) return type;
        }
        String problem = "has elements of type '" + descr + "'; known are "
                + String.join(", ", Arrays.stream(Npy.Type.values()).map(t -> t.descr).toList());
        throw InputException.in(file, problem, "Convert it: numpy.save(file, array.astype('<f4'))");
    }

    private static Shape shape(Path file, String header) {
        String list = group(file, SHAPE, header, "shape").replace("L", "").strip();
        if (list.isEmpty()) return Shape.of();
        try {
            var sizes = Arrays.stream(list.split(",")).map(String::strip).filter(s -> !s.isEmpty());
            return Shape.of(sizes.mapToLong(Long::parseLong).toArray());
        } catch (ArithmeticException | NumberFormatException e) {
            throw InputException.in(file, "claims the impossible shape (" + list + ")", "The file is damaged; save it again");
        }
    }

    private static String group(Path file, Pattern pattern, String header, String key) {
        Matcher matcher = pattern.matcher(header);
        if (!matcher.find())
            throw InputException.in(file, "its header has no usable '" + key + "': " + header.strip(),
                    "Plain arrays are read, no records or objects");
        return matcher.group(1);
    }

    private static InputException truncated(Path file, String problem) {
        return InputException.in(file, "is truncated: " + problem, "Copy or make the file again");
    }

    /** A version 1.0 header, padded as NumPy pads it: the data begins at a multiple of 64, and not before {@code least}. */
    static byte[] format(Npy.Type type, Shape shape, int least) {
        String dict = "{'descr': '" + type.descr + "', 'fortran_order': False, 'shape': " + shape + ", }";
        int padded = Math.max(least, (MAGIC.length + 4 + dict.length() + 1 + 63) / 64 * 64);
        byte[] header = new byte[padded];
        Arrays.fill(header, (byte) ' ');
        System.arraycopy(MAGIC, 0, header, 0, MAGIC.length);
        header[6] = 1;
        header[7] = 0;
        int length = padded - 10;
        header[8] = (byte) length;
        header[9] = (byte) (length >> 8);
        System.arraycopy(dict.getBytes(StandardCharsets.US_ASCII), 0, header, 10, dict.length());
        header[padded - 1] = '\n';
        return header;
    }
}
