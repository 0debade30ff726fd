package dev.imu2clip.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * {@code metrics.jsonl}: one JSON object a line, first {@code step} (optimiser steps done so far), then whatever was measured. Every line
 * is handed to the system before {@link #append} returns, so it outlives the process; a line cut off by a power failure is dropped
 * when the file is opened again.
 */
public final class MetricsLog implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path file;
    private final FileChannel channel;

    private MetricsLog(Path file, FileChannel channel) {
        this.file = file;
        this.channel = channel;
    }

    /**
     * Opens the log to go on after {@code step}: whatever a run wrote beyond the checkpoint that it continues from is cut off, for it
     * will be written again. Step 0 begins a log, and removes what was there.
     */
    public static MetricsLog open(Path file, long step) {
        return open(file, step, line -> true);
    }

    /** The same, cut off already at the first line that is not {@code kept}. */
    static MetricsLog open(Path file, long step, Predicate<JsonNode> kept) {
        try {
            Files.createDirectories(file.toAbsolutePath().getParent());
            long length = Files.exists(file) && step > 0 ? lengthUpTo(Files.readAllBytes(file), step, kept) : 0;
            FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            channel.truncate(length).position(length);
            return new MetricsLog(file, channel);
        } catch (IOException e) {
            throw new InputException(file + ": cannot be opened for writing (" + e.getMessage() + ")", e);
        }
    }

    /** @param values numbers and texts; a number that is not finite becomes null, for JSON has none */
    public synchronized void append(long step, Map<String, ?> values) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("step", step);
        values.forEach((name, value) -> line.put(name, value instanceof Number n && !Double.isFinite(n.doubleValue()) ? null : value));
        try {
            ByteBuffer bytes = ByteBuffer.wrap((JSON.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8));
            while (bytes.hasRemaining()) channel.write(bytes);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("metrics cannot be written as JSON: " + e.getOriginalMessage(), e);
        } catch (IOException e) {
            throw new InputException(file + ": cannot be written (" + e.getMessage() + "). Check free space", e);
        }
    }

    /** Every whole line of a log. */
    public static List<JsonNode> read(Path file) {
        try {
            byte[] bytes = Files.readAllBytes(file);
            List<JsonNode> lines = new ArrayList<>();
            for (int start = 0, end; (end = lineEnd(bytes, start)) >= 0; start = end) {
                JsonNode line = parse(bytes, start, end);
                if (line != null) lines.add(line);
            }
            return lines;
        } catch (IOException e) {
            throw new InputException(file + ": cannot be read (" + InputException.reason(e) + ")", e);
        }
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw new InputException(file + ": cannot be written (" + e.getMessage() + "). Check free space", e);
        }
    }

    /** Bytes up to the first line that is not whole or lies beyond {@code step}. */
    private static long lengthUpTo(byte[] bytes, long step, Predicate<JsonNode> kept) {
        int start = 0;
        for (int end; (end = lineEnd(bytes, start)) >= 0; start = end) {
            JsonNode line = parse(bytes, start, end);
            if (line == null || !line.path("step").isIntegralNumber() || line.get("step").asLong() > step || !kept.test(line)) break;
        }
        return start;
    }

    /** One past the line's newline, or -1 where no newline follows. */
    private static int lineEnd(byte[] bytes, int start) {
        for (int i = start; i < bytes.length; i++) if (bytes[i] == '\n') return i + 1;
        return -1;
    }

    private static JsonNode parse(byte[] bytes, int start, int end) {
        try {
            JsonNode node = JSON.readTree(new String(bytes, start, end - start, StandardCharsets.UTF_8));
            return node.isObject() ? node : null;
        } catch (JsonProcessingException e) {
            return null;
        }
    }
}
