package dev.imu2clip.backend.cuda;

import static jcuda.driver.JCudaDriver.*;

import dev.imu2clip.backend.cuda.CudaDriver.Address;
import dev.imu2clip.backend.cuda.CudaDriver.Host;
import dev.imu2clip.memory.Device;
import dev.imu2clip.memory.Slab;

import jcuda.Pointer;
import jcuda.driver.CUevent;
import jcuda.driver.CUstream;

import java.lang.foreign.MemorySegment;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The memory of a device: slabs, what holds how much of it, and copies between it and the host through a few pinned blocks, so that the
 * caller has its memory back at once and the copy runs beside its work.
 */
final class DeviceMemory {
    /** The device has no memory left. */
    static final class NoDeviceMemoryError extends OutOfMemoryError {
        private static final long serialVersionUID = 1;

        NoDeviceMemoryError(String message) {
            super(message);
        }
    }

    private static final int BLOCKS = 4, BLOCK_BYTES = 4 << 20;
    private static final int NO_TIMING = 2;

    /** Turns what a call of the driver answers into an error. */
    @FunctionalInterface
    interface Check {
        void check(int code, String call);
    }

    private record Block(Host pointer, MemorySegment memory, CUevent free) {}

    private final Device device;
    private final CUstream stream;
    private final Check check;
    private final Map<Long, Slab> slabs = new LinkedHashMap<>();
    private final Block[] blocks = new Block[BLOCKS];
    private int next;
    private Slab scratch;
    private boolean scratchRecorded;

    DeviceMemory(Device device, CUstream stream, Check check) {
        this.device = device;
        this.stream = stream;
        this.check = check;
        for (int i = 0; i < BLOCKS; i++) {
            Pointer pointer = new Pointer();
            check.check(cuMemHostAlloc(pointer, BLOCK_BYTES, 0), "cuMemHostAlloc");
            CUevent free = new CUevent();
            check.check(cuEventCreate(free, NO_TIMING), "cuEventCreate");
            Host host = new Host(new PinnedAddress(pointer).value());
            blocks[i] = new Block(host, MemorySegment.ofAddress(host.address()).reinterpret(BLOCK_BYTES), free);
        }
    }

    /** Reads the address that JCuda put into a pointer of its own. */
    private static final class PinnedAddress extends Pointer {
        PinnedAddress(Pointer pointer) {
            super(pointer);
        }

        long value() {
            return getNativePointer() + getByteOffset();
        }
    }

    synchronized Slab allocate(long bytes, String what) {
        long size = Math.max(bytes, 1);
        Address address = new Address();
        int code = cuMemAlloc(address, size);
        if (code == CudaDriver.OUT_OF_MEMORY) throw new NoDeviceMemoryError(explain(bytes, what));
        check.check(code, what + ": cuMemAlloc of " + bytes + " bytes");
        long at = address.address();
        Slab slab = new Slab(device, what, at, bytes, null, () -> free(at));
        slabs.put(at, slab);
        fill(at, bytes, (byte) 0);
        return slab;
    }

    private synchronized void free(long address) {
        slabs.remove(address);
        check.check(cuMemFree(new Address(address)), "cuMemFree");
    }

    private String explain(long bytes, String what) {
        long[] free = {0}, total = {0};
        cuMemGetInfo(free, total);
        Map<String, Long> held = slabs.values().stream().collect(Collectors.groupingBy(Slab::what, Collectors.summingLong(Slab::bytes)));
        String holders = held.entrySet().stream().sorted(Comparator.comparing(entry -> -entry.getValue())).limit(8)
                .map(entry -> entry.getKey() + " " + mib(entry.getValue())).collect(Collectors.joining(", "));
        long ours = held.values().stream().mapToLong(Long::longValue).sum();
        return "out of memory on " + device.name() + ": " + what + " needs " + mib(bytes) + ", " + mib(free[0]) + " of " + mib(total[0])
                + " are free. This process holds " + mib(ours) + (holders.isEmpty() ? "" : ": " + holders) + "; other processes and the driver "
                + mib(Math.max(0, total[0] - free[0] - ours)) + ". Take a smaller batch or model, or end what else uses the device";
    }

    private static String mib(long bytes) {
        return (bytes + (1 << 20) - 1 >> 20) + " MiB";
    }

    /**
     * Device memory for the time of one kernel: grows to the most that was asked for, which must not be while a step is recorded. What a
     * recorded step uses stays where it is.
     */
    synchronized long scratch(long bytes, boolean recording) {
        if (bytes == 0) return 0;
        if (scratch == null || scratch.bytes() < bytes) {
            if (recording) throw new IllegalStateException("a recorded step needs " + bytes + " bytes of scratch memory that are not there: "
                    + "run it once before it is recorded");
            if (scratch != null && !scratchRecorded) {
                check.check(cuStreamSynchronize(stream), "waiting for kernels that use scratch memory");
                scratch.close();
            }
            scratch = null;
            scratchRecorded = false;
            scratch = allocate(bytes, "scratch memory of kernels");
        }
        scratchRecorded |= recording;
        return scratch.address();
    }

    synchronized void upload(MemorySegment source, long target) {
        for (long done = 0; done < source.byteSize(); done += BLOCK_BYTES) {
            long bytes = Math.min(BLOCK_BYTES, source.byteSize() - done);
            Block block = take();
            MemorySegment.copy(source, done, block.memory, 0, bytes);
            check.check(cuMemcpyHtoDAsync(new Address(target + done), block.pointer, bytes, stream), "cuMemcpyHtoDAsync");
            check.check(cuEventRecord(block.free, stream), "cuEventRecord");
        }
    }

    /** @param wait waits for the device, and says which kernels are to blame where that fails */
    synchronized void download(long source, MemorySegment target, Runnable wait) {
        for (long done = 0; done < target.byteSize(); done += BLOCK_BYTES) {
            long bytes = Math.min(BLOCK_BYTES, target.byteSize() - done);
            Block block = take();
            check.check(cuMemcpyDtoHAsync(block.pointer, new Address(source + done), bytes, stream), "cuMemcpyDtoHAsync");
            wait.run();
            MemorySegment.copy(block.memory, 0, target, done, bytes);
        }
    }

    /** The next block of the ring, once its last copy is through. */
    private Block take() {
        Block block = blocks[next++ % BLOCKS];
        check.check(cuEventSynchronize(block.free), "cuEventSynchronize");
        return block;
    }

    void copy(long source, long target, long bytes) {
        if (bytes > 0) check.check(cuMemcpyDtoDAsync(new Address(target), new Address(source), bytes, stream), "cuMemcpyDtoDAsync");
    }

    void fill(long target, long bytes, byte value) {
        if (bytes > 0) check.check(cuMemsetD8Async(new Address(target), value, bytes, stream), "cuMemsetD8Async");
    }
}
