package dev.imu2clip.clip;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Classes of characters and single-byte charsets that occur in wrongly decoded text; what tools/mojibake_tables.py wrote. */
final class MojibakeTables {
    private static final Map<String, BitSet> CLASSES = new HashMap<>();
    /** In the order in which they are tried. */
    static final List<Codepage> CODEPAGES = new ArrayList<>();

    static {
        try (InputStream in = MojibakeTables.class.getResourceAsStream("mojibake.txt")) {
            for (String line : new String(in.readAllBytes(), StandardCharsets.US_ASCII).split("\n")) {
                String[] fields = line.split(" ");
                List<String> values = Arrays.asList(fields).subList(2, fields.length);
                if (fields[0].equals("class")) CLASSES.put(fields[1], ranges(values));
                else if (fields[0].equals("charset")) CODEPAGES.add(Codepage.of(fields[1], values));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private MojibakeTables() {}

    /** The characters of a class. */
    static BitSet characters(String name) {
        BitSet set = CLASSES.get(name);
        if (set == null) throw new IllegalArgumentException("no class '" + name + "'");
        return set;
    }

    private static BitSet ranges(List<String> ranges) {
        var set = new BitSet();
        for (String range : ranges) {
            int first = Integer.parseInt(range, 0, 4, 16), last = Integer.parseInt(range, range.length() - 4, range.length(), 16);
            set.set(first, last + 1);
        }
        return set;
    }

    /**
     * A charset of one byte a character. Bytes are kept as a string of the characters U+0000 to U+00FF, so that patterns apply to them.
     * A sloppy one also has characters for bytes that the standard leaves out, and takes U+FFFD for byte 1A.
     */
    record Codepage(String name, boolean sloppy, Map<Character, Character> bytes) {
        private static Codepage of(String name, List<String> characters) {
            var bytes = new HashMap<Character, Character>();
            for (int i = 0; i < characters.size(); i++)
                bytes.put((char) Integer.parseInt(characters.get(i), 16), (char) (i == 0 ? 0x1A : 0x7F + i));
            return new Codepage(name, name.startsWith("sloppy"), bytes);
        }

        /** The bytes of a text, or null where it has a character that the charset has not. */
        String encode(String text) {
            char[] encoded = new char[text.length()];
            for (int i = 0; i < encoded.length; i++) {
                char c = text.charAt(i);
                Character b = c < 0x80 && c != 0x1A ? (Character) c : bytes.get(c);
                if (b == null) return null;
                encoded[i] = b;
            }
            return new String(encoded);
        }
    }
}
