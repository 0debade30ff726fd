package dev.imu2clip.clip;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.ops.Layout;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Texts as tokens, each from its start to its end token, the shorter ones first. Those of like length run through the tower together;
 * behind the shorter of them stand zeros, which change nothing.
 */
public record TextBatch(List<int[]> texts) {
    /** A further run costs about as much as so many tokens, most of it for adding up the gradients of the weights. */
    private static final int COST_OF_RUN = 64;

    public TextBatch {
        for (int i = 1; i < texts.size(); i++)
            if (texts.get(i - 1).length > texts.get(i).length)
                throw new IllegalArgumentException("text " + i + " is shorter than the one before");
    }

    /** @return (texts, projection), not normalised; differentiable in the tower's parameters */
    public Tensor embed(Tape tape, TextTower tower) {
        List<Tensor> parts = runs().stream().map(run -> embed(tape, tower, run)).toList();
        return parts.size() == 1 ? parts.getFirst() : Layout.concat(tape, 0, parts.toArray(Tensor[]::new));
    }

    /** The cut into runs that costs least. */
    List<List<int[]>> runs() {
        int n = texts.size();
        long[] cost = new long[n + 1];
        int[] from = new int[n + 1];
        for (int to = 1; to <= n; to++) {
            cost[to] = Long.MAX_VALUE;
            for (int start = to - 1; start >= 0; start--) {
                long tokens = (long) (to - start) * texts.get(to - 1).length;
                if (cost[start] + tokens + COST_OF_RUN >= cost[to]) continue;
                cost[to] = cost[start] + tokens + COST_OF_RUN;
                from[to] = start;
            }
        }
        List<List<int[]>> runs = new ArrayList<>();
        for (int to = n; to > 0; to = from[to]) runs.addFirst(texts.subList(from[to], to));
        return runs;
    }

    private static Tensor embed(Tape tape, TextTower tower, List<int[]> texts) {
        int longest = texts.getLast().length;
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
