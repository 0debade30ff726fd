package dev.imu2clip.train;

import dev.imu2clip.io.InputException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * Scalars as a TensorBoard event file: TFRecords (length, masked CRC-32C of it, data, masked CRC-32C of that), each a protocol-buffer
 * {@code Event}, written by hand: {@code wall_time} 1, {@code step} 2, {@code file_version} 3, {@code summary} 5,
 * {@code session_log} 7 (tensorflow/core/util/event.proto).
 *
 * <p>A continued run opens a file of its own, beginning with {@code SessionLog.START} at its first step: TensorBoard then forgets what the
 * earlier files hold at that step and beyond.
 */
public final class TensorBoardWriter implements AutoCloseable {
    private static final int SESSION_START = 1;

    private final Path file;
    private final FileChannel channel;

    private TensorBoardWriter(Path file, FileChannel channel) {
        this.file = file;
        this.channel = channel;
    }

    /** @param step steps done so far: 0 for a new run */
    public static TensorBoardWriter open(Path folder, long step) {
        Path file = folder;
        try {
            Files.createDirectories(folder);
            long now = System.currentTimeMillis();
            do {
                file = folder.resolve(String.format(Locale.ROOT, "events.out.tfevents.%010d.%06d.imu2clip", now / 1000, now % 1000));
                now++;
            } while (Files.exists(file));
            var writer = new TensorBoardWriter(file, FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
            writer.write(new Message().number(1, seconds()).bytes(3, "brain.Event:2".getBytes(StandardCharsets.US_ASCII)));
            if (step > 0)
                writer.write(new Message().number(1, seconds()).varint(2, step + 1).message(7, new Message().varint(1, SESSION_START)));
            return writer;
        } catch (IOException e) {
            throw new InputException(file + ": cannot be opened for writing (" + e.getMessage() + ")", e);
        }
    }

    public Path file() {
        return file;
    }

    /** One event with a value for each tag, for instance {@code train/loss}. */
    public synchronized void scalars(long step, Map<String, ? extends Number> values) {
        Message summary = new Message();
        values.forEach((tag, value) -> summary.message(1,
                new Message().bytes(1, tag.getBytes(StandardCharsets.UTF_8)).number(2, value.floatValue())));
        write(new Message().number(1, seconds()).varint(2, step).message(5, summary));
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw failed(e);
        }
    }

    private void write(Message event) {
        byte[] data = event.bytes.toByteArray();
        ByteBuffer record = ByteBuffer.allocate(data.length + 16).order(ByteOrder.LITTLE_ENDIAN);
        record.putLong(data.length).putInt(maskedCrc(record.array(), 0, 8)).put(data).putInt(maskedCrc(data, 0, data.length)).flip();
        try {
            while (record.hasRemaining()) channel.write(record);
        } catch (IOException e) {
            throw failed(e);
        }
    }

    private InputException failed(IOException e) {
        return new InputException(file + ": cannot be written (" + e.getMessage() + "). Check free space", e);
    }

    /** Turned and shifted, because a checksum of data that holds checksums is weak. */
    private static int maskedCrc(byte[] bytes, int from, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, from, length);
        return Integer.rotateRight((int) crc.getValue(), 15) + 0xa282ead8;
    }

    private static double seconds() {
        return System.currentTimeMillis() / 1000.0;
    }

    /** A protocol-buffer message, as bytes that grow. */
    private static final class Message {
        private static final int VARINT = 0;
        private static final int FIXED64 = 1;
        private static final int BYTES = 2;
        private static final int FIXED32 = 5;

        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        Message varint(int field, long value) {
            tag(field, VARINT);
            raw(value);
            return this;
        }

        Message number(int field, double value) {
            tag(field, FIXED64);
            bytes.writeBytes(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putDouble(value).array());
            return this;
        }

        Message number(int field, float value) {
            tag(field, FIXED32);
            bytes.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(value).array());
            return this;
        }

        Message bytes(int field, byte[] value) {
            tag(field, BYTES);
            raw(value.length);
            bytes.writeBytes(value);
            return this;
        }

        Message message(int field, Message value) {
            return bytes(field, value.bytes.toByteArray());
        }

        private void tag(int field, int type) {
            raw((long) field << 3 | type);
        }

        private void raw(long value) {
            for (; (value & ~0x7fL) != 0; value >>>= 7) bytes.write((int) (value & 0x7f | 0x80));
            bytes.write((int) value);
        }
    }
}
