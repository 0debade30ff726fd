package dev.imu2clip.data.ego4d;

import dev.imu2clip.io.InputException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Parses whole lines of a csv of motion. Numbers as they usually are go through one pass over their bytes; others through {@link #rare}.
 */
final class ImuCsvParser {
    /** Bytes that must follow the lines in their array: a line feed for a last line without one, and what may be looked at. */
    static final int BEYOND = 16;

    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final int CHANNELS = ImuCsv.CHANNELS.size();
    private static final int MAX_DIGITS = 19; // of an unsigned long
    private static final long ZEROS = 0x3030303030303030L, TOPS = 0x8080808080808080L;
    private static final long[] POWERS = {1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000};
    private static final Set<String> MISSING = Set.of("", "nan", "-nan", "na", "n/a", "#n/a", "<na>", "null", "none");
    private static final Pattern NUMBER = Pattern.compile("[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d+)?");

    /** Ends the parsing. */
    private static final class Fault extends RuntimeException {
        Fault(String message) {
            super(message, null, false, false);
        }
    }

    private final ImuCsvHeader header;
    private final int[] slots;
    private final byte[] bytes;
    private long mantissa; // the digits last parsed
    private double value; // of the number last parsed
    private boolean gaps; // whether the line lacks a number

    private double[] times;
    private float[][] channels;
    private final long[] missing = new long[CHANNELS];
    private int samples;
    private int lines;
    private long rows;
    private long untimed;

    private ImuCsvParser(ImuCsvHeader header, byte[] bytes, int expected) {
        this.header = header;
        slots = header.slots();
        this.bytes = bytes;
        times = new double[expected];
        channels = new float[CHANNELS][expected];
    }

    /** Parses {@code bytes[from..to)}, which {@link #BEYOND} further bytes follow in the array; they come to no harm. */
    static ImuCsvPiece parse(ImuCsvHeader header, byte[] bytes, int from, int to) {
        byte after = bytes[to];
        bytes[to] = '\n'; // where the last line ends by itself, this is an empty one that is not reached
        int first = from; // the first line tells how many there may be
        while (bytes[first] != '\n') first++;
        var parser = new ImuCsvParser(header, bytes, (int) ((to - from) * 1.1 / Math.max(first - from, header.slots().length)) + 16);
        String fault = null;
        int at = from;
        try {
            while (at < to) {
                at = parser.line(at);
                parser.lines++;
            }
        } catch (Fault e) {
            fault = e.getMessage();
        }
        int end = at;
        if (fault != null) while (bytes[end] != '\n') end++;
        bytes[to] = after;
        return new ImuCsvPiece(parser.times, parser.channels, parser.samples, parser.lines, parser.rows, parser.untimed, parser.missing,
                fault, end >= to - 1);
    }

    /** Parses the line at {@code p}; returns where the next one begins. */
    private int line(int p) {
        byte b = bytes[p];
        if (b == '\n') return p + 1;
        if (b == '\r' && bytes[p + 1] == '\n') return p + 2;
        if (samples == times.length) grow();
        double time = Double.NaN;
        gaps = false;
        for (int column = 0;; column++) {
            int slot = slots[column];
            p = slot < 0 ? skip(p) : number(p, column);
            if (slot == 0) time = value;
            else if (slot > 0) channels[slot - 1][samples] = (float) value;
            b = bytes[p++];
            if (b == ',') {
                if (column == slots.length - 1) throw new Fault("more than the header's " + slots.length + " columns");
                continue;
            }
            if (column < slots.length - 1) throw new Fault((column + 1) + " columns, expected " + slots.length);
            finish(time);
            return b == '\n' ? p : p + 1; // after a carriage return and a line feed
        }
    }

    private void finish(double time) {
        rows++;
        if (time != time) {
            untimed++;
            return;
        }
        times[samples] = time;
        if (gaps) fill();
        samples++;
    }

    /** What is missing becomes 0. */
    private void fill() {
        for (int c = 0; c < CHANNELS; c++) {
            float x = channels[c][samples];
            if (x != x) {
                channels[c][samples] = 0;
                missing[c]++;
            }
        }
    }

    private void grow() {
        int capacity = samples + samples / 2 + 16;
        times = Arrays.copyOf(times, capacity);
        for (int c = 0; c < CHANNELS; c++) channels[c] = Arrays.copyOf(channels[c], capacity);
    }

    private boolean endsField(int p) {
        byte b = bytes[p];
        return b == ',' || b == '\n' || b == '\r' && bytes[p + 1] == '\n';
    }

    private int skip(int p) {
        if (bytes[p] == '"') return endOfQuoted(p);
        // Eight bytes at a step, up to the first that is no letter, digit, sign or point: comma and line feed lie below them.
        for (long eight; ((eight = (long) LONG.get(bytes, p)) - 0x2D2D2D2D2D2D2D2DL & ~eight & TOPS) == 0;) p += 8;
        while (!endsField(p)) p++;
        return p;
    }

    private int endOfQuoted(int p) {
        do p++;
        while (bytes[p] != '"' && bytes[p] != '\n');
        if (bytes[p] == '\n') throw new Fault("a quotation mark is not closed");
        if (!endsField(p + 1)) throw new Fault("something follows a closing quotation mark");
        return p + 1;
    }

    /** Parses the number at {@code begin} into {@link #value}, NaN where there is none; returns where its field ends. */
    private int number(int begin, int column) {
        int p = begin;
        int sign = bytes[p] == '-' ? 1 : 0; // without a jump: no processor guesses the signs of motion
        p += sign;
        int first = p, exponent = 0;
        int lone = bytes[p] - '0'; // most often one digit stands before the point
        if (lone >= 0 && lone <= 9 && bytes[p + 1] == '.') {
            mantissa = lone;
            p++;
        } else {
            p = digits(p, 0);
        }
        int digits = p - first;
        if (bytes[p] == '.') {
            int point = p + 1;
            p = digits(point, mantissa);
            exponent = point - p;
            digits += p - point;
        }
        if ((bytes[p] | 0x20) == 'e') {
            int at = bytes[p + 1] == '-' ? p + 2 : p + 1;
            long m = mantissa;
            p = digits(at, 0);
            if (p == at || p > at + 3) return rare(begin, column);
            exponent += bytes[at - 1] == '-' ? -(int) mantissa : (int) mantissa;
            mantissa = m;
        }
        if (!endsField(p) || digits == 0 || digits > MAX_DIGITS && digits - zeros(first) > MAX_DIGITS) return rare(begin, column);
        double magnitude = Decimal.of(mantissa, exponent);
        if (magnitude != magnitude) return rare(begin, column);
        value = Double.longBitsToDouble(Double.doubleToRawLongBits(magnitude) | (long) sign << 63);
        return p;
    }

    /** Appends the digits from {@code p} on to {@code m}, eight at a step, into {@link #mantissa}; returns where they end. */
    private int digits(int p, long m) {
        for (;;) {
            long eight = (long) LONG.get(bytes, p) ^ ZEROS; // digits become 0 to 9
            long others = (eight + 0x7676767676767676L | eight) & TOPS; // exact up to the first byte that is no digit
            if (others == 0) {
                m = m * 100_000_000 + number(eight);
                p += 8;
                continue;
            }
            int count = Long.numberOfTrailingZeros(others) >>> 3;
            // In front of fewer digits there are zeros; a shift by 64 would be none.
            mantissa = m * POWERS[count] + (count == 0 ? 0 : number(eight << 64 - 8 * count));
            return p + count;
        }
    }

    /** Leading zeros of the digits at {@code p}, which do not count. */
    private int zeros(int p) {
        int count = 0;
        for (; bytes[p] == '0' || bytes[p] == '.'; p++) if (bytes[p] == '0') count++;
        return count;
    }

    /** The number of eight digits, the first in the lowest byte: pairs, then fours, then all. */
    private static long number(long digits) {
        long pairs = digits * 10 + (digits >>> 8);
        return (pairs & 0x000000FF000000FFL) * (100 + (1_000_000L << 32))
                + (pairs >>> 16 & 0x000000FF000000FFL) * (1 + (10_000L << 32)) >>> 32;
    }

    /** The same for what is quoted, empty, in scientific notation, of many digits, or no number at all. */
    private int rare(int begin, int column) {
        int end = skip(begin);
        String text = new String(bytes, begin, end - begin, StandardCharsets.UTF_8).strip();
        if (text.length() > 1 && text.startsWith("\"") && text.endsWith("\"")) text = text.substring(1, text.length() - 1).strip();
        boolean gap = MISSING.contains(text.toLowerCase(Locale.ROOT));
        if (!gap && !NUMBER.matcher(text).matches())
            throw new Fault(header.names().get(column) + " is '" + InputException.printable(text) + "', expected a number");
        gaps |= gap;
        value = gap ? Double.NaN : Double.parseDouble(text);
        if (Float.isInfinite((float) value)) throw new Fault(header.names().get(column) + " is " + text + ", which no sensor measures");
        return end;
    }
}
