package dev.imu2clip.clip;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

/** Expected values are ftfy's and Python's; tokens.jsonl has many more, through the tokenizer. */
class TextCleanerTest {
    private static void assertCleaned(String expected, String text) {
        assertEquals(expected, TextCleaner.clean(text));
    }

    @Test
    void spaceAndCase() {
        assertCleaned("upper lower mixed", "  UPPER\t lower\r\n\u3000MiXeD\u00A0");
        assertCleaned("", " \n\t\u2003 ");
        assertCleaned("i\u0307stanbul", "\u0130stanbul");
        assertCleaned("\u03C3\u03AF\u03C3\u03C5\u03C6\u03BF\u03C2", "\u03A3\u03AF\u03C3\u03C5\u03C6\u039F\u03A3");
    }

    /** By Unicode's rule, which looks for cased letters beside it. */
    @Test
    void sigma() {
        assertCleaned("st0\u03C3 \u03B1\u03C2 \u03C3 \u03B1\u03C2' \u03B1'\u03C2 \u03B1\u03C3'\u03B1",
                "ST0\u03A3 \u0391\u03A3 \u03A3 \u0391\u03A3' \u0391'\u03A3 \u0391\u03A3'\u0391");
    }

    /** What was read by the wrong encoding: once, twice, in part, with losses, as CESU-8, with spaces for no-break spaces. */
    @Test
    void mojibake() {
        assertCleaned("it's caf\u00E9 \u2014 \u20AC5\u2026",
                "it\u00E2\u20AC\u2122s caf\u00C3\u00A9 \u00E2\u20AC\u201D \u00E2\u201A\u00AC5\u00E2\u20AC\u00A6");
        assertCleaned("\u00E9", "\u00C3\u0192\u00C2\u00A9");
        assertCleaned("\u65E5 \u00E9t\u00E9", "\u65E5 \u00C3\u00A9t\u00C3\u00A9");
        assertCleaned("\"like this \uFFFD", "\u00E2\u20AC\u0153like this \u00E2\u20AC\uFFFD");
        assertCleaned("\uD83D\uDE0D", "\u00ED\u00A0\u00BD\u00ED\u00B8\u008D");
        assertCleaned("voil\u00E0 le travail", "voil\u00C3 le travail");
        assertCleaned("\u043F\u0440\u0438\u0432\u0435\u0442", "\u0420\u0457\u0421\u0402\u0420\u0451\u0420\u0406\u0420\u00B5\u0421\u201A");
        assertCleaned("\u00E2ge \u00E5 \u00D7 \u00E0", "\u00E2ge \u00C5 \u00D7 \u00E0");
    }

    @Test
    void quotesLigaturesWidthAndComposition() {
        assertCleaned("\"it's\" 'low'", "\u201Cit\u2019s\u201D \u201Alow\u2018");
        assertCleaned("fine fluffier d\u017E 'n", "\uFB01ne \uFB02u\uFB03er \u01C6 \u0149");
        assertCleaned("full 12 \u30AC", "\uFF26\uFF35\uFF2C\uFF2C \uFF11\uFF12 \uFF76\uFF9E");
        assertCleaned("\u00E9", "e\u0301");
    }

    @Test
    void controlsAndBrokenCharacters() {
        assertCleaned("abc", "\uFEFFa\u0000b\u007F\u206Ac\uFFFC");
        assertCleaned("red", "\u001B[31mred\u001B[0m");
        assertCleaned("\u2026 \u20AC \u0081", "\u0085 \u0080 \u0081");
        assertCleaned("\uFFFD \uFFFD \uD83D\uDE00", "\uD83D \uDE00 \uD83D\uDE00");
    }

    @Test
    void references() {
        assertCleaned("<b> & \"\u00E9\"", "&lt;b&gt; &amp; &quot;&eacute;&quot;");
        assertCleaned("<i> it's", "&amp;lt;i&amp;gt; it&rsquo;s");
        assertCleaned("&foo \u00ACit \u00A9 &unknown; &", "&ampfoo &notit &copy &unknown; &");
        assertCleaned("p\u00E9rez strasse", "P&EACUTE;REZ STRA&SZLIG;E");
        assertCleaned("\uFFFD \u20AC \uFFFD \uFFFD .", "&#0; &#128; &#xD800; &#99999999999; &#1;.");
        assertCleaned("<p> \u201D", "<p> &rdquo;");
    }
}
