package dev.imu2clip.ops;

import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleBinaryOperator;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * How two shapes broadcast as in NumPy: aligned at the last dimension, a size of 1 repeats. Dimensions that both operands step through
 * alike are merged, so that kernels see few and long ones: a bias over (B, T, D) is two dimensions, a sum of like shapes is one.
 *
 * @param result shape of the result
 * @param sizes  the merged dimensions, outermost first, filled up with leading ones to {@link #RANK}
 * @param a      step of the first operand along each, in elements; 0 where it repeats
 * @param b      the same of the second
 */
record Broadcast(Shape result, long[] sizes, long[] a, long[] b) {
    static final int RANK = 6;

    static Broadcast of(String op, Shape a, Shape b) {
        int rank = Math.max(a.rank(), b.rank());
        if (rank > RANK) throw new IllegalArgumentException(op + " takes up to " + RANK + " dimensions, got " + a + " and " + b);
        long[] full = new long[rank], sizes = new long[RANK], stepsA = new long[RANK], stepsB = new long[RANK];
        Arrays.fill(sizes, 1);
        int to = RANK;
        long denseA = 1, denseB = 1;
        for (int i = 1; i <= rank; i++) {
            long sizeA = i <= a.rank() ? a.size(-i) : 1, sizeB = i <= b.rank() ? b.size(-i) : 1;
            if (sizeA != sizeB && sizeA != 1 && sizeB != 1)
                throw new IllegalArgumentException(op + ": shapes " + a + " and " + b + " do not broadcast: " + sizeA + " against " + sizeB
                        + " in dimension -" + i);
            long size = full[rank - i] = sizeA == 1 ? sizeB : sizeA;
            if (size == 1) continue;
            long stepA = sizeA == 1 ? 0 : denseA, stepB = sizeB == 1 ? 0 : denseB;
            boolean merges = to < RANK && stepA == stepsA[to] * sizes[to] && stepB == stepsB[to] * sizes[to];
            if (merges) sizes[to] *= size;
            else {
                sizes[--to] = size;
                stepsA[to] = stepA;
                stepsB[to] = stepB;
            }
            denseA *= sizeA;
            denseB *= sizeB;
        }
        return new Broadcast(Shape.of(full), sizes, stepsA, stepsB);
    }

    /** A kernel {@code y = f(a, b)} over a broadcast; run it with {@link #run}. */
    static Kernel kernel(String name, DoubleBinaryOperator f) {
        return new Kernel(name, "in a, in b, out y, " + fields("size") + ", " + fields("step_a") + ", " + fields("step_b"),
                args -> define(args, f));
    }

    private static String fields(String name) {
        return IntStream.range(0, RANK).mapToObj(i -> "size " + name + i).collect(Collectors.joining(", "));
    }

    void run(Kernel kernel, Tensor x, Tensor w, Tensor y) {
        List<Object> values = new ArrayList<>(List.of(x, w, y));
        for (long[] numbers : new long[][] {sizes, a, b}) for (long number : numbers) values.add(number);
        kernel.run(values.toArray());
    }

    private static void define(Args args, DoubleBinaryOperator f) {
        Reals a = args.reals("a"), b = args.reals("b"), y = args.reals("y");
        long[] sizes = numbers(args, "size"), stepsA = numbers(args, "step_a"), stepsB = numbers(args, "step_b");
        long count = Shape.of(sizes).count();
        for (long i = 0; i < count; i++) {
            long rest = i, atA = 0, atB = 0;
            for (int d = RANK - 1; d >= 0; d--) {
                atA += rest % sizes[d] * stepsA[d];
                atB += rest % sizes[d] * stepsB[d];
                rest /= sizes[d];
            }
            y.set(i, f.applyAsDouble(a.get(atA), b.get(atB)));
        }
    }

    private static long[] numbers(Args args, String name) {
        return IntStream.range(0, RANK).mapToLong(d -> args.size(name + d)).toArray();
    }
}
