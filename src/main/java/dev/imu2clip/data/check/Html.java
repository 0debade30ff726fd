package dev.imu2clip.data.check;

/** Text for a page that is XML as well as HTML. */
final class Html {
    private Html() {}

    static String escape(String text) {
        StringBuilder out = new StringBuilder(text.length() + 16);
        text.codePoints().forEach(c -> {
            switch (c) {
                case '&' -> out.append("&amp;");
                case '<' -> out.append("&lt;");
                case '>' -> out.append("&gt;");
                case '"' -> out.append("&quot;");
                case '\'' -> out.append("&#39;");
                default -> out.appendCodePoint(isXml(c) ? c : '?');
            }
        });
        return out.toString();
    }

    /** Control characters and halves of surrogates are no part of XML 1.0. */
    private static boolean isXml(int c) {
        return c >= 0x20 ? !(c >= 0xD800 && c <= 0xDFFF || c == 0xFFFE || c == 0xFFFF) && !(c >= 0x7F && c < 0xA0) : c == '\t' || c == '\n';
    }
}
