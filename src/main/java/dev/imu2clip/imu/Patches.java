package dev.imu2clip.imu;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.ops.Layout;
import dev.imu2clip.tensor.Tensor;

/** Windows of motion cut into patches: {@code size} samples of all channels, side by side; what is left over at the end is not seen. */
record Patches(int size) {
    static final String SIZE = "patch_size";

    /** Numbers in a patch: one channel's samples after the other's. */
    int values() {
        return ImuEncoder.CHANNELS * size;
    }

    /** (N, 6, T) to (N, T / size, 6 size), or to (T / size, N, 6 size) where time comes first. */
    Tensor cut(Tape tape, Tensor signals, boolean timeFirst) {
        long n = signals.size(0), patches = signals.size(2) / size;
        Tensor whole = patches * size == signals.size(2) ? signals : Layout.slice(tape, signals, 2, 0, patches * size);
        Tensor cut = Layout.reshape(tape, whole, n, ImuEncoder.CHANNELS, patches, size);
        return timeFirst ? Layout.reshape(tape, Layout.transpose(tape, cut, 2, 0, 1, 3), patches, n, values())
                : Layout.reshape(tape, Layout.transpose(tape, cut, 0, 2, 1, 3), n, patches, values());
    }
}
