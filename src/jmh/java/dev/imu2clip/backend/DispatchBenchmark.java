package dev.imu2clip.backend;

import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

import java.util.concurrent.TimeUnit;

/**
 * What a kernel call costs before it does any work: arguments checked and written, the way from Java to C, and with two parts the start of
 * another thread and the wait for it. The kernel is {@code accumulate} over no elements; its tensors' size decides the number of parts.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 3, time = 1)
@Fork(value = 1, jvmArgsAppend = {"--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC", "-Dimu2clip.threads=2"})
public class DispatchBenchmark {
    private static final Kernel EMPTY = new Kernel("accumulate", "in x, inout y, size n", _ -> {});
    private static final long BYTES_A_PART = 16 << 10;

    @Param({"1", "2"})
    public int threads;

    private Tensor x, y;

    @Setup
    public void setUp() {
        long count = threads * BYTES_A_PART / 2 / DType.F32.bytes();
        x = Tensor.zeros(Backends.get("cpu"), DType.F32, count);
        y = Tensor.zeros(Backends.get("cpu"), DType.F32, count);
    }

    @Benchmark
    public void call() {
        EMPTY.run(x, y, 0L);
    }
}
