package dev.imu2clip.data.ego4d;

import java.util.Locale;

/** Which narrations are used and what of their text, as the reference does it: {@code #C C sits down.} becomes {@code sits down}. */
public final class NarrationText {
    private static final int MAX_CHARACTERS = 128;

    private NarrationText() {}

    /** Whether it is about the person who wears the camera. */
    public static boolean isWearer(String text) {
        return text.toLowerCase(Locale.ROOT).contains("#c");
    }

    /** Without marks, surrounding blanks and then surrounding punctuation; in lower case; at most 128 characters. */
    public static String clean(String text) {
        String plain = strip(text.replace("#C C ", "").replace("#C", "").replace("#unsure", "something"), NarrationText::isBlank);
        String lower = strip(plain, NarrationText::isPunctuation).toLowerCase(Locale.ROOT);
        return lower.codePointCount(0, lower.length()) <= MAX_CHARACTERS ? lower
                : lower.substring(0, lower.offsetByCodePoints(0, MAX_CHARACTERS));
    }

    private static String strip(String text, java.util.function.IntPredicate outer) {
        int[] points = text.codePoints().toArray();
        int from = 0, to = points.length;
        while (from < to && outer.test(points[from])) from++;
        while (to > from && outer.test(points[to - 1])) to--;
        return new String(points, from, to - from);
    }

    /** What Python's {@code str.strip} takes away. */
    private static boolean isBlank(int c) {
        return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == 0x85;
    }

    /** Python's {@code string.punctuation}: ASCII alone. */
    private static boolean isPunctuation(int c) {
        return c > ' ' && c < 0x7F && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z');
    }
}
