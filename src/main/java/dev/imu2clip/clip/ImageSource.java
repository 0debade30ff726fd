package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;

import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;

/** Images out of files: counts what was read, and either fails with the first that cannot be, or keeps why each could not. */
public abstract class ImageSource implements ImageEncoder.Pixels {
    private final boolean skipsBroken;
    private final SortedMap<Integer, InputException> failures = new TreeMap<>();
    private final LongAdder read = new LongAdder();

    ImageSource(boolean skipsBroken) {
        this.skipsBroken = skipsBroken;
    }

    /** To be called for every image that was read. */
    final void wasRead() {
        read.increment();
    }

    /** How many images were read; the others were known, or equal to one that was read. */
    public final int read() {
        return read.intValue();
    }

    /** What could not be read, by number, and why. */
    public final SortedMap<Integer, InputException> failures() {
        return Collections.unmodifiableSortedMap(failures);
    }

    /** The error of which none can be read. */
    public final InputException noneReadable() {
        return new InputException("none of " + count() + " pictures can be read. The first: "
                + failures.firstEntry().getValue().getMessage());
    }

    @Override
    public final void failed(int image, InputException error) {
        if (!skipsBroken) throw error;
        failures.put(image, error);
    }
}
