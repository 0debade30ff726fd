package dev.imu2clip.clip;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.imu2clip.io.AtomicFile;
import dev.imu2clip.io.InputException;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;

/** Reads the two forms in which CLIP's vocabulary is published, and writes one of them. */
final class VocabularyFiles {
    static final String OFFICIAL = "bpe_simple_vocab_16e6.txt.gz";
    private static final String UNPACKED = "bpe_simple_vocab_16e6.txt";
    private static final String VOCAB = "vocab.json";
    private static final String MERGES = "merges.txt";
    /** The file lists more merges than CLIP uses: its vocabulary is cut at 49,152 symbols, special tokens included. */
    private static final int OFFICIAL_MERGES = 49152 - 256 - 2;
    /** Unpacked bytes read at most; the real files have about 3 MB. Guards against a bomb. */
    private static final int MAX_BYTES = 32 << 20;
    private static final JsonMapper JSON = JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

    private VocabularyFiles() {}

    static Vocabulary read(Path path) {
        if (Files.isDirectory(path)) return readFolder(path);
        String name = String.valueOf(path.getFileName());
        if (name.equals(VOCAB) || name.equals(MERGES)) return readPair(path.resolveSibling(VOCAB), path.resolveSibling(MERGES));
        if (name.endsWith(".json"))
            throw InputException.in(path, "is not a known vocabulary file",
                    "Give " + OFFICIAL + ", or " + VOCAB + " with " + MERGES + " beside it");
        return readOfficial(path);
    }

    static boolean isIn(Path folder) {
        return Stream.of(OFFICIAL, UNPACKED, VOCAB).anyMatch(name -> Files.exists(folder.resolve(name)));
    }

    /** Writes a vocabulary as {@code vocab.json} and {@code merges.txt}. Ids that are no token's get one that no text has. */
    static void write(Path folder, Vocabulary vocabulary) {
        ObjectNode ids = JSON.createObjectNode();
        for (int id = 0; id < vocabulary.size(); id++) ids.put(Objects.requireNonNullElse(vocabulary.token(id), "<|unused " + id + "|>"), id);
        AtomicFile.write(folder.resolve(VOCAB), ids + "\n");
        AtomicFile.write(folder.resolve(MERGES), "#version: 0.2\n" + String.join("", vocabulary.mergeLines()));
    }

    private static Vocabulary readFolder(Path folder) {
        for (String name : List.of(OFFICIAL, UNPACKED))
            if (Files.exists(folder.resolve(name))) return readOfficial(folder.resolve(name));
        if (Files.exists(folder.resolve(VOCAB))) return readPair(folder.resolve(VOCAB), folder.resolve(MERGES));
        throw InputException.in(folder, "holds no CLIP vocabulary", "Put " + OFFICIAL + ", or " + VOCAB + " and " + MERGES + ", there");
    }

    private static Vocabulary readOfficial(Path file) {
        List<String[]> merges = merges(file, lines(file, OFFICIAL_MERGES + 2), OFFICIAL_MERGES);
        if (merges.size() < OFFICIAL_MERGES)
            throw InputException.in(file, "has " + merges.size() + " merges, expected at least " + OFFICIAL_MERGES, "Get the file again");
        Map<String, Integer> ids = Vocabulary.byteTokens();
        int next = 512;
        for (String[] pair : merges) ids.put(pair[0] + pair[1], next++);
        ids.put(Vocabulary.START, next++);
        ids.put(Vocabulary.END, next);
        return new Vocabulary(ids, merges, file.toString());
    }

    private static Vocabulary readPair(Path vocab, Path merges) {
        return new Vocabulary(ids(vocab), merges(merges, lines(merges, -1), Integer.MAX_VALUE), vocab + " and " + merges.getFileName());
    }

    private static Map<String, Integer> ids(Path file) {
        JsonNode root;
        try {
            root = JSON.readTree(text(file));
        } catch (JsonProcessingException e) {
            throw InputException.in(file, "is not valid JSON (" + e.getOriginalMessage() + ")", "Get the file again");
        }
        if (!root.isObject()) throw InputException.in(file, "is not a JSON object of tokens and ids", "Get the file again");
        var ids = new HashMap<String, Integer>();
        var used = new BitSet();
        for (var field : root.properties()) {
            JsonNode id = field.getValue();
            if (!id.isInt() || id.intValue() < 0 || id.intValue() >= root.size() || used.get(id.intValue()))
                throw InputException.in(file, "token '" + field.getKey() + "' has id " + id
                        + ", expected one of its own from 0.." + (root.size() - 1),
                        "Get the file again");
            used.set(id.intValue());
            ids.put(field.getKey(), id.intValue());
        }
        return ids;
    }

    /** The merges of a file whose first line, when it names the version, is skipped. */
    private static List<String[]> merges(Path file, String[] lines, int limit) {
        var merges = new ArrayList<String[]>();
        int first = lines[0].contains("#version") ? 1 : 0;
        for (int i = first; i < lines.length && merges.size() < limit; i++) {
            String line = lines[i].stripTrailing();
            if (line.isEmpty() && i == lines.length - 1) break;
            String[] pair = line.split(" ");
            if (pair.length != 2 || pair[0].isEmpty())
                throw InputException.in(file, "line " + (i + 1) + " is no pair of symbols: '"
                        + line.substring(0, Math.min(40, line.length())) + "'", "Get the file again");
            merges.add(pair);
        }
        return merges;
    }

    /** The lines of a file; with a limit, the last one of that many is the whole rest. */
    private static String[] lines(Path file, int limit) {
        return text(file).split("\n", limit);
    }

    /** The file's text, unpacked when it is a gzip file. */
    private static String text(Path file) {
        try (InputStream raw = new BufferedInputStream(Files.newInputStream(file))) {
            raw.mark(2);
            boolean packed = raw.read() == 0x1F && raw.read() == 0x8B;
            raw.reset();
            InputStream in = packed ? new GZIPInputStream(raw, 1 << 16) : raw;
            byte[] bytes = in.readNBytes(MAX_BYTES + 1);
            if (bytes.length > MAX_BYTES)
                throw InputException.in(file, "is larger than any CLIP vocabulary", "Check that it is the right file");
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException e) {
            throw InputException.in(file, "is not UTF-8 text", "Check that it is the right file");
        } catch (NoSuchFileException e) {
            throw InputException.in(file, "no such file", "It belongs to CLIP's vocabulary");
        } catch (IOException e) {
            throw new InputException(file + ": cannot be read (" + e.getMessage() + "). Get the file again", e);
        }
    }
}
