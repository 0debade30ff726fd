package dev.imu2clip.data.ego4d;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.imu2clip.data.Json;
import dev.imu2clip.io.AtomicFile;
import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What was made from what, a line of JSON for each: a run that was stopped is gone on with from here. A line is appended when its files are
 * complete on the disk. The last line may have been cut off; what it told of is then made again.
 */
final class PreparationLog implements AutoCloseable {
    /**
     * @param work what was made: {@code imu}, {@code video}, {@code audio}
     * @param source name, size and time of change of what it was made from, and the settings
     * @param sizes of the files that were made
     * @param result what the report tells of it
     */
    record Entry(String work, String uid, String source, List<Long> sizes, JsonNode result) {
        /** Whether these are the files that were made. */
        boolean describes(List<Path> files) {
            try {
                for (int i = 0; i < sizes.size(); i++) if (Files.size(files.get(i)) != sizes.get(i)) return false;
                return sizes.size() <= files.size();
            } catch (IOException e) {
                return false;
            }
        }
    }

    private final Path file;
    private final Map<String, Entry> entries = new TreeMap<>();
    private FileChannel channel;

    PreparationLog(Path file) {
        this.file = file;
        try {
            if (Files.exists(file)) new String(Files.readAllBytes(file), StandardCharsets.UTF_8).lines().forEach(this::read);
        } catch (IOException e) {
            throw new InputException(file + ": cannot be read (" + InputException.reason(e) + ")", e);
        }
        compact();
    }

    private void read(String line) {
        try {
            Entry entry = Json.MAPPER.readValue(line, Entry.class);
            if (entry != null && entry.work != null && entry.uid != null && entry.source != null && entry.sizes != null) put(entry);
        } catch (JsonProcessingException e) {
            // cut off by a kill: it is as if the work had not been done
        }
    }

    private void put(Entry entry) {
        entries.put(entry.work + " " + entry.uid, entry);
    }

    /** Null when it was not made. */
    synchronized Entry get(String work, String uid) {
        return entries.get(work + " " + uid);
    }

    synchronized void add(Entry entry) {
        put(entry);
        try {
            if (channel == null) channel = FileChannel.open(file, StandardOpenOption.WRITE, StandardOpenOption.APPEND);
            AtomicFile.writeFully(channel, ByteBuffer.wrap(line(entry).getBytes(StandardCharsets.UTF_8)));
        } catch (IOException e) {
            throw new InputException(file + ": cannot be written (" + InputException.reason(e) + "). Make room; the next run goes on", e);
        }
    }

    /** Writes the file anew: each entry once, in the order of their names. */
    private void compact() {
        StringBuilder text = new StringBuilder();
        entries.values().forEach(entry -> text.append(line(entry)));
        AtomicFile.write(file, text.toString());
    }

    private static String line(Entry entry) {
        try {
            return Json.MAPPER.writeValueAsString(entry) + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() throws IOException {
        if (channel != null) channel.close();
    }
}
