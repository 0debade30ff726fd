package dev.imu2clip.train;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.optim.Adam;
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
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

import java.util.Random;
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
    private static final int SAMPLES = 1000, WIDTH = 512;

    @Param({"32", "256"})
    public int batch;

    @Param("auto")
    public String device;

    private ContrastiveModel model;
    private ParameterStore store;
    private Adam adam;
    private Workspace workspace;
    private Tensor signals;
    private Tensor targets;

    @Setup
    public void setUp() {
        model = new ContrastiveModel(ImuEncoder.create("mw2"), true, 0.1, true);
        store = ParameterStore.allocate(Backends.get(device), model, true).initialise(0);
        adam = new Adam(store, Adam.Settings.of(2e-4));
        workspace = new Workspace(store.device(), "step");
        Random random = new Random(0);
        signals = Tensor.of(store.device(), gaussian(random, batch * 6 * SAMPLES), batch, 6, SAMPLES);
        targets = Tensor.of(store.device(), gaussian(random, batch * WIDTH), batch, WIDTH);
    }

    private static float[] gaussian(Random random, int n) {
        float[] values = new float[n];
        for (int i = 0; i < n; i++) values[i] = (float) random.nextGaussian();
        return values;
    }

    @Benchmark
    public double step() {
        try (var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            store.watch(tape);
            Tensor loss = model.loss(tape, model.embed(tape, signals), targets);
            tape.backward(loss);
            adam.step(1);
            return loss.item();
        }
    }

    @Benchmark
    public float forward() {
        try (var _ = workspace.step()) {
            return model.encoder().encode(new Tape(workspace), signals).toFloats()[0];
        }
    }

    @TearDown
    public void tearDown() {
        adam.close();
        store.close();
        workspace.close();
    }
}
