package dev.imu2clip.train;

import dev.imu2clip.backend.Backends;
import dev.imu2clip.backend.Precision;
import dev.imu2clip.bench.PretrainingStep;
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
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

import java.util.concurrent.TimeUnit;

/**
 * One pre-training step of mw2 on windows of 1000 samples: forward, symmetric InfoNCE, backward, Adam; and the forward alone.
 * The peer is tools/peers/pytorch_step.py.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 3)
@Measurement(iterations = 3, time = 5)
@Fork(value = 1, jvmArgsAppend = {"--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC"})
public class StepBenchmark {
    @Param({"32", "256"})
    public int batch;

    @Param("auto")
    public String device;

    private PretrainingStep step;

    @Setup
    public void setUp() {
        step = new PretrainingStep(Backends.get(device), Precision.FP32, batch);
    }

    @Benchmark
    public double step() {
        return step.step();
    }

    @Benchmark
    public float forward() {
        return step.forward();
    }

    @TearDown
    public void tearDown() {
        step.close();
    }
}
