package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * CLIP's byte-pair vocabulary: 256 byte symbols, the same at the end of a word ({@code </w>}), the merges in order of rank, and the two
 * special tokens. Immutable. Read from files by {@link #read}; {@link #bytesOnly} needs none.
 */
public final class Vocabulary {
    static final String END_OF_WORD = "</w>";
    static final String START = "<|startoftext|>";
    static final String END = "<|endoftext|>";
    /** Size of every published CLIP's vocabulary; the last two ids are the start and the end token. */
    static final int CLIP_SIZE = 49408;

    /** Two neighbouring symbols that become {@code result}; the lowest rank goes first. */
    record Merge(int rank, int result) {}

    private static final char[] BYTE_SYMBOLS = byteSymbols();

    private final String[] tokens;
    private final Map<Long, Merge> merges;
    private final int[] byteIds = new int[256];
    private final int[] lastByteIds = new int[256];
    private final int start;
    private final int end;

    /**
     * @param ids    every token's id
     * @param pairs  the merges, by rank, as pairs of tokens
     * @param origin names the source in errors
     */
    Vocabulary(Map<String, Integer> ids, List<String[]> pairs, String origin) {
        int size = 1 + ids.values().stream().mapToInt(Integer::intValue).max().orElse(-1);
        tokens = new String[size];
        ids.forEach((token, id) -> tokens[id] = token);
        start = id(ids, START, origin);
        end = id(ids, END, origin);
        for (int b = 0; b < 256; b++) {
            byteIds[b] = id(ids, String.valueOf(BYTE_SYMBOLS[b]), origin);
            lastByteIds[b] = id(ids, BYTE_SYMBOLS[b] + END_OF_WORD, origin);
        }
        merges = HashMap.newHashMap(pairs.size());
        for (int rank = 0; rank < pairs.size(); rank++) {
            String[] pair = pairs.get(rank);
            int left = id(ids, pair[0], origin);
            int right = id(ids, pair[1], origin);
            merges.putIfAbsent(key(left, right), new Merge(rank, id(ids, pair[0] + pair[1], origin)));
        }
    }

    /**
     * Reads {@code bpe_simple_vocab_16e6.txt.gz} (also unpacked), or {@code vocab.json} with {@code merges.txt} beside it (either may be
     * named), or a folder that holds one of the two forms.
     *
     * @throws InputException when there is none, or a file is damaged
     */
    public static Vocabulary read(Path path) {
        return VocabularyFiles.read(path);
    }

    /**
     * The vocabulary in a folder, in one of the forms that {@link #read} takes; empty when there is none.
     *
     * @throws InputException when a file is damaged
     */
    public static Optional<Vocabulary> find(Path folder) {
        return VocabularyFiles.isIn(folder) ? Optional.of(VocabularyFiles.read(folder)) : Optional.empty();
    }

    /**
     * CLIP's byte symbols and special tokens with their usual ids and no merges: every word becomes its bytes. The ids have no meaning for
     * trained weights; for random weights they serve as well as any.
     */
    public static Vocabulary bytesOnly() {
        Map<String, Integer> ids = byteTokens();
        ids.put(START, CLIP_SIZE - 2);
        ids.put(END, CLIP_SIZE - 1);
        return new Vocabulary(ids, List.of(), "byte vocabulary");
    }

    /** The byte symbols with CLIP's ids: 0..255, and 256..511 for those at the end of a word. */
    static Map<String, Integer> byteTokens() {
        var ids = new HashMap<String, Integer>();
        int next = 0;
        for (int b : bytesInSymbolOrder()) {
            ids.put(String.valueOf(BYTE_SYMBOLS[b]), next);
            ids.put(BYTE_SYMBOLS[b] + END_OF_WORD, next++ + 256);
        }
        return ids;
    }

    /** Number of ids, the rows of the token embedding. */
    public int size() {
        return tokens.length;
    }

    /** Id of the start token. */
    public int start() {
        return start;
    }

    /** Id of the end token; the highest, so that the text tower finds it as the argmax of the ids. */
    public int end() {
        return end;
    }

    /** Id of the symbol of a byte, at the end of a word or before it. */
    int symbol(byte value, boolean last) {
        return (last ? lastByteIds : byteIds)[value & 0xFF];
    }

    /** How two neighbouring symbols merge; null when they do not. */
    Merge merge(int left, int right) {
        return merges.get(key(left, right));
    }

    /** The merges by rank, a line each: the two symbols with a space between. */
    List<String> mergeLines() {
        return merges.entrySet().stream().sorted(Comparator.comparingInt(entry -> entry.getValue().rank))
                .map(entry -> tokens[(int) (entry.getKey() >> 32)] + " " + tokens[entry.getKey().intValue()] + "\n").toList();
    }

    /** The token's symbols as text, or null when the vocabulary has no such id. */
    String token(int id) {
        return id < 0 || id >= tokens.length ? null : tokens[id];
    }

    /** The bytes that a token's symbols stand for, appended to {@code out}. Characters that are no symbol are kept as UTF-8. */
    static void bytes(String token, ByteArrayOutputStream out) {
        token.codePoints().forEach(c -> {
            int b = byteOf(c);
            if (b >= 0) out.write(b);
            else out.writeBytes(Character.toString(c).getBytes(StandardCharsets.UTF_8));
        });
    }

    private static int byteOf(int symbol) {
        for (int b = 0; b < 256; b++) if (BYTE_SYMBOLS[b] == symbol) return b;
        return -1;
    }

    private static int id(Map<String, Integer> ids, String token, String origin) {
        Integer id = ids.get(token);
        if (id == null) throw new InputException(origin + ": the vocabulary has no token '" + VocabularyFiles.abbreviated(token)
                + "'. Use CLIP's own vocabulary files");
        return id;
    }

    private static long key(int left, int right) {
        return (long) left << 32 | right;
    }

    private static boolean printable(int b) {
        return b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE;
    }

    /** Printable bytes stand for themselves (as Latin-1); the others, which merges could not show, get characters from U+0100 on. */
    private static char[] byteSymbols() {
        char[] symbols = new char[256];
        char next = 256;
        for (int b = 0; b < 256; b++) symbols[b] = printable(b) ? (char) b : next++;
        return symbols;
    }

    private static int[] bytesInSymbolOrder() {
        int[] order = new int[256];
        int count = 0;
        for (int b = 0; b < 256; b++) if (printable(b)) order[count++] = b;
        for (int b = 0; b < 256; b++) if (!printable(b)) order[count++] = b;
        return order;
    }
}
