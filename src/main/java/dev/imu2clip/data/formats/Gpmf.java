package dev.imu2clip.data.formats;

import dev.imu2clip.io.InputException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * A stream of three axes out of a GPMF payload (github.com/gopro/gpmf-parser): nested entries of a key, a type, the size of a sample
 * and their number, big-endian and padded to four bytes. {@code SCAL} divides, {@code ORIN} names the axes of the three values
 * (capital letter: along the axis, small: against it).
 *
 * @param samples {@code [3][n]}, x y z
 * @param unit {@code SIUN}, or empty
 * @param oriented whether the stream names its axes; else it is read as Z X Y, as cameras without ORIN write it
 */
record Gpmf(double[][] samples, String unit, boolean oriented) {
    private static final String UNNAMED_AXES = "ZXY";

    /** The first stream with that key, such as {@code ACCL}. @throws InputException naming {@code place} */
    static Optional<Gpmf> find(ByteBuffer payload, String key, String place) {
        try {
            return find(payload, key, place, 0);
        } catch (IndexOutOfBoundsException e) {
            throw new InputException(place + ": an entry is longer than the payload. The file is damaged", e);
        }
    }

    private static Optional<Gpmf> find(ByteBuffer data, String key, String place, int depth) {
        double[] scale = {1};
        String axes = UNNAMED_AXES;
        String unit = "";
        boolean oriented = false;
        for (int at = 0; at + 8 <= data.limit();) {
            if (data.getInt(at) == 0) break; // filled up with zeros
            String name = text(data, at, 4);
            char type = (char) (data.get(at + 4) & 0xFF);
            int size = data.get(at + 5) & 0xFF;
            int count = data.getShort(at + 6) & 0xFFFF;
            ByteBuffer body = data.slice(at + 8, size * count);
            switch (name) {
                case "SCAL" -> scale = numbers(body, type, place);
                case "SIUN" -> unit = text(body, 0, size);
                case "ORIN" -> {
                    axes = text(body, 0, size * count);
                    oriented = true;
                }
                default -> {
                    if (name.equals(key)) return Optional.of(stream(body, type, size, count, scale, axes, unit, oriented, place + ", " + key));
                    if (type == 0 && depth < 8) {
                        var found = find(body, key, place, depth + 1);
                        if (found.isPresent()) return found;
                    }
                }
            }
            at += 8 + (size * count + 3) / 4 * 4;
        }
        return Optional.empty();
    }

    private static Gpmf stream(ByteBuffer body, char type, int size, int count, double[] scale, String axes, String unit, boolean oriented,
            String place) {
        double[] raw = numbers(body, type, place);
        if (raw.length != 3 * count || scale.length != 1 && scale.length != 3)
            throw new InputException(place + ": samples of " + size + " bytes of type '" + type + "' with " + scale.length
                    + " scales, expected three axes");
        double[][] samples = new double[3][count];
        int seen = 0;
        for (int c = 0; c < 3; c++) {
            char letter = axes.length() == 3 ? axes.charAt(c) : '?';
            int axis = "XYZ".indexOf(Character.toUpperCase(letter));
            if (axis < 0 || (seen & 1 << axis) != 0)
                throw new InputException(place + ": its axes are called '" + InputException.printable(axes)
                        + "', expected X, Y and Z in some order");
            seen |= 1 << axis;
            double divisor = scale[scale.length == 1 ? 0 : c];
            for (int i = 0; i < count; i++)
                samples[axis][i] = (Character.isUpperCase(letter) ? raw[3 * i + c] : -raw[3 * i + c]) / divisor;
        }
        return new Gpmf(samples, unit, oriented);
    }

    private static double[] numbers(ByteBuffer body, char type, String place) {
        int bytes = switch (type) {
            case 's', 'S' -> 2;
            case 'l', 'L', 'f' -> 4;
            case 'd' -> 8;
            default -> throw new InputException(place + ": numbers of type '" + InputException.printable("" + type)
                    + "', expected one of s S l L f d");
        };
        double[] numbers = new double[body.limit() / bytes];
        for (int i = 0; i < numbers.length; i++)
            numbers[i] = switch (type) {
                case 's' -> body.getShort(2 * i);
                case 'S' -> body.getShort(2 * i) & 0xFFFF;
                case 'l' -> body.getInt(4 * i);
                case 'L' -> Integer.toUnsignedLong(body.getInt(4 * i));
                case 'f' -> body.getFloat(4 * i);
                default -> body.getDouble(8 * i);
            };
        return numbers;
    }

    private static String text(ByteBuffer data, int at, int length) {
        byte[] bytes = new byte[length];
        data.get(at, bytes);
        int end = 0;
        while (end < length && bytes[end] != 0) end++;
        return new String(bytes, 0, end, StandardCharsets.ISO_8859_1);
    }
}
