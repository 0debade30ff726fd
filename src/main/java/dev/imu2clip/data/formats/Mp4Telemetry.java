package dev.imu2clip.data.formats;

import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/**
 * The GPMF telemetry track ({@code gpmd}) of an MP4 file, by its sample table (ISO/IEC 14496-12): {@code stsz} has the sizes of the
 * payloads, {@code stsc} and {@code stco} or {@code co64} their places, {@code stts} their durations.
 */
final class Mp4Telemetry {
    private static final long MAX_INDEX = 256L << 20;
    private static final int MAX_PAYLOAD = 64 << 20;
    private static final int MAX_PAYLOADS = 10_000_000;

    private static final Set<String> FIRST = Set.of("ftyp", "wide", "free", "skip", "mdat", "moov");

    private Mp4Telemetry() {}

    /** @param start seconds from the beginning of the track */
    record Payload(int number, double start, double duration, ByteBuffer data) {}

    private record Box(String type, ByteBuffer body) {}

    /**
     * Reads one payload after the other.
     *
     * @return whether the file has a video track
     * @throws InputException when the file is no MP4 file, is truncated, or has no telemetry
     */
    static boolean read(Path file, Consumer<Payload> each) {
        try (FileChannel channel = FileChannel.open(file)) {
            ByteBuffer index = index(file, channel);
            boolean video = false;
            boolean telemetry = false;
            for (Box track : boxes(file, index)) {
                if (!track.type.equals("trak")) continue;
                ByteBuffer media = child(file, track.body, "mdia");
                String handler = fourCc(child(file, media, "hdlr"), 8);
                video |= handler.equals("vide");
                if (telemetry || !handler.equals("meta")) continue;
                ByteBuffer table = child(file, child(file, media, "minf"), "stbl");
                ByteBuffer description = child(file, table, "stsd");
                if (description.getInt(4) < 1 || !fourCc(description, 12).equals("gpmd")) continue;
                telemetry = true;
                payloads(file, channel, table, timescale(child(file, media, "mdhd")), each);
            }
            if (!telemetry)
                throw InputException.in(file, "has no GPMF telemetry track", "Give a file as the camera wrote it: cutting programs drop it");
            return video;
        } catch (IOException e) {
            throw SourceFiles.failed(file, 0, e);
        } catch (IndexOutOfBoundsException e) {
            throw new InputException(file + ": its index (moov) is damaged. Copy the file again", e);
        }
    }

    /** The body of the box {@code moov}. */
    private static ByteBuffer index(Path file, FileChannel channel) throws IOException {
        long length = channel.size();
        for (long at = 0; at + 8 <= length;) {
            ByteBuffer header = bytes(channel, at, (int) Math.min(16, length - at));
            long size = Integer.toUnsignedLong(header.getInt(0));
            int headerSize = size == 1 ? 16 : 8;
            if (size == 1) size = header.getLong(8);
            if (size == 0) size = length - at; // to the end of the file
            String type = fourCc(header, 4);
            if (at == 0 && !FIRST.contains(type) || size < headerSize)
                throw InputException.in(file, "is no MP4 file: at byte " + at + " there is no box", "");
            if (size > length - at)
                throw InputException.in(file, "is truncated: box '" + type + "' at byte " + at + " has " + size + " bytes, the file "
                        + (length - at), "Copy the file again");
            if (type.equals("moov")) {
                if (size > MAX_INDEX) throw InputException.in(file, "has an index (moov) of " + size + " bytes", "Copy the file again");
                return bytes(channel, at + headerSize, (int) (size - headerSize));
            }
            at += size;
        }
        throw InputException.in(file, "has no index (moov): it is no MP4 file, or its recording was cut off", "");
    }

    private static ByteBuffer bytes(FileChannel channel, long at, int count) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(count);
        while (buffer.hasRemaining()) if (channel.read(buffer, at + buffer.position()) < 0) throw new IOException("it ends too early");
        return buffer.flip();
    }

    private static String fourCc(ByteBuffer buffer, int at) {
        byte[] code = new byte[4];
        buffer.get(at, code);
        return new String(code, StandardCharsets.ISO_8859_1);
    }

    private static List<Box> boxes(Path file, ByteBuffer body) {
        List<Box> boxes = new ArrayList<>();
        for (int at = 0; at + 8 <= body.limit();) {
            long size = Integer.toUnsignedLong(body.getInt(at));
            String type = fourCc(body, at + 4);
            if (size < 8 || size > body.limit() - at)
                throw InputException.in(file, "box '" + type + "' in its index has " + size + " bytes", "Copy the file again");
            boxes.add(new Box(type, body.slice(at + 8, (int) size - 8)));
            at += (int) size;
        }
        return boxes;
    }

    private static ByteBuffer child(Path file, ByteBuffer body, String type) {
        return boxes(file, body).stream().filter(box -> box.type.equals(type)).findFirst().map(Box::body)
                .orElseThrow(() -> InputException.in(file, "box '" + type + "' is missing from its index", "Copy the file again"));
    }

    private static long timescale(ByteBuffer header) {
        return Integer.toUnsignedLong(header.getInt(header.get(0) == 1 ? 20 : 12));
    }

    private static void payloads(Path file, FileChannel channel, ByteBuffer table, long timescale, Consumer<Payload> each)
            throws IOException {
        ByteBuffer sizes = child(file, table, "stsz");
        int count = sizes.getInt(8);
        if (count < 0 || count > MAX_PAYLOADS || timescale == 0)
            throw InputException.in(file, "its telemetry has " + count + " payloads and a time scale of " + timescale, "Copy the file again");
        boolean wide = boxes(file, table).stream().anyMatch(box -> box.type.equals("co64"));
        ByteBuffer chunks = child(file, table, wide ? "co64" : "stco");
        ByteBuffer perChunk = child(file, table, "stsc"); // runs of (first chunk, payloads in each, description)
        ByteBuffer times = child(file, table, "stts"); // runs of (payloads, duration of each)
        long ticks = 0;
        for (int chunk = 0, run = 0, timeRun = 0, timeLeft = 0, number = 0; number < count; chunk++) {
            long at = wide ? chunks.getLong(8 + 8 * chunk) : Integer.toUnsignedLong(chunks.getInt(8 + 4 * chunk));
            while (run + 1 < perChunk.getInt(4) && perChunk.getInt(8 + 12 * (run + 1)) <= chunk + 1) run++;
            for (int k = perChunk.getInt(12 + 12 * run); k > 0 && number < count; k--, number++) {
                while (timeLeft == 0) timeLeft = times.getInt(8 + 8 * timeRun++);
                long duration = Integer.toUnsignedLong(times.getInt(4 + 8 * timeRun));
                timeLeft--;
                int size = sizes.getInt(4) != 0 ? sizes.getInt(4) : sizes.getInt(12 + 4 * number);
                if (size < 0 || size > MAX_PAYLOAD || at < 0 || at > channel.size() - size)
                    throw InputException.in(file, "is truncated: telemetry payload " + number + " lies at byte " + at + " with "
                            + size + " bytes, the file has " + channel.size(), "Copy the file again");
                each.accept(new Payload(number, (double) ticks / timescale, (double) duration / timescale, bytes(channel, at, size)));
                ticks += duration;
                at += size;
            }
        }
    }
}
