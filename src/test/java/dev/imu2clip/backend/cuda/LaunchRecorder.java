package dev.imu2clip.backend.cuda;

import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.backend.RecordingBackend;

import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The launches of a kernel call, computed from the launch comments without any device, for a GPU like the emulated one. */
final class LaunchRecorder implements RecordingBackend.Launches {
    private static final Map<String, Long> DEVICE = Map.of("SMS", 4L, "SHARED", 227L << 10, "MAJOR", 90L);
    private final KernelSources sources;

    LaunchRecorder(KernelSources sources) {
        this.sources = sources;
    }

    @Override
    public boolean has(Kernel kernel, Args args) {
        return sources.kernels().contains(kernel.name()) && (args.isFloat32() || args.types().contains("bf16"));
    }

    private record Call(String symbol, long[] sizes) {}

    @Override
    public void write(Kernel kernel, Args args, DataOutputStream file) throws IOException {
        List<Call> calls = new ArrayList<>();
        for (KernelSources.Launch launch : sources.implementations(kernel.name()).get(KernelSources.PLAIN)) {
            Map<String, Long> constants = new HashMap<>(sources.constants(launch.file()));
            constants.putAll(DEVICE);
            constants.put("T_BYTES", args.types().startsWith("_bf16") ? 2L : 4L);
            MemorySegment block = args.block();
            if (Expression.parse(launch.condition(), kernel, constants).of(block) == 0) continue;
            Expression[] grid = Programs.dimensions(launch.grid(), kernel, constants);
            Expression[] threads = Programs.dimensions(launch.block(), kernel, constants);
            long x = grid[0].of(block), y = grid[1].of(block), z = grid[2].of(block);
            if (x == 0 || y == 0 || z == 0) continue;
            calls.add(new Call(launch.function() + args.types(), new long[] {x, y, z, threads[0].of(block), threads[1].of(block),
                    threads[2].of(block), Expression.parse(launch.shared(), kernel, constants).of(block), launch.cooperative() ? 1 : 0,
                    Expression.parse(launch.scratch(), kernel, constants).of(block)}));
        }
        RecordingBackend.write(file, calls.size());
        for (Call call : calls) {
            RecordingBackend.write(file, call.symbol.length());
            file.write(call.symbol.getBytes(StandardCharsets.US_ASCII));
            for (long size : call.sizes) RecordingBackend.write(file, size);
        }
    }
}
