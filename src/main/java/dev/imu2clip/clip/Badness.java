package dev.imu2clip.clip;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.function.IntPredicate;

/**
 * Tells text that was probably decoded by the wrong encoding ("mojibake") from honest text: by sequences of characters that the former
 * is full of and nobody writes. The heuristic, its classes and sequences are those of ftfy 6.3 (Robyn Speer, Apache-2.0).
 */
final class Badness {
    /**
     * A line is a sequence: one element for each character, made of classes and of 'characters' themselves, joined by {@code |}.
     * {@code ^} is the start of the text.
     */
    private static final String SEQUENCES = """
            c1
            bad|lower_accented|upper_accented|box|start_punctuation|end_punctuation|currency|numeric|law bad
            latin lower_common|upper_common bad
            bad lower_accented|upper_accented|box|start_punctuation|end_punctuation|currency|numeric|law
            lower_accented|lower_common|box|end_punctuation|currency|numeric upper_accented
            box|end_punctuation|currency|numeric lower_accented
            lower_accented|box|end_punctuation currency
            whitespace upper_accented currency
            upper_accented|box numeric|law
            lower_accented|upper_accented|box|currency|end_punctuation start_punctuation numeric
            lower_accented|upper_accented|currency|numeric|box|law end_punctuation start_punctuation
            currency|numeric|box start_punctuation
            a-z upper_accented start_punctuation|currency
            box kaomoji
            lower_accented|upper_accented|currency|numeric|start_punctuation|end_punctuation|law box
            box end_punctuation
            lower_accented|upper_accented start_punctuation|end_punctuation word
            'Œœ' no-latin
            upper_accented '°'
            'ÂÃÎÐ' '€œŠš¢£Ÿž\u00A0\u00AD®©°·»–—´'|start_punctuation|end_punctuation
            '×' '²³'
            'ØÙ' ARABIC 'ØÙ' ARABIC
            'à' '²µ¹¼½¾'
            '√' '±∂†≠®™´≤≥¥µø'
            '≈' '°¢'
            '‚' 'Ä' 'ìîïòôúùû†°¢π'
            '‚' 'âó' 'àä°ê'
            'в' 'Ђ'
            'ВГРС' c1|bad|start_punctuation|end_punctuation|currency|'°µ' 'ВГРС'
            'Г' 'ў' 'В' 'Ђ' 'В' any latin|space
            'Ã' '\u00A0¡'
            a-z 'ÃÂ' space
            a-z whitespace 'ÃÂ' space
            ^ 'ÃÂ' space
            a-z|'.,?!'|end_punctuation 'Â' space|start_punctuation|end_punctuation
            'β' '€' '™\u00A0Ά\u00AD®°'
            'ΒΓΞΟ' c1|bad|start_punctuation|end_punctuation|currency|'°' 'ΒΓΞΟ'
            'ā' '€'
            """.replace("ARABIC", "common|currency|bad|numeric|start_punctuation|'ŸŠ®°µ»'");

    private static final List<List<IntPredicate>> RULES = new ArrayList<>();
    /** Characters that begin a sequence. */
    private static final BitSet FIRST = new BitSet();
    private static final IntPredicate START = _ -> false;

    static {
        for (String line : SEQUENCES.strip().split("\n")) {
            String[] elements = line.split(" ");
            RULES.add(Arrays.stream(elements).map(Badness::element).toList());
            FIRST.or(set(elements[elements[0].equals("^") ? 1 : 0]));
        }
    }

    private Badness() {}

    /** Whether any of the sequences occurs. */
    static boolean isBad(String text) {
        int foreign = -1;
        for (int i = 0; i < text.length(); i++) {
            if (foreign < i) {
                foreign = i;
                while (foreign < text.length() && text.charAt(foreign) < 0x80) foreign++;
                // Every sequence has a character beyond ASCII among its first three.
                i = Math.max(i, foreign - 2);
            }
            if (foreign == text.length()) return false;
            if (!FIRST.get(text.charAt(i))) continue;
            for (List<IntPredicate> rule : RULES) if (matches(rule, text, i)) return true;
        }
        return false;
    }

    private static boolean matches(List<IntPredicate> rule, String text, int at) {
        for (IntPredicate element : rule) {
            if (element == START) {
                if (at > 0) return false;
                continue;
            }
            if (at == text.length()) return false;
            int c = text.codePointAt(at);
            if (!element.test(c)) return false;
            at += Character.charCount(c);
        }
        return true;
    }

    private static IntPredicate element(String text) {
        return switch (text) {
            case "^" -> START;
            case "any" -> c -> c != '\n';
            case "no-latin" -> {
                BitSet latin = set("latin");
                yield c -> !latin.get(c);
            }
            case "word" -> c -> c == '_' || Character.isLetter(c) || isNumber(c);
            default -> set(text)::get;
        };
    }

    private static boolean isNumber(int c) {
        return switch (Character.getType(c)) {
            case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER -> true;
            default -> false;
        };
    }

    private static BitSet set(String element) {
        var set = new BitSet();
        for (String part : element.split("\\|")) {
            switch (part) {
                case "a-z" -> set.set('a', 'z' + 1);
                case "latin" -> {
                    set.set('a', 'z' + 1);
                    set.set('A', 'Z' + 1);
                }
                case "space" -> set.set(' ');
                case "whitespace" -> {
                    set.set(0x1C, 0x20); // which Python counts as white space too
                    for (int c = 0; c <= 0x3000; c++) if (TextCleaner.isSpace(c)) set.set(c);
                }
                case String s when s.startsWith("'") -> s.substring(1, s.length() - 1).chars().forEach(set::set);
                default -> set.or(MojibakeTables.characters(part));
            }
        }
        return set;
    }
}
