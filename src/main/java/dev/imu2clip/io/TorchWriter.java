package dev.imu2clip.io;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32;

/**
 * Writes a state dict as {@code torch.save} does, so that {@code torch.load(file, weights_only=True)} reads it: a zip archive without
 * compression, sizes and checksums behind each record, contents at multiples of 64 bytes. Its {@code data.pkl} is PyTorch's, byte for byte.
 * The same input gives the same bytes.
 */
public final class TorchWriter {
    private static final int ALIGNMENT = 64, LOCAL_SIZE = 30, CENTRAL_SIZE = 46, END_SIZE = 22;
    /** Sizes follow the content; names are UTF-8. */
    private static final short FLAGS = 0x0808;
    /** 1980-01-01, the zip format's first day. */
    private static final int DATE = 0x0021 << 16;
    private static final int LOCAL = 0x04034B50, DESCRIPTOR = 0x08074B50, CENTRAL = 0x02014B50, END = 0x06054B50;
    private static final String ROOT = "archive/";

    private record Record(byte[] name, int crc, long size, long start) {}

    private final FileChannel channel;
    private final List<Record> records = new ArrayList<>();
    private long at;

    private TorchWriter(FileChannel channel) {
        this.channel = channel;
    }

    /**
     * @param metadata texts for {@link TensorFile#metadata}; PyTorch does not see them
     * @throws InputException when the file cannot be written, or would be larger than 4 GiB
     */
    public static void write(Path file, Map<String, String> metadata, List<TensorSource> tensors) {
        long size = tensors.stream().mapToLong(TensorSource::bytes).sum() + (1 << 24);
        if (size >= 1L << 32) throw InputException.in(file, "would be larger than 4 GiB", "Write .safetensors");
        AtomicFile.write(file, channel -> {
            var writer = new TorchWriter(channel);
            writer.record("data.pkl", TorchPickle.of(tensors));
            writer.record("byteorder", "little".getBytes(StandardCharsets.US_ASCII));
            for (int i = 0; i < tensors.size(); i++) writer.record("data/" + i, tensors.get(i)::stream);
            writer.record("version", "3\n".getBytes(StandardCharsets.US_ASCII));
            if (!metadata.isEmpty()) writer.record(TorchFile.METADATA, json(metadata));
            writer.directory();
        });
    }

    private static byte[] json(Map<String, String> metadata) {
        try {
            return new JsonMapper().writeValueAsBytes(new TreeMap<>(metadata));
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(e);
        }
    }

    private interface Content {
        void stream(TensorSource.Sink sink) throws IOException;
    }

    private void record(String name, byte[] content) throws IOException {
        record(name, sink -> sink.take(ByteBuffer.wrap(content)));
    }

    private void record(String name, Content content) throws IOException {
        byte[] path = (ROOT + name).getBytes(StandardCharsets.UTF_8);
        long start = at;
        // A field of the kind "FB", which PyTorch made up, moves the content to a multiple of 64.
        int padding = (int) -(start + LOCAL_SIZE + path.length + 4) & ALIGNMENT - 1;
        ByteBuffer header = buffer(LOCAL_SIZE + path.length + 4 + padding);
        header.putInt(LOCAL).putShort((short) 0).putShort(FLAGS).putShort((short) 0).putInt(DATE).putInt(0).putInt(0).putInt(0);
        header.putShort((short) path.length).putShort((short) (4 + padding)).put(path);
        header.put((byte) 'F').put((byte) 'B').putShort((short) padding);
        Arrays.fill(header.array(), header.position(), header.limit(), (byte) 'Z');
        put(header.rewind());
        long from = at;
        var crc = new CRC32();
        content.stream(bytes -> {
            crc.update(bytes.duplicate());
            put(bytes);
        });
        long size = at - from;
        put(buffer(16).putInt(DESCRIPTOR).putInt((int) crc.getValue()).putInt((int) size).putInt((int) size).flip());
        records.add(new Record(path, (int) crc.getValue(), size, start));
    }

    private void directory() throws IOException {
        long start = at;
        for (Record r : records)
            // Between the name's length and the place stand the lengths of extra field and comment, the disk, and attributes: all 0.
            put(buffer(CENTRAL_SIZE + r.name.length).putInt(CENTRAL).putInt(0).putShort(FLAGS).putShort((short) 0).putInt(DATE)
                    .putInt(r.crc).putInt((int) r.size).putInt((int) r.size).putShort((short) r.name.length).put(new byte[12])
                    .putInt((int) r.start).put(r.name).flip());
        int count = records.size();
        put(buffer(END_SIZE).putInt(END).putShort((short) 0).putShort((short) 0).putShort((short) count).putShort((short) count)
                .putInt((int) (at - start)).putInt((int) start).putShort((short) 0).flip());
    }

    private static ByteBuffer buffer(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    private void put(ByteBuffer bytes) throws IOException {
        at += bytes.remaining();
        AtomicFile.writeFully(channel, bytes);
    }
}
