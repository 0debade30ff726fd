package dev.imu2clip.clip;

import java.text.Normalizer;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Brings a text into the form that CLIP's tokenizer was trained on: repaired as ftfy does it, HTML references resolved (twice, for
 * texts that were escaped twice), white space runs made one space, lower case. Thread-safe.
 *
 * <p>The repairs are those of ftfy 6.3 (Robyn Speer, Apache-2.0), in its order: unambiguous HTML references, text that was decoded by the
 * wrong encoding ({@link Mojibake}), C1 controls meant as Windows-1252, Latin ligatures, full and half width, curly quotes, line ends,
 * lone surrogates, terminal escapes, control characters, NFC.
 */
final class TextCleaner {
    private static final Pattern TERMINAL_ESCAPE = Pattern.compile("\u001B\\[[\\p{Nd};]*+[a-zA-Z]");
    private static final int MAX_ROUNDS = 100;
    /** A longer line is repaired in parts of so many code points. */
    private static final int MAX_SEGMENT = 1_000_000;
    private static final Map<Character, String> LIGATURES = Map.ofEntries(
            Map.entry('\u0132', "IJ"), Map.entry('\u0133', "ij"), Map.entry('\u0149', "\u02BCn"),
            Map.entry('\u01C4', "D\u017D"), Map.entry('\u01C5', "D\u017E"), Map.entry('\u01C6', "d\u017E"),
            Map.entry('\u01C7', "LJ"), Map.entry('\u01C8', "Lj"), Map.entry('\u01C9', "lj"),
            Map.entry('\u01CA', "NJ"), Map.entry('\u01CB', "Nj"), Map.entry('\u01CC', "nj"),
            Map.entry('\u01F1', "DZ"), Map.entry('\u01F2', "Dz"), Map.entry('\u01F3', "dz"),
            Map.entry('\uFB00', "ff"), Map.entry('\uFB01', "fi"), Map.entry('\uFB02', "fl"), Map.entry('\uFB03', "ffi"),
            Map.entry('\uFB04', "ffl"), Map.entry('\uFB05', "\u017Ft"), Map.entry('\uFB06', "st"));

    private TextCleaner() {}

    static String clean(String text) {
        String unescaped = HtmlEntities.unescape(HtmlEntities.unescape(isPlain(text) ? text : repair(text)));
        return lowerCase(collapseSpace(unescaped));
    }

    /** The common case, which no repair changes: printable ASCII without references. */
    private static boolean isPlain(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c < ' ' || c > '~' || c == '&') return false;
        }
        return true;
    }

    /** Repairs line by line. References stay as they are from the first line that has a {@code <}: that text may well be HTML. */
    private static String repair(String text) {
        var repaired = new StringBuilder(text.length());
        boolean html = false;
        for (int at = 0; at < text.length(); ) {
            int end = text.indexOf('\n', at) + 1;
            if (end == 0) end = text.length();
            if (text.codePointCount(at, end) > MAX_SEGMENT) end = text.offsetByCodePoints(at, MAX_SEGMENT);
            String line = text.substring(at, end);
            html |= line.indexOf('<') >= 0;
            repaired.append(repairLine(line, html));
            at += line.length();
        }
        return repaired.toString();
    }

    /**
     * One repair can lay open the next ({@code &amp;rsquo;}), so they are repeated until nothing changes; no honest text needs more
     * rounds than a few, and the limit keeps {@code &amp;amp;amp;...} from taking quadratic time.
     */
    private static String repairLine(String line, boolean html) {
        String before = null;
        for (int round = 0; round < MAX_ROUNDS && !line.equals(before); round++) {
            before = line;
            if (!html) line = HtmlEntities.unescapeUnambiguous(line);
            line = Mojibake.fix(line);
            line = TERMINAL_ESCAPE.matcher(repairCharacters(line)).replaceAll("");
            line = Normalizer.normalize(removeControls(line), Normalizer.Form.NFC);
        }
        return line;
    }

    private static String repairCharacters(String line) {
        var out = new StringBuilder(line.length());
        for (int i = 0; i < line.length(); i++) {
            char c = line.charAt(i);
            if (c < 0x7F && c != '\r') {
                out.append(c);
                continue;
            }
            if (c >= 0x80 && c <= 0x9F) c = HtmlEntities.windows1252(c);
            String ligature = LIGATURES.get(c);
            if (ligature != null) out.append(ligature.replace('\u02BC', '\''));
            else if (c == '\r') {
                out.append('\n');
                if (i + 1 < line.length() && line.charAt(i + 1) == '\n') i++;
            } else if (Character.isHighSurrogate(c) && i + 1 < line.length() && Character.isLowSurrogate(line.charAt(i + 1)))
                out.append(c).append(line.charAt(++i));
            else out.append(repairCharacter(c));
        }
        return out.toString();
    }

    private static String repairCharacter(char c) {
        return switch (c) {
            case '\u02BC', '\u2018', '\u2019', '\u201A', '\u201B' -> "'";
            case '\u201C', '\u201D', '\u201E', '\u201F' -> "\"";
            case '\u2028', '\u2029' -> "\n";
            case '\u3000' -> " ";
            default -> {
                if (Character.isSurrogate(c)) yield "\uFFFD";
                boolean otherWidth = c >= '\uFF01' && c <= '\uFFEF';
                yield otherWidth ? Normalizer.normalize(String.valueOf(c), Normalizer.Form.NFKC) : String.valueOf(c);
            }
        };
    }

    private static String removeControls(String line) {
        var out = new StringBuilder(line.length());
        for (int i = 0; i < line.length(); i++) {
            char c = line.charAt(i);
            boolean gone = c < ' ' && c != '\t' && c != '\n' && c != '\f' && c != '\r' || c == 0x7F || c >= '\u206A' && c <= '\u206F'
                    || c == '\uFEFF' || c >= '\uFFF9' && c <= '\uFFFC';
            if (!gone) out.append(c);
        }
        return out.toString();
    }

    private static String collapseSpace(String text) {
        var out = new StringBuilder(text.length());
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (!isSpace(c)) out.append(c);
            else if (!out.isEmpty() && out.charAt(out.length() - 1) != ' ') out.append(' ');
        }
        if (!out.isEmpty() && out.charAt(out.length() - 1) == ' ') out.setLength(out.length() - 1);
        return out.toString();
    }

    private static String lowerCase(String text) {
        if (text.indexOf('\u03A3') < 0) return text.toLowerCase(Locale.ROOT);
        int[] c = text.codePoints().toArray();
        for (int i = 0; i < c.length; i++) if (c[i] == '\u03A3') c[i] = isFinalSigma(c, i) ? '\u03C2' : '\u03C3';
        return new String(c, 0, c.length).toLowerCase(Locale.ROOT);
    }

    /** Unicode's condition Final_Sigma (section 3.13); Java looks at words instead, and takes "0\u03A3" after a letter for an end. */
    private static boolean isFinalSigma(int[] text, int at) {
        int before = at - 1, after = at + 1;
        while (before >= 0 && isCaseIgnorable(text[before])) before--;
        while (after < text.length && isCaseIgnorable(text[after])) after++;
        return before >= 0 && isCased(text[before]) && (after == text.length || !isCased(text[after]));
    }

    private static boolean isCased(int c) {
        return Character.isLowerCase(c) || Character.isUpperCase(c) || Character.isTitleCase(c);
    }

    private static boolean isCaseIgnorable(int c) {
        return switch (Character.getType(c)) {
            case Character.NON_SPACING_MARK, Character.ENCLOSING_MARK, Character.FORMAT, Character.MODIFIER_LETTER,
                    Character.MODIFIER_SYMBOL -> true;
            default -> "'.:\u00B7\u0387\u055F\u05F4\u2018\u2019\u2024\u2027\uFE13\uFE52\uFE55\uFF07\uFF0E\uFF1A".indexOf(c) >= 0;
        };
    }

    /** Unicode's White_Space property, which differs from both of Java's notions of it. All of it lies in the basic plane. */
    static boolean isSpace(int c) {
        return switch (c) {
            case '\t', '\n', 0x0B, '\f', '\r', ' ', 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000 -> true;
            default -> c >= 0x2000 && c <= 0x200A;
        };
    }
}
