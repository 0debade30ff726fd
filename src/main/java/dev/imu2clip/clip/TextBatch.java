package dev.imu2clip.clip;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.MemorySegment;
import java.util.List;

/** Tokens of some texts, each from its start to its end token, for one run of a tower. Behind shorter texts stand zeros, which change nothing. */
public record TextBatch(List<int[]> texts) {
    /** @return (texts, projection), not normalised; differentiable in the tower's parameters */
    public Tensor embed(Tape tape, TextTower tower) {
        int longest = texts.stream().mapToInt(text -> text.length).max().orElseThrow();
        int[] ids = new int[texts.size() * longest], ends = new int[texts.size()];
        for (int i = 0; i < ends.length; i++) {
            int[] text = texts.get(i);
            System.arraycopy(text, 0, ids, i * longest, text.length);
            ends[i] = i * longest + text.length - 1;
        }
        return tower.forward(tape, upload(tape, ids, ends.length, longest), upload(tape, ends, ends.length));
    }

    private static Tensor upload(Tape tape, int[] values, long... shape) {
        return tape.empty(DType.I32, shape).set(MemorySegment.ofArray(values));
    }
}
