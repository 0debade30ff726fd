package dev.imu2clip.bench;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Precision;
import dev.imu2clip.backend.Recording;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.memory.Slab;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.optim.Adam;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;
import dev.imu2clip.train.ContrastiveModel;

/**
 * One pre-training step of mw2 on windows of 1000 samples against given embeddings, as the trainer takes it: forward, symmetric InfoNCE,
 * backward, Adam, the loss read by the host; recorded after the second. Its inputs lie on the device already.
 */
public final class PretrainingStep implements Work {
    public static final int SAMPLES = 1000;
    private static final int EAGER_STEPS = 2;

    private final Backend backend;
    private final ContrastiveModel model = new ContrastiveModel(ImuEncoder.create("mw2"), true, 0.1, true);
    private final ParameterStore store;
    private final Adam adam;
    private final Workspace workspace, home;
    private final Tensor signals, targets, report;
    private final Slab reportMemory;
    private Recording recording;
    private int eager;

    public PretrainingStep(Backend backend, Precision precision, int batch) {
        this.backend = backend;
        precision.choose(backend);
        store = ParameterStore.allocate(backend, model, _ -> 1, precision.dtype()).initialise(0);
        adam = new Adam(store, Adam.Settings.of(2e-4));
        workspace = new Workspace(backend, "step");
        home = new Workspace(backend, "inputs");
        home.step();
        Tape inputs = new Tape(home);
        signals = Numbers.random(inputs.empty(DType.F32, batch, ImuEncoder.CHANNELS, SAMPLES), 1);
        targets = Numbers.random(inputs.empty(DType.F32, batch, model.encoder().width()), 1);
        reportMemory = backend.allocate(4, "the loss");
        report = Tensor.in(reportMemory, 0, Shape.of(1), DType.F32);
    }

    @Override
    public void run() {
        step();
    }

    /** @return the loss */
    public double step() {
        adam.prepare(1);
        if (eager++ < EAGER_STEPS) work();
        else {
            if (recording == null) recording = backend.record(this::work);
            recording.replay();
        }
        return report.item();
    }

    private void work() {
        try (var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            store.watch(tape);
            Tensor loss = model.loss(tape, model.embed(tape, signals), targets);
            store.gradients().clear();
            tape.backward(loss);
            adam.update();
            report.set(loss);
        }
    }

    /** The encoder alone, without gradients. @return one of its numbers */
    public float forward() {
        try (var _ = workspace.step()) {
            return model.encoder().encode(new Tape(workspace), signals).toFloats()[0];
        }
    }

    @Override
    public void close() {
        if (recording != null) recording.close();
        reportMemory.close();
        home.close();
        workspace.close();
        adam.close();
        store.close();
    }
}
