package dev.imu2clip.media;

import static org.bytedeco.ffmpeg.global.avformat.*;
import static org.bytedeco.ffmpeg.global.avutil.*;

import dev.imu2clip.io.AtomicFile;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.ffmpeg.avcodec.AVPacket;
import org.bytedeco.ffmpeg.avformat.AVFormatContext;
import org.bytedeco.ffmpeg.avformat.AVIOContext;
import org.bytedeco.ffmpeg.avformat.AVOutputFormat;
import org.bytedeco.ffmpeg.avformat.Seek_Pointer_long_int;
import org.bytedeco.ffmpeg.avformat.Write_packet_Pointer_BytePointer_int;
import org.bytedeco.ffmpeg.avutil.AVDictionary;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/**
 * An mp4 file being written to a channel, without dates and version numbers, so that the same frames give the same bytes. The channel is
 * ours and not FFmpeg's, so that {@link AtomicFile} holds the file and a full disk is the IOException that says so.
 */
final class Mp4File implements AutoCloseable {
    private static final int BUFFER = 1 << 18;
    /** Callbacks are few in JavaCPP (ten of a kind), so all files share these two and tell by the key whose bytes they are. */
    private static final Map<Long, Mp4File> OPEN = new ConcurrentHashMap<>();
    private static final AtomicLong KEYS = new AtomicLong();
    private static final Writing WRITING = new Writing();
    private static final Seeking SEEKING = new Seeking();

    final AVFormatContext format = new AVFormatContext(null);
    private final FileChannel channel;
    private final Key key = new Key(KEYS.incrementAndGet());
    private AVIOContext io;
    private IOException failure;
    private boolean begun;

    Mp4File(FileChannel channel) {
        this.channel = channel;
        try {
            StreamReader.check(avformat_alloc_output_context2(format, (AVOutputFormat) null, "mp4", (String) null), "no writer for mp4");
            format.flags(format.flags() | AVFormatContext.AVFMT_FLAG_BITEXACT | AVFormatContext.AVFMT_FLAG_CUSTOM_IO);
            OPEN.put(key.address(), this);
            io = avio_alloc_context(new BytePointer(av_malloc(BUFFER)), BUFFER, 1, key, null, WRITING, SEEKING);
            format.pb(io);
        } catch (Throwable e) {
            close();
            throw e;
        }
    }

    /** Writes a packet whose times are in its stream's units. The header comes before the first, when all streams are known. */
    void write(AVPacket packet) throws IOException {
        begin();
        check(av_interleaved_write_frame(format, packet));
    }

    void begin() throws IOException {
        check(0); // FFmpeg crashes when it is called again after a failure
        if (begun) return;
        begun = true;
        check(avformat_write_header(format, (AVDictionary) null));
    }

    /** Writes the index, without which the file is none. */
    void finish() throws IOException {
        begin();
        check(av_write_trailer(format));
        avio_flush(io);
        check(io.error());
    }

    private void check(int rc) throws IOException {
        if (rc < 0 && failure == null) failure = new IOException("FFmpeg's error " + rc);
        if (failure != null) throw failure;
    }

    private int write(BytePointer data, int size) {
        if (failure != null) return AVERROR_EIO();
        try {
            AtomicFile.writeFully(channel, data.capacity(size).asByteBuffer());
            return size;
        } catch (IOException e) {
            failure = e;
        } catch (RuntimeException e) {
            failure = new IOException(e);
        }
        return AVERROR_EIO();
    }

    private long seek(long offset, int whence) {
        if (whence != 0) return AVERROR_EINVAL();
        try {
            channel.position(offset);
            return offset;
        } catch (IOException e) {
            failure = e;
            return AVERROR_EIO();
        }
    }

    @Override
    public void close() {
        OPEN.remove(key.address());
        if (io != null) {
            av_free(io.buffer());
            avio_context_free(io);
            io = null;
        }
        if (!format.isNull()) {
            format.pb(null);
            avformat_free_context(format);
            format.setNull();
        }
    }

    /** A number that travels through C as a pointer; nothing is ever read there. */
    private static final class Key extends Pointer {
        Key(long number) {
            address = number;
        }
    }

    private static final class Writing extends Write_packet_Pointer_BytePointer_int {
        @Override
        public int call(Pointer key, BytePointer data, int size) {
            return OPEN.get(key.address()).write(data, size);
        }
    }

    private static final class Seeking extends Seek_Pointer_long_int {
        @Override
        public long call(Pointer key, long offset, int whence) {
            return OPEN.get(key.address()).seek(offset, whence);
        }
    }
}
