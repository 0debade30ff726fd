package dev.imu2clip.clip;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
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
import java.util.LinkedHashMap;
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
    private static final int MAX_BYTES = 8 << 20;
    /** Tokens, and merges, of a vocabulary in two files; CLIP has 49,408. */
    private static final int MAX_TOKENS = 1 << 18;
    private static final int MAX_SHOWN = 80;
    private static final JsonFactory JSON = JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

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
        ObjectNode ids = new JsonMapper().createObjectNode();
        for (int id = 0; id < vocabulary.size(); id++)
            ids.put(Objects.requireNonNullElse(vocabulary.token(id), "<|unused " + id + "|>"), id);
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
        List<String[]> merges = merges(file, OFFICIAL_MERGES, true);
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
        return new Vocabulary(ids(vocab), merges(merges, MAX_TOKENS, false), vocab + " and " + merges.getFileName());
    }

    private static Map<String, Integer> ids(Path file) {
        var ids = new LinkedHashMap<String, Integer>();
        try (JsonParser json = JSON.createParser(text(file))) {
            if (json.nextToken() != JsonToken.START_OBJECT)
                throw InputException.in(file, "is not a JSON object of tokens and ids", "Get the file again");
            while (json.nextToken() != JsonToken.END_OBJECT) {
                String token = json.currentName();
                boolean whole = json.nextToken() == JsonToken.VALUE_NUMBER_INT && json.getNumberType() == JsonParser.NumberType.INT;
                if (!whole) throw badId(file, token, json.getText(), MAX_TOKENS);
                if (ids.size() == MAX_TOKENS)
                    throw InputException.in(file, "has more than " + MAX_TOKENS + " tokens", "Check that it is the right file");
                ids.put(token, json.getIntValue());
            }
        } catch (IOException e) {
            String problem = e instanceof JsonProcessingException json ? json.getOriginalMessage() : e.getMessage();
            throw InputException.in(file, "is not valid JSON (" + abbreviated(problem) + ")", "Get the file again");
        }
        var used = new BitSet();
        ids.forEach((token, id) -> {
            if (id < 0 || id >= ids.size() || used.get(id)) throw badId(file, token, id, ids.size());
            used.set(id);
        });
        return ids;
    }

    private static InputException badId(Path file, String token, Object id, int count) {
        return InputException.in(file, "token '" + abbreviated(token) + "' has id " + abbreviated(id.toString())
                + ", expected one of its own from 0.." + (count - 1), "Get the file again");
    }

    /** The merges of a file, {@code limit} of them at most; a first line that names the version is skipped. */
    private static List<String[]> merges(Path file, int limit, boolean moreMayFollow) {
        var merges = new ArrayList<String[]>();
        String text = text(file);
        int number = 0;
        for (int at = 0, end; at < text.length(); at = end + 1) {
            end = text.indexOf('\n', at);
            if (end < 0) end = text.length();
            String line = text.substring(at, end).stripTrailing();
            if (++number == 1 && line.contains("#version")) continue;
            if (merges.size() == limit && moreMayFollow) break;
            String[] pair = line.split(" ", 3);
            if (merges.size() == limit)
                throw InputException.in(file, "has more than " + limit + " merges", "Check that it is the right file");
            if (pair.length != 2 || pair[0].isEmpty())
                throw InputException.in(file, "line " + number + " is no pair of symbols: '" + abbreviated(line) + "'",
                        "Get the file again");
            merges.add(pair);
        }
        return merges;
    }

    /** What a file holds, fit to be shown in a line. */
    static String abbreviated(String text) {
        return text.substring(0, Math.min(MAX_SHOWN, text.length())).replaceAll("\\p{Cntrl}|[\\x80-\\x9F]", "?");
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
            throw new InputException(file + ": cannot be read (" + InputException.reason(e) + "). Get the file again", e);
        }
    }
}
