package dev.imu2clip.data;

import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Sha256;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/** Windows in a fixed order. Immutable; indices into it name windows everywhere else. */
public record WindowTable(List<Window> windows) {
    public WindowTable {
        windows = List.copyOf(windows);
    }

    public int size() {
        return windows.size();
    }

    public Window get(int index) {
        return windows.get(index);
    }

    /** Distinct narrations and the narration of every window. */
    public TextIndex texts() {
        return TextIndex.of(windows, Window::text);
    }

    /** Distinct labels and the label of every window. */
    public TextIndex labels() {
        return TextIndex.of(windows, Window::label);
    }

    /** The number of samples all blocks have at {@code rateHz}. @throws InputException when the windows are not equally long */
    public int samples(int rateHz) {
        if (windows.isEmpty()) throw new InputException("there are no windows");
        int samples = windows.getFirst().samples(rateHz);
        for (Window window : windows)
            if (window.samples(rateHz) != samples)
                throw new InputException("windows of different lengths cannot share a batch: " + windows.getFirst() + " has " + samples
                        + " samples, " + window + " has " + window.samples(rateHz) + ". Import with one window length");
        return samples;
    }

    /** The first {@code n} windows. */
    public WindowTable limit(int n) {
        return n >= size() ? this : new WindowTable(windows.subList(0, n));
    }

    /** A share of the windows drawn by {@code seed}, at least one, in their old order. A larger share holds every smaller one. */
    public WindowTable fraction(double fraction, long seed) {
        if (!(fraction > 0 && fraction <= 1)) throw new InputException("a share of the windows must lie in (0, 1], not " + fraction);
        if (windows.isEmpty()) return this;
        int[] order = order(seed);
        int n = Math.max(1, (int) Math.round(fraction * size()));
        return new WindowTable(Arrays.stream(order, 0, n).sorted().mapToObj(windows::get).toList());
    }

    /** SHA-256 of all windows and their order, in hexadecimal: two runs that report the same saw the same windows. */
    public String fingerprint() {
        MessageDigest digest = Sha256.digest();
        for (Window w : windows)
            digest.update(String.join("\0", w.uid(), w.start() + "", w.end() + "", w.text(), w.label(), "\n").getBytes(StandardCharsets.UTF_8));
        return HexFormat.of().formatHex(digest.digest());
    }

    /** A permutation of the windows' places that depends on the seed alone. */
    public int[] order(long seed) {
        return new Rng(seed, size()).permutation(size());
    }
}
