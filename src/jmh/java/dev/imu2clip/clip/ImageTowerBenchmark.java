package dev.imu2clip.clip;

import dev.imu2clip.backend.Backends;
import dev.imu2clip.backend.Precision;
import dev.imu2clip.bench.TowerWork;
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

/** ViT-B/32's image tower, frozen, on preprocessed images. The peers are in tools/peers/towers.py. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 1, time = 4)
@Measurement(iterations = 3, time = 5)
@Fork(value = 1, jvmArgsAppend = {"--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC"})
public class ImageTowerBenchmark {
    @Param({"1", "16"})
    public int batch;

    @Param("auto")
    public String device;

    private TowerWork tower;

    @Setup
    public void setUp() {
        tower = TowerWork.images(Backends.get(device), Precision.FP32, batch);
    }

    @Benchmark
    public float[] embed() {
        return tower.embed();
    }

    @TearDown
    public void tearDown() {
        tower.close();
    }
}
