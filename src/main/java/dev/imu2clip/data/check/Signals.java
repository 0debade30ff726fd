package dev.imu2clip.data.check;

import dev.imu2clip.data.Layout;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Npy;
import dev.imu2clip.io.NpyArray;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;

/** A recording's mapped signal and clock as they lie on disk, whatever is wrong with their values. Channels as in docs/data.md. */
final class Signals {
    static final String[] NAMES = {"accel_x", "accel_y", "accel_z", "gyro_x", "gyro_y", "gyro_z"};
    static final int CHANNELS = 6;

    private final NpyArray signal;
    private final NpyArray clock;
    private final long channelStride;
    private final long timeStride;
    final int samples;

    /** A file is missing, damaged, or has another shape. */
    static final class Unusable extends Exception {
        final Finding finding;

        Unusable(String code, String text) {
            super(text, null, false, false);
            finding = Finding.bad(code, text);
        }
    }

    Signals(Layout layout, String uid, Arena arena) throws Unusable {
        signal = map(layout.signal(uid), arena);
        clock = map(layout.timestamps(uid), arena);
        var shape = signal.shape();
        boolean first = shape.rank() == 2 && shape.size(0) == CHANNELS;
        boolean last = shape.rank() == 2 && shape.size(1) == CHANNELS;
        if (first == last)
            throw new Unusable("channels", "The signal has the shape " + shape + (first ? ", which does not say which axis is time" : "")
                    + "; expected (6, N) or (N, 6)");
        long count = shape.size(first ? 1 : 0);
        if (clock.shape().rank() != 1 || clock.shape().size(0) != count)
            throw new Unusable("file-damaged", "The clock has the shape " + clock.shape() + "; the signal has " + count + " samples");
        if (count < 2 || count > Integer.MAX_VALUE) throw new Unusable("too-short", "It has " + count + " samples");
        samples = (int) count;
        channelStride = signal.stride(first ? 0 : 1);
        timeStride = signal.stride(first ? 1 : 0);
    }

    private static NpyArray map(Path file, Arena arena) throws Unusable {
        String name = file.getParent().getFileName() + "/" + file.getFileName();
        if (!Files.exists(file)) throw new Unusable("file-missing", name + " does not exist");
        try {
            return Npy.map(file, arena);
        } catch (InputException e) {
            throw new Unusable("file-damaged", e.getMessage().replace(file.toString(), name));
        }
    }

    double at(int channel, int sample) {
        return signal.at(channel * channelStride + sample * timeStride);
    }

    double ms(int sample) {
        return clock.at(sample);
    }
}
