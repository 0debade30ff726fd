package dev.imu2clip.clip;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.BitSet;
import java.util.regex.Pattern;

/**
 * Repairs text that was decoded by the wrong encoding, where {@link Badness} finds it: encodes it back by each charset of one byte a
 * character and takes the first result that is UTF-8. What ftfy 6.3's {@code fix_encoding} does (Robyn Speer, Apache-2.0), to the same
 * strings. Bytes are strings of U+0000 to U+00FF, see {@link MojibakeTables.Codepage}.
 */
final class Mojibake {
    /** No text needs more than a few; the limit is there so that none can hold anything up. */
    private static final int MAX_ROUNDS = 100;

    private static final BitSet FIRST_OF_2 = MojibakeTables.characters("utf8_first_of_2");
    private static final BitSet FIRST_OF_3 = MojibakeTables.characters("utf8_first_of_3");
    private static final BitSet FIRST_OF_4 = MojibakeTables.characters("utf8_first_of_4");
    private static final BitSet CONTINUATION = MojibakeTables.characters("utf8_continuation");
    private static final BitSet CONTINUATION_STRICT = MojibakeTables.characters("utf8_continuation_strict");

    /** UTF-8 but for a space where the byte A0 belongs: no-break spaces get lost easily. Only where the result is a likely character. */
    private static final Pattern ALTERED = Pattern.compile("""
            [\\xC2\\xC3\\xC5\\xCE\\xD0\\xD9]\\x20
            |[\\xE2\\xE3]\\x20[\\x80-\\x84\\x86-\\x9F\\xA1-\\xBF]
            |[\\xE0-\\xE3][\\x80-\\x84\\x86-\\x9F\\xA1-\\xBF]\\x20
            |\\xF0\\x20[\\x80-\\xBF]{2}
            |\\xF0[\\x80-\\xBF]\\x20[\\x80-\\xBF]
            |\\xF0[\\x80-\\xBF]{2}\\x20""", Pattern.COMMENTS);
    /** "à" as a word of its own, whose A0 has run together with the space after it; not the Portuguese àquele, àquela, àquilo, às. */
    private static final Pattern A_GRAVE = Pattern.compile("\\xC3 (?! |quele|quela|quilo|s )");
    /** UTF-8 and CESU-8 but for continuation bytes that were lost: they are 1A (from U+FFFD), and one of them may be a question mark. */
    private static final Pattern LOSSY = Pattern.compile("""
            [\\xC2-\\xDF]\\x1A
            |[\\xC2-\\xC3]\\?
            |\\xED[\\xA0-\\xAF][\\x1A?]\\xED[\\xB0-\\xBF][\\x1A?\\x80-\\xBF]
            |\\xED[\\xA0-\\xAF][\\x1A?\\x80-\\xBF]\\xED[\\xB0-\\xBF][\\x1A?]
            |[\\xE0-\\xEF][\\x1A?][\\x1A\\x80-\\xBF]
            |[\\xE0-\\xEF][\\x1A\\x80-\\xBF][\\x1A?]
            |[\\xF0-\\xF4][\\x1A?][\\x1A\\x80-\\xBF]{2}
            |[\\xF0-\\xF4][\\x1A\\x80-\\xBF][\\x1A?][\\x1A\\x80-\\xBF]
            |[\\xF0-\\xF4][\\x1A\\x80-\\xBF]{2}[\\x1A?]
            |\\x1A""", Pattern.COMMENTS);
    private static final String REPLACEMENT_IN_UTF8 = "\u00EF\u00BF\u00BD";
    /** Java's two bytes for U+0000, and surrogates in UTF-8. The dollar also stands before a last line feed, and so it does in ftfy. */
    private static final Pattern VARIANT = Pattern.compile("(?d)\\xC0(?:\\x80|$)|\\xED(?:[\\xA0-\\xBF]|$)(?:[\\x80-\\xBF]|$)");
    private static final Pattern CESU_8 = Pattern.compile("(?d)\\xED[\\xA0-\\xAF][\\x80-\\xBF]\\xED[\\xB0-\\xBF](?:[\\x80-\\xBF]|$)");

    private Mojibake() {}

    /** Repairs a text until nothing more is found; one without anything to repair comes back as it is. */
    static String fix(String text) {
        for (int round = 0; round < MAX_ROUNDS; round++) {
            String fixed = fixOnce(text);
            if (fixed.equals(text)) break;
            text = fixed;
        }
        return text;
    }

    private static String fixOnce(String text) {
        if (!Badness.isBad(text)) return text;
        for (MojibakeTables.Codepage codepage : MojibakeTables.CODEPAGES) {
            String bytes = codepage.encode(text);
            if (bytes == null) continue;
            // In MacRoman it would be an en dash and a space.
            if (!codepage.name().equals("macroman")) bytes = restoreA0(bytes);
            if (codepage.sloppy()) bytes = LOSSY.matcher(bytes).replaceAll(REPLACEMENT_IN_UTF8);
            String decoded = bytes.indexOf(0xED) >= 0 || bytes.indexOf(0xC0) >= 0 ? decodeVariants(bytes) : decodeUtf8(bytes);
            if (decoded != null) return decoded;
        }
        String fixed = fixParts(text);
        return fixed.equals(text) ? fixC1(text) : fixed;
    }

    private static String restoreA0(String bytes) {
        if (!ALTERED.matcher(bytes).find()) return bytes;
        String words = A_GRAVE.matcher(bytes).replaceAll("\u00C3\u00A0 ");
        return ALTERED.matcher(words).replaceAll(match -> match.group().replace(' ', '\u00A0'));
    }

    /** Repairs what looks like UTF-8 by itself, for texts that were put together from several encodings. */
    private static String fixParts(String text) {
        var fixed = new StringBuilder(text.length());
        for (int at = 0; at < text.length(); ) {
            int end = at > 0 && CONTINUATION_STRICT.get(text.charAt(at - 1)) ? at : endOfUtf8(text, at);
            String part = text.substring(at, Math.max(end, at + 1));
            boolean whole = part.length() == text.length();
            fixed.append(end > at && !whole ? fix(part) : part);
            at += part.length();
        }
        return fixed.toString();
    }

    /** End of the characters from {@code at} on that are lead bytes with their continuation bytes in some charset. */
    private static int endOfUtf8(String text, int at) {
        while (at < text.length()) {
            char c = text.charAt(at);
            int length = FIRST_OF_2.get(c) ? 2 : FIRST_OF_3.get(c) ? 3 : FIRST_OF_4.get(c) ? 4 : 0;
            if (length == 0 || at + length > text.length()) break;
            int end = at + 1;
            while (end < at + length && CONTINUATION.get(text.charAt(end))) end++;
            if (end < at + length) break;
            at = end;
        }
        return at;
    }

    /** Control characters of Latin-1 have no use: those of Windows-1252 were meant. */
    private static String fixC1(String text) {
        var fixed = new StringBuilder(text.length());
        text.chars().forEach(c -> fixed.append(c >= 0x80 && c <= 0x9F ? HtmlEntities.windows1252((char) c) : (char) c));
        return fixed.toString();
    }

    /** Null where the bytes are no UTF-8. */
    private static String decodeUtf8(String bytes) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes.getBytes(StandardCharsets.ISO_8859_1))).toString();
        } catch (CharacterCodingException e) {
            return null;
        }
    }

    /** UTF-8, or U+0000 as Java writes it, or surrogate pairs in UTF-8 (CESU-8); null where it is none of them. */
    private static String decodeVariants(String bytes) {
        var text = new StringBuilder(bytes.length());
        var variant = VARIANT.matcher(bytes);
        int at = 0;
        while (variant.find(at)) {
            if (variant.start() > at) {
                String before = decodeUtf8(bytes.substring(at, variant.start()));
                if (before == null) return null;
                text.append(before);
                at = variant.start();
            }
            if (bytes.charAt(at) == 0xC0) {
                if (at + 1 == bytes.length()) return null;
                text.append('\0');
                at += 2;
            } else if (at + 6 > bytes.length()) break;
            else if (CESU_8.matcher(bytes).region(at, bytes.length()).lookingAt()) {
                text.appendCodePoint(0x10000 + ((bytes.charAt(at + 1) & 0x0F) << 16) + ((bytes.charAt(at + 2) & 0x3F) << 10)
                        + ((bytes.charAt(at + 4) & 0x0F) << 6) + (bytes.charAt(at + 5) & 0x3F));
                at += 6;
            } else return null;
        }
        String rest = decodeUtf8(bytes.substring(at));
        return rest == null ? null : text.append(rest).toString();
    }
}
