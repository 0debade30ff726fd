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
