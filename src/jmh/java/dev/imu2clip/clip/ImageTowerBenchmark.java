package dev.imu2clip.clip;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.ParameterStore;
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
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

import java.util.Random;
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

    private ImageTower tower;
    private ParameterStore store;
    private Workspace workspace;
    private Tensor pixels;

    @Setup
    public void setUp() {
        ImageConfig config = ImageConfig.VIT_B_32;
        tower = new ImageTower(config);
        store = ParameterStore.allocate(Backends.get(device), tower, false).initialise(0);
        workspace = new Workspace(store.device(), "image tower");
        Random random = new Random(0);
        float[] values = new float[batch * config.pixels()];
        for (int i = 0; i < values.length; i++) values[i] = (float) random.nextGaussian();
        pixels = Tensor.of(store.device(), values, batch, ImageConfig.CHANNELS, config.resolution(), config.resolution());
    }

    @Benchmark
    public float[] embed() {
        try (var _ = workspace.step()) {
            return tower.forward(new Tape(workspace), pixels).toFloats();
        }
    }

    @TearDown
    public void tearDown() {
        store.close();
        workspace.close();
    }
}
