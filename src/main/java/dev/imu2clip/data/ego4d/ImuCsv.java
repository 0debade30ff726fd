package dev.imu2clip.data.ego4d;

import dev.imu2clip.io.InputException;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ForkJoinTask;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/**
 * Ego4D's motion of one video: a csv file with a header, plain or gzipped, of which the columns {@code canonical_timestamp_ms},
 * {@code accl_x..z} and {@code gyro_x..z} are read, in any order. Rows without a canonical time are left out and other missing values
 * become 0; both are counted.
 *
 * <p>A plain file is read piece by piece, each by the thread that parses it: the pieces of one file share the cores, a piece fits into a
 * core's cache, and a file that shrinks while it is read is an error and no signal to the process, as it would be for a mapped one.
 */
final class ImuCsv {
    static final String TIME = "canonical_timestamp_ms";
    /** As the prepared signal has them. */
    static final List<String> CHANNELS = List.of("accl_x", "accl_y", "accl_z", "gyro_x", "gyro_y", "gyro_z");
    static final int PIECE = 1 << 20;
    private static final int LONGEST_LINE = 1 << 16;

    /**
     * @param times milliseconds, in the order of the file
     * @param channels m/s² and rad/s, [6][times.length]
     * @param rows of the file, with those that were left out
     * @param untimed rows without a canonical time
     * @param missing values of a channel that were not there, [6]
     * @param ends whether the last line ends; where it does not, the file may have been cut off
     */
    record Table(double[] times, float[][] channels, long rows, long untimed, long[] missing, boolean ends) {}

    private final Path file;
    private final List<ForkJoinTask<ImuCsvPiece>> tasks = new ArrayList<>();
    private final List<ImuCsvPiece> pieces = new ArrayList<>();
    private ImuCsvHeader header;
    private boolean ends = true;

    private ImuCsv(Path file) {
        this.file = file;
    }

    /** @throws InputException naming the line that is wrong */
    static Table read(Path file) {
        return new ImuCsv(file).read();
    }

    private Table read() {
        try (FileChannel channel = FileChannel.open(file)) {
            byte[] start = new byte[2];
            int got = channel.read(ByteBuffer.wrap(start), 0);
            if (got <= 0) throw InputException.in(file, "is empty", "");
            if (got == 2 && start[0] == 0x1F && start[1] == (byte) 0x8B) readCompressed();
            else readPlain(channel);
        } catch (NoSuchFileException e) {
            throw new InputException(file + ": does not exist", e);
        } catch (EOFException | ZipException e) {
            throw new InputException(file + ": its compressed data are damaged or end too early. Copy the file again", e);
        } catch (IOException e) {
            throw new InputException(file + ": cannot be read (" + InputException.reason(e) + ")", e);
        } finally {
            tasks.forEach(task -> task.cancel(false)); // after a failure: no one waits for the others
        }
        return join();
    }

    private void readPlain(FileChannel channel) throws IOException {
        long size = channel.size();
        byte[] first = bytes(channel, 0, (int) Math.min(size, LONGEST_LINE), 0);
        header = ImuCsvHeader.parse(file, first);
        ends = bytes(channel, size - 1, 1, 0)[0] == '\n';
        for (long from = header.length(); from < size; from += PIECE) {
            long begin = from;
            tasks.add(ForkJoinTask.adapt(() -> piece(channel, begin, size)));
        }
        tasks.forEach(ForkJoinTask::fork);
        for (ForkJoinTask<ImuCsvPiece> task : tasks) {
            ImuCsvPiece piece = task.join(); // all of them, while the channel is open
            pieces.add(piece);
            if (piece.fault() != null) break;
        }
    }

    /** The lines that begin in {@code PIECE} bytes from {@code begin} on. */
    private ImuCsvPiece piece(FileChannel channel, long begin, long size) {
        long end = Math.min(size, begin + PIECE);
        // One byte more in front tells whether a line begins at the first.
        int read = (int) Math.min(size - begin, PIECE + LONGEST_LINE) + 1;
        byte[] bytes;
        try {
            bytes = bytes(channel, begin - 1, read, ImuCsvParser.BEYOND);
        } catch (IOException e) {
            return ImuCsvPiece.unreadable("cannot be read (" + InputException.reason(e) + ")");
        }
        int from = 1, to = (int) (end - begin) + 1;
        while (from < to && bytes[from - 1] != '\n') from++;
        while (to < read && bytes[to - 1] != '\n') to++;
        return ImuCsvParser.parse(header, bytes, from, to);
    }

    private byte[] bytes(FileChannel channel, long at, int count, int beyond) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(count + beyond).limit(count);
        while (buffer.hasRemaining())
            if (channel.read(buffer, at + buffer.position()) < 0) throw new IOException("it became shorter while it was read");
        return buffer.array();
    }

    private void readCompressed() throws IOException {
        try (InputStream stream = new GZIPInputStream(Files.newInputStream(file), 1 << 16)) {
            byte[] bytes = new byte[PIECE + ImuCsvParser.BEYOND];
            int kept = 0;
            for (boolean more = true; more;) {
                int got = stream.readNBytes(bytes, kept, PIECE - kept);
                more = got == PIECE - kept;
                int length = kept + got, from = 0;
                if (header == null) {
                    if (length == 0) throw InputException.in(file, "is empty", "");
                    header = ImuCsvHeader.parse(file, Arrays.copyOf(bytes, Math.min(length, LONGEST_LINE)));
                    from = header.length();
                }
                int to = length;
                if (more) while (to > from && bytes[to - 1] != '\n') to--;
                else ends = length == 0 || bytes[length - 1] == '\n';
                if (more && to == from) throw InputException.in(file, "has a line of more than " + PIECE + " bytes", "");
                pieces.add(ImuCsvParser.parse(header, bytes, from, to));
                kept = length - to;
                System.arraycopy(bytes, to, bytes, 0, kept);
            }
        }
    }

    private Table join() {
        int samples = 0;
        long lines = 1, rows = 0, untimed = 0;
        for (ImuCsvPiece piece : pieces) {
            if (piece.fault() != null) throw fault(piece, lines);
            lines += piece.lines();
            rows += piece.rows();
            untimed += piece.untimed();
            samples = Math.addExact(samples, piece.samples());
        }
        double[] times = new double[samples];
        float[][] channels = new float[CHANNELS.size()][samples];
        long[] missing = new long[channels.length];
        int at = 0;
        for (ImuCsvPiece piece : pieces) {
            piece.copyTo(times, channels, at);
            for (int c = 0; c < missing.length; c++) missing[c] += piece.missing()[c];
            at += piece.samples();
        }
        return new Table(times, channels, rows, untimed, missing, ends);
    }

    private InputException fault(ImuCsvPiece piece, long linesBefore) {
        boolean last = piece == pieces.getLast() && piece.faultIsLast() && !ends;
        return InputException.in(file, "line " + (linesBefore + piece.lines() + 1) + ": " + piece.fault()
                + (last ? ", in the file's last line, which does not end" : ""), last ? "The file was cut off; copy it again" : "");
    }
}
