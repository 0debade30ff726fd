package dev.imu2clip.bench;

import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.ForwardingBackend;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.backend.Recording;

/** A device that counts the kernel calls that it hands on, and the bytes of their tensors. */
final class Meter extends ForwardingBackend {
    private long calls, bytes;

    Meter(Backend device) {
        super(device);
    }

    @Override
    public void run(Kernel kernel, Args args) {
        calls++;
        bytes += args.tensorBytes();
        super.run(kernel, args);
    }

    /** A replay counts what was called while it was recorded; where it runs the work itself, that counts. */
    @Override
    public Recording record(Runnable work) {
        long callsBefore = calls, bytesBefore = bytes;
        Recording recording = super.record(work);
        long recordedCalls = calls - callsBefore, recordedBytes = bytes - bytesBefore;
        calls = callsBefore;
        bytes = bytesBefore;
        return new Recording() {
            @Override
            public void replay() {
                recording.replay();
                calls += recordedCalls;
                bytes += recordedBytes;
            }

            @Override
            public void close() {
                recording.close();
            }
        };
    }

    void reset() {
        calls = bytes = 0;
    }

    long calls() {
        return calls;
    }

    long bytes() {
        return bytes;
    }
}
