package dev.imu2clip.bench;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Recording;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

import java.util.ArrayList;
import java.util.List;

/** An op alone, forward or both ways; recorded, so that on a GPU only its kernels count. */
final class OpWork implements Work {
    /** The op as a function of inputs of these shapes. */
    interface Op {
        Tensor apply(Tape tape, Tensor[] inputs);
    }

    private final Workspace home, workspace;
    private final Tensor[] inputs;
    private final List<Tensor> gradients = new ArrayList<>();
    private final Op op;
    private final boolean backward;
    private final Tape inputTape;
    private Tensor cotangent;
    private final Recording recording;

    /** @param backward whether to differentiate it in all its inputs, which counts then too */
    OpWork(Backend backend, DType dtype, boolean backward, Op op, long[]... shapes) {
        this.op = op;
        this.backward = backward;
        home = new Workspace(backend, "inputs");
        workspace = new Workspace(backend, "op");
        home.step(); // stays open until the workspace closes
        inputTape = new Tape(home);
        inputs = new Tensor[shapes.length];
        for (int i = 0; i < inputs.length; i++) {
            inputs[i] = Numbers.random(inputTape.empty(dtype, shapes[i]), 0.1);
            if (backward) gradients.add(inputTape.empty(dtype.wide(), shapes[i]));
        }
        work();
        work(); // now its workspace has all it needs
        recording = backend.record(this::work);
    }

    private void work() {
        try (var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            for (int i = 0; i < gradients.size(); i++) tape.watch(inputs[i], gradients.get(i));
            Tensor y = op.apply(tape, inputs);
            if (!backward) return;
            if (cotangent == null) cotangent = Numbers.random(inputTape.empty(y.dtype(), y.shape().sizes()), 0.1);
            tape.backward(y, cotangent);
        }
    }

    @Override
    public void run() {
        recording.replay();
    }

    @Override
    public void close() {
        recording.close();
        workspace.close();
        home.close();
    }
}
