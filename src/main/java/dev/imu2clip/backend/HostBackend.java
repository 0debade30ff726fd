package dev.imu2clip.backend;

import dev.imu2clip.memory.Slab;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A backend over the host's memory: one shared arena a slab. */
public abstract class HostBackend implements Backend {
    private static final long ALIGNMENT = 64;

    /** The system has no memory left, however large the Java heap may be. */
    public static final class NoMemoryError extends OutOfMemoryError {
        private static final long serialVersionUID = 1;

        NoMemoryError(String what, long bytes) {
            super(what + ": " + (bytes >> 20) + " MiB of memory outside of the Java heap are needed, and the system has no more");
        }
    }

    @Override
    public Slab allocate(long bytes, String what) {
        Arena arena = Arena.ofShared();
        MemorySegment segment;
        try {
            segment = allocate(arena, bytes);
        } catch (OutOfMemoryError e) {
            arena.close();
            throw new NoMemoryError(what, bytes);
        }
        return new Slab(this, what, segment.address(), bytes, segment, arena::close);
    }

    /** Zeroed memory, aligned to 64 bytes, that is freed when {@code arena} closes; OutOfMemoryError where there is none. */
    protected MemorySegment allocate(Arena arena, long bytes) {
        return arena.allocate(bytes, ALIGNMENT);
    }

    @Override
    public void upload(MemorySegment source, Slab target, long offset) {
        MemorySegment.copy(source, 0, target.segment(), offset, source.byteSize());
    }

    @Override
    public void download(Slab source, long offset, MemorySegment target) {
        MemorySegment.copy(source.segment(), offset, target, 0, target.byteSize());
    }

    @Override
    public void copy(Slab source, long sourceOffset, Slab target, long targetOffset, long bytes) {
        MemorySegment.copy(source.segment(), sourceOffset, target.segment(), targetOffset, bytes);
    }

    @Override
    public void fill(Slab slab, long offset, long bytes, byte value) {
        slab.segment().asSlice(offset, bytes).fill(value);
    }
}
