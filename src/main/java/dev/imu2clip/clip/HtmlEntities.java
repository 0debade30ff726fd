package dev.imu2clip.clip;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** HTML character references, named and numeric, by the rules of HTML 5 (what Python's {@code html.unescape} does). Thread-safe. */
final class HtmlEntities {
    /** No group is repeated over another: matching takes linear time. */
    private static final Pattern REFERENCE = Pattern.compile("&(#[0-9]++;?|#[xX][0-9a-fA-F]++;?|[^\\t\\n\\f <&#;]{1,32};?)");
    private static final Pattern UNAMBIGUOUS = Pattern.compile("&(#?[0-9A-Za-z]{1,24};)");
    private static final Map<String, String> NAMED = load();
    private static final Charset WINDOWS_1252 = Charset.forName("windows-1252");

    private HtmlEntities() {}

    /** Every reference replaced, also one without its semicolon where the standard knows such ({@code &amp}). */
    static String unescape(String text) {
        if (text.indexOf('&') < 0) return text;
        return REFERENCE.matcher(text).replaceAll(m -> Matcher.quoteReplacement(resolve(m.group(1))));
    }

    /** Only what cannot be meant otherwise: references with a semicolon, and names written in capitals ({@code &EACUTE;}). */
    static String unescapeUnambiguous(String text) {
        if (text.indexOf('&') < 0) return text;
        return UNAMBIGUOUS.matcher(text).replaceAll(m -> Matcher.quoteReplacement(resolveUnambiguous(m.group(1))));
    }

    private static String resolveUnambiguous(String reference) {
        if (reference.charAt(0) == '#') {
            String resolved = unescape("&" + reference);
            return resolved.contains(";") ? "&" + reference : resolved;
        }
        String value = NAMED.get(reference);
        if (value != null) return value;
        String lower = reference.toLowerCase(Locale.ROOT);
        boolean capitals = reference.equals(reference.toUpperCase(Locale.ROOT)) && NAMED.containsKey(lower);
        // Not where their beginning is a reference by itself: &LTCC; is &LT and CC;.
        if (capitals && resolve(reference).equals("&" + reference)) return NAMED.get(lower).toUpperCase(Locale.ROOT);
        return "&" + reference;
    }

    private static String resolve(String reference) {
        if (reference.charAt(0) == '#') return numeric(reference.endsWith(";") ? reference.substring(1, reference.length() - 1)
                : reference.substring(1));
        for (int end = reference.length(); end > 1; end--) {
            String value = NAMED.get(reference.substring(0, end));
            if (value != null) return value + reference.substring(end);
        }
        return "&" + reference;
    }

    private static String numeric(String digits) {
        boolean hex = digits.charAt(0) == 'x' || digits.charAt(0) == 'X';
        int code = 0;
        for (int i = hex ? 1 : 0; i < digits.length() && code <= Character.MAX_CODE_POINT; i++)
            code = code * (hex ? 16 : 10) + Character.digit(digits.charAt(i), 16);
        if (code == 0 || code > Character.MAX_CODE_POINT || code >= 0xD800 && code <= 0xDFFF) return "\uFFFD";
        if (code == '\r') return "\r";
        if (code >= 0x80 && code <= 0x9F) return String.valueOf(windows1252((char) code));
        boolean control = code < 0x20 && code != '\t' && code != '\n' && code != '\f' || code == 0x7F;
        boolean noncharacter = code >= 0xFDD0 && code <= 0xFDEF || (code & 0xFFFE) == 0xFFFE;
        return control || noncharacter ? "" : Character.toString(code);
    }

    /** What a C1 control character was meant to be: the character of that number in Windows-1252, or itself where that has none. */
    static char windows1252(char control) {
        char meant = new String(new byte[] {(byte) control}, WINDOWS_1252).charAt(0);
        return meant == '\uFFFD' ? control : meant;
    }

    /** Reads the table that tools/html_entities.py wrote: name, space, UTF-16 code units in hexadecimal. */
    private static Map<String, String> load() {
        var table = new HashMap<String, String>(4096);
        try (InputStream in = HtmlEntities.class.getResourceAsStream("html5-entities.txt")) {
            for (String line : new String(in.readAllBytes(), StandardCharsets.US_ASCII).split("\n")) {
                int space = line.indexOf(' ');
                byte[] units = HexFormat.of().parseHex(line, space + 1, line.length());
                table.put(line.substring(0, space), new String(units, StandardCharsets.UTF_16BE));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return Map.copyOf(table);
    }
}
