package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.concurrent.ConcurrentHashMap;

/**
 * CLIP's byte-pair tokenizer (Radford et al. 2021, section 2.4; Sennrich et al. 2016): the text is cleaned, cut into words, each word
 * written as byte symbols, and neighbouring symbols merged in the vocabulary's order. Thread-safe; words seen before are looked up.
 */
public final class Tokenizer {
    /** Tokens that CLIP's text tower takes, start and end included. */
    public static final int CONTEXT_LENGTH = 77;

    private static final int MAX_CACHED_WORDS = 1 << 16;
    private static final int MAX_CACHED_LENGTH = 64;
    private static final String[] CONTRACTIONS = {"s", "t", "re", "ve", "m", "ll", "d"};

    private final Vocabulary vocabulary;
    private final Map<String, int[]> cache = new ConcurrentHashMap<>();

    public Tokenizer(Vocabulary vocabulary) {
        this.vocabulary = vocabulary;
    }

    /** A tokenizer with the vocabulary at {@code path}; see {@link Vocabulary#read}. */
    public static Tokenizer read(Path path) {
        return new Tokenizer(Vocabulary.read(path));
    }

    /** A tokenizer that needs no file and splits words into bytes; for random weights only. See {@link Vocabulary#bytesOnly}. */
    public static Tokenizer bytesOnly() {
        return new Tokenizer(Vocabulary.bytesOnly());
    }

    public Vocabulary vocabulary() {
        return vocabulary;
    }

    /** The ids of a text, without start and end token, of any length. */
    public int[] encode(String text) {
        var ids = new Ids();
        String clean = TextCleaner.clean(text);
        for (int at = 0; at < clean.length(); ) {
            int end = wordEnd(clean, at);
            if (kind(clean.charAt(at)) != Kind.SPACE) ids.add(word(clean.substring(at, end)));
            at = end;
        }
        return ids.toArray();
    }

    /**
     * The ids of a text as the text tower takes them: start token, text, end token, zeros up to {@code contextLength}.
     *
     * @param truncate cut a text that is too long and make its last id the end token, instead of refusing it
     * @throws InputException when the text is too long and may not be cut
     */
    public int[] encode(String text, int contextLength, boolean truncate) {
        return Arrays.copyOf(withEnds("text", text, contextLength, truncate), contextLength);
    }

    /**
     * {@link #encode(String, int, boolean)} of each text, row by row: (texts, contextLength), as by {@code clip.tokenize}.
     *
     * @throws InputException that names the first text that is too long, counted from 0
     */
    public int[][] encode(List<String> texts, int contextLength, boolean truncate) {
        int[][] rows = new int[texts.size()][];
        for (int i = 0; i < rows.length; i++)
            rows[i] = Arrays.copyOf(withEnds("text " + i, texts.get(i), contextLength, truncate), contextLength);
        return rows;
    }

    /**
     * Ids of many texts one after the other, without padding.
     *
     * @param ids    start token, text and end token of each
     * @param starts (texts + 1): text i has {@code ids[starts[i]]} to {@code ids[starts[i + 1] - 1]}
     */
    public record Packed(int[] ids, int[] starts) {}

    /** The same ids as {@link #encode(List, int, boolean)} without the zeros. */
    public Packed pack(List<String> texts, int contextLength, boolean truncate) {
        var ids = new Ids();
        int[] starts = new int[texts.size() + 1];
        for (int i = 0; i < texts.size(); i++) {
            ids.add(withEnds("text " + i, texts.get(i), contextLength, truncate));
            starts[i + 1] = ids.size;
        }
        return new Packed(ids.toArray(), starts);
    }

    private int[] withEnds(String name, String text, int contextLength, boolean truncate) {
        if (contextLength < 2) throw new IllegalArgumentException("no room for start and end in " + contextLength + " tokens");
        int[] ids = encode(text);
        if (ids.length + 2 > contextLength && !truncate)
            throw new InputException(name + " \"" + (text.length() > 60 ? text.substring(0, 60) + "..." : text) + "\" has "
                    + (ids.length + 2) + " tokens with start and end, at most " + contextLength
                    + " fit. Shorten it, or allow it to be cut");
        int kept = Math.min(ids.length, contextLength - 2);
        int[] all = new int[kept + 2];
        all[0] = vocabulary.start();
        System.arraycopy(ids, 0, all, 1, kept);
        all[kept + 1] = vocabulary.end();
        return all;
    }

    /** The text of ids: words in lower case, each followed by a space; bytes that are no UTF-8 become U+FFFD. */
    public String decode(int... ids) {
        var bytes = new ByteArrayOutputStream();
        for (int id : ids) {
            String token = vocabulary.token(id);
            if (token == null) throw new IllegalArgumentException("no token has id " + id + "; ids are 0.." + (vocabulary.size() - 1));
            Vocabulary.bytes(token, bytes);
        }
        return bytes.toString(StandardCharsets.UTF_8).replace(Vocabulary.END_OF_WORD, " ");
    }

    /**
     * End of the word at {@code at}: a special token, a contraction's tail, a run of letters, one digit, a run of anything else but
     * white space, or (which is no word) one white space.
     */
    private static int wordEnd(String text, int at) {
        for (String special : List.of(Vocabulary.START, Vocabulary.END)) if (text.startsWith(special, at)) return at + special.length();
        int first = text.codePointAt(at);
        if (first == '\'') {
            for (String tail : CONTRACTIONS) if (text.startsWith(tail, at + 1)) return at + 1 + tail.length();
            // CLIP compares without regard to case, and so takes the long s, which has no lower case, for an s.
            if (text.startsWith("\u017F", at + 1)) return at + 2;
        }
        Kind kind = kind(first);
        int end = at + Character.charCount(first);
        if (kind == Kind.NUMBER || kind == Kind.SPACE) return end;
        while (end < text.length() && kind(text.codePointAt(end)) == kind) end += Character.charCount(text.codePointAt(end));
        return end;
    }

    private enum Kind { LETTER, NUMBER, SPACE, OTHER }

    /** No letter, and yet its capital is one: CLIP's pattern, which disregards case, finds it in no class, and so it parts words. */
    private static final int COMBINING_IOTA = 0x345;

    private static Kind kind(int c) {
        if (c == COMBINING_IOTA || TextCleaner.isSpace(c)) return Kind.SPACE;
        return switch (Character.getType(c)) {
            case Character.UPPERCASE_LETTER, Character.LOWERCASE_LETTER, Character.TITLECASE_LETTER, Character.MODIFIER_LETTER,
                    Character.OTHER_LETTER -> Kind.LETTER;
            case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER -> Kind.NUMBER;
            default -> Kind.OTHER;
        };
    }

    private int[] word(String word) {
        int[] known = cache.get(word);
        if (known != null) return known;
        int[] ids = switch (word) {
            case Vocabulary.START -> new int[] {vocabulary.start()};
            case Vocabulary.END -> new int[] {vocabulary.end()};
            default -> merge(word.getBytes(StandardCharsets.UTF_8));
        };
        if (word.length() <= MAX_CACHED_LENGTH && cache.size() < MAX_CACHED_WORDS) cache.put(word, ids);
        return ids;
    }

    /**
     * Byte-pair encoding of one word. Of all neighbouring pairs those of the lowest rank are merged, from left to right, all of them before
     * new pairs are looked at; then again. Pairs wait in a queue by (rank, position), so that a long word takes n log n steps, not n².
     */
    private int[] merge(byte[] word) {
        int n = word.length;
        var symbols = new Symbols(vocabulary, word);
        var queue = new PriorityQueue<Long>();
        for (int i = 0; i < n - 1; i++) symbols.offer(i, queue);
        int[] changed = new int[2 * n];
        while (!queue.isEmpty()) {
            long rank = queue.peek() >> 32;
            int changes = 0;
            while (!queue.isEmpty() && queue.peek() >> 32 == rank) {
                int left = queue.poll().intValue();
                if (!symbols.mergeAt(left, (int) rank)) continue;
                changed[changes++] = left;
                if (symbols.previous[left] >= 0) changed[changes++] = symbols.previous[left];
            }
            for (int i = 0; i < changes; i++) symbols.offer(changed[i], queue);
        }
        return symbols.toArray();
    }

    /** The symbols of a word as a linked list over byte positions; a merged symbol keeps its first position. */
    private static final class Symbols {
        private static final int GONE = -1;
        private final Vocabulary vocabulary;
        private final int[] ids;
        private final int[] next;
        private final int[] previous;

        Symbols(Vocabulary vocabulary, byte[] word) {
            int n = word.length;
            this.vocabulary = vocabulary;
            ids = new int[n];
            next = new int[n];
            previous = new int[n];
            for (int i = 0; i < n; i++) {
                ids[i] = vocabulary.symbol(word[i], i == n - 1);
                next[i] = i + 1;
                previous[i] = i - 1;
            }
        }

        private Vocabulary.Merge mergeOf(int left) {
            if (ids[left] == GONE || next[left] == ids.length) return null;
            return vocabulary.merge(ids[left], ids[next[left]]);
        }

        /** Queues the pair that begins at {@code left}, if it can merge. An outdated entry is found out by its rank. */
        void offer(int left, PriorityQueue<Long> queue) {
            Vocabulary.Merge merge = mergeOf(left);
            if (merge != null) queue.add((long) merge.rank() << 32 | left);
        }

        boolean mergeAt(int left, int rank) {
            Vocabulary.Merge merge = mergeOf(left);
            if (merge == null || merge.rank() != rank) return false;
            int right = next[left];
            ids[left] = merge.result();
            ids[right] = GONE;
            next[left] = next[right];
            if (next[left] < ids.length) previous[next[left]] = left;
            return true;
        }

        int[] toArray() {
            var out = new Ids();
            for (int i = 0; i < ids.length; i = next[i]) out.add(ids[i]);
            return out.toArray();
        }
    }

    /** A growing list of ids. */
    private static final class Ids {
        private int[] values = new int[16];
        private int size;

        void add(int... ids) {
            if (size + ids.length > values.length) values = Arrays.copyOf(values, Math.max(2 * values.length, size + ids.length));
            System.arraycopy(ids, 0, values, size, ids.length);
            size += ids.length;
        }

        int[] toArray() {
            return Arrays.copyOf(values, size);
        }
    }
}
