package dev.imu2clip.io;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
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
public final class SafetensorsWriter {
    private SafetensorsWriter() {}

    /** Writes atomically; tensors are taken one after the other, piece by piece. */
    public static void write(Path file, Map<String, String> metadata, List<TensorSource> tensors) {
        var names = new HashSet<String>();
        for (TensorSource t : tensors)
            if (t.name().equals(SafetensorsHeader.METADATA) || !names.add(t.name()))
                throw new IllegalArgumentException("tensor name '" + t.name() + "' is reserved or used twice");
        List<TensorSource> ordered = tensors.stream().sorted(Comparator.comparingInt((TensorSource t) -> -t.dtype().bytes())).toList();
        byte[] header = header(metadata, ordered);
        if (header.length > SafetensorsHeader.MAX_BYTES)
            throw new IllegalArgumentException("header of " + header.length + " bytes is too long");
        AtomicFile.write(file, channel -> {
            ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).flip();
            AtomicFile.writeFully(channel, length);
            AtomicFile.writeFully(channel, ByteBuffer.wrap(header));
            for (TensorSource t : ordered) t.stream(bytes -> AtomicFile.writeFully(channel, bytes));
        });
    }

    /** The header as JSON, filled up with spaces so that the data begin at a multiple of 8. */
    private static byte[] header(Map<String, String> metadata, List<TensorSource> tensors) {
        ObjectNode root = new JsonMapper().createObjectNode();
        if (!metadata.isEmpty()) {
            ObjectNode texts = root.putObject(SafetensorsHeader.METADATA);
            new TreeMap<>(metadata).forEach(texts::put);
        }
        long at = 0;
        for (TensorSource t : tensors) {
            ObjectNode node = root.putObject(t.name()).put("dtype", t.dtype().name());
            var shape = node.putArray("shape");
            for (long size : t.shape().sizes()) shape.add(size);
            node.putArray("data_offsets").add(at).add(at += t.bytes());
        }
        byte[] json = root.toString().getBytes(StandardCharsets.UTF_8);
        byte[] padded = Arrays.copyOf(json, (json.length + 7) / 8 * 8);
        Arrays.fill(padded, json.length, padded.length, (byte) ' ');
        return padded;
    }
}
