package dev.imu2clip.io;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.imu2clip.io.Safetensors.Source;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes safetensors files. Metadata are sorted by key and tensors by element size, widest first and otherwise in the given order:
 * together with the padded header that aligns every tensor to its element size, since the format allows no gaps.
 */
final class SafetensorsWriter {
    private static final int CHUNK = 1 << 20;

    private SafetensorsWriter() {}

    static void write(Path file, Map<String, String> metadata, List<Source> tensors) {
        var names = new HashSet<String>();
        for (Source t : tensors)
            if (t.name().equals(SafetensorsHeader.METADATA) || !names.add(t.name()))
                throw new IllegalArgumentException("tensor name '" + t.name() + "' is reserved or used twice");
        List<Source> ordered = tensors.stream().sorted(Comparator.comparingInt((Source t) -> -t.dtype().bytes())).toList();
        byte[] header = header(metadata, ordered);
        if (header.length > SafetensorsHeader.MAX_BYTES)
            throw new IllegalArgumentException("header of " + header.length + " bytes is too long");
        AtomicFile.write(file, channel -> {
            ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).flip();
            AtomicFile.writeFully(channel, length);
            AtomicFile.writeFully(channel, ByteBuffer.wrap(header));
            ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK);
            for (Source t : ordered) stream(t.bytes(), channel, chunk);
        });
    }

    /** The header as JSON, filled up with spaces so that the data begin at a multiple of 8. */
    private static byte[] header(Map<String, String> metadata, List<Source> tensors) {
        ObjectNode root = new JsonMapper().createObjectNode();
        if (!metadata.isEmpty()) {
            ObjectNode texts = root.putObject(SafetensorsHeader.METADATA);
            new TreeMap<>(metadata).forEach(texts::put);
        }
        long at = 0;
        for (Source t : tensors) {
            ObjectNode node = root.putObject(t.name()).put("dtype", t.dtype().name());
            var shape = node.putArray("shape");
            for (long size : t.shape().sizes()) shape.add(size);
            node.putArray("data_offsets").add(at).add(at += t.bytes().byteSize());
        }
        byte[] json = root.toString().getBytes(StandardCharsets.UTF_8);
        byte[] padded = Arrays.copyOf(json, (json.length + 7) / 8 * 8);
        Arrays.fill(padded, json.length, padded.length, (byte) ' ');
        return padded;
    }

    private static void stream(MemorySegment bytes, FileChannel channel, ByteBuffer chunk) throws IOException {
        for (long at = 0; at < bytes.byteSize(); at += CHUNK) {
            long count = Math.min(CHUNK, bytes.byteSize() - at);
            MemorySegment.copy(bytes, at, MemorySegment.ofBuffer(chunk.clear()), 0, count);
            AtomicFile.writeFully(channel, chunk.limit((int) count));
        }
    }
}
