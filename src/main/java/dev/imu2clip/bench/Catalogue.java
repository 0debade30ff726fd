package dev.imu2clip.bench;

import dev.imu2clip.clip.ImageConfig;
import dev.imu2clip.clip.TextConfig;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.ops.Activation;
import dev.imu2clip.ops.Attention;
import dev.imu2clip.ops.AttentionMask;
import dev.imu2clip.ops.Conv1d;
import dev.imu2clip.ops.GroupNorm;
import dev.imu2clip.ops.Gru;
import dev.imu2clip.ops.InfoNce;
import dev.imu2clip.ops.L2Normalize;
import dev.imu2clip.ops.LayerNorm;
import dev.imu2clip.ops.MatMul;
import dev.imu2clip.ops.PackedLinear;
import dev.imu2clip.ops.PackedLinear.Finish;
import dev.imu2clip.ops.Pool1d;
import dev.imu2clip.ops.Reduction;
import dev.imu2clip.ops.Softmax;
import dev.imu2clip.tensor.DType;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** What {@code bench} measures: kernels at the sizes of the models, the pre-training step, the towers. */
final class Catalogue {
    /** Time steps that mw2's convolutions leave of 1000 samples, and units of its GRU. */
    private static final int STEPS = 32, UNITS = 512;
    private static final int IMAGE_TOKENS = 50, WIDTH = 768, HIDDEN = 3072;

    private final List<Benchmark> all = new ArrayList<>();

    private Catalogue() {}

    /**
     * @param steps  batches of the pre-training step and its kernels
     * @param towers batches of the towers and their kernels
     */
    static List<Benchmark> of(List<Integer> steps, List<Integer> towers) {
        Catalogue catalogue = new Catalogue();
        towers.forEach(catalogue::towerKernels);
        steps.forEach(catalogue::encoderKernels);
        steps.forEach(catalogue::step);
        towers.forEach(catalogue::towers);
        catalogue.narrations();
        return catalogue.all;
    }

    private static long[] shape(long... sizes) {
        return sizes;
    }

    private void forward(String name, int batch, double flops, OpWork.Op op, long[]... shapes) {
        add(name, batch, flops, false, op, shapes);
    }

    /** Forward, and forward with backward, which has twice the products of the forward on top. */
    private void bothWays(String name, int batch, double flops, OpWork.Op op, long[]... shapes) {
        add(name, batch, flops, false, op, shapes);
        add(name + " and backward", batch, 3 * flops, true, op, shapes);
    }

    private void add(String name, int batch, double flops, boolean backward, OpWork.Op op, long[]... shapes) {
        String sizes = Arrays.stream(shapes).map(sizesOf -> Arrays.toString(sizesOf).replace(" ", "")).collect(Collectors.joining(" "));
        all.add(new Benchmark(name, sizes, batch, flops, true,
                (backend, precision) -> {
                    precision.choose(backend);
                    return new OpWork(backend, precision.dtype(), backward, op, shapes);
                }));
    }

    private void linear(String name, int batch, long rows, long in, long out) {
        forward("matmul " + name, batch, 2.0 * rows * in * out, (t, x) -> MatMul.linear(t, x[0], x[1], x[2]), shape(rows, in), shape(out, in),
                shape(out));
    }

    /** The product of frozen weights, with what follows it. */
    private void packed(String name, int batch, long rows, long in, long out, Finish finish) {
        String sizes = "[%d,%d] [%d,%d]".formatted(rows, in, out, in);
        all.add(new Benchmark("packed linear " + name, sizes, batch, 2.0 * rows * in * out, true, (backend, precision) -> {
            precision.choose(backend);
            long[] panels = PackedLinear.panels(out, in, Math.max(1, backend.panelWidth())).sizes();
            return new OpWork(backend, precision.dtype(), false, (t, x) -> PackedLinear.linear(t, x[0], x[1], out, x[2], finish), shape(rows, in),
                    panels, shape(out));
        }));
    }

    private void towerKernels(int batch) {
        long rows = (long) batch * IMAGE_TOKENS;
        linear("qkv", batch, rows, WIDTH, 3 * WIDTH);
        linear("projection", batch, rows, WIDTH, WIDTH);
        linear("hidden", batch, rows, WIDTH, HIDDEN);
        linear("contracting", batch, rows, HIDDEN, WIDTH);
        packed("qkv", batch, rows, WIDTH, 3 * WIDTH, Finish.NOTHING);
        packed("hidden", batch, rows, WIDTH, HIDDEN, Finish.QUICK_GELU);
        bothWays("attention", batch, 4.0 * batch * IMAGE_TOKENS * IMAGE_TOKENS * WIDTH,
                (t, x) -> Attention.selfAttention(t, x[0], AttentionMask.NONE), shape(batch, IMAGE_TOKENS, 3, 12, 64));
        forward("attention of texts", batch, 4.0 * batch * TowerWork.TOKENS * TowerWork.TOKENS * 512,
                (t, x) -> Attention.selfAttention(t, x[0], AttentionMask.CAUSAL), shape(batch, TowerWork.TOKENS, 3, 8, 64));
        bothWays("layer norm", batch, 0, (t, x) -> LayerNorm.layerNorm(t, x[0], x[1], x[2], 1e-5), shape(rows, WIDTH), shape(WIDTH), shape(WIDTH));
        bothWays("softmax", batch, 0, (t, x) -> Softmax.softmax(t, x[0]), shape(12 * rows, IMAGE_TOKENS));
        forward("quick gelu", batch, 0, (t, x) -> Activation.quickGelu(t, x[0]), shape(rows, HIDDEN));
    }

    private void encoderKernels(int batch) {
        bothWays("group norm", batch, 0, (t, x) -> GroupNorm.groupNorm(t, x[0], 2, x[1], x[2], 1e-5), shape(batch, 6, 1000), shape(6), shape(6));
        bothWays("conv1d 1", batch, 2.0 * batch * 982 * 32 * 6 * 10, (t, x) -> Conv1d.conv1d(t, x[0], x[1], 2), shape(batch, 6, 1000),
                shape(32, 6, 10));
        bothWays("conv1d 2", batch, 2.0 * batch * 319 * 32 * 32 * 5, (t, x) -> Conv1d.conv1d(t, x[0], x[1], 2), shape(batch, 32, 327),
                shape(32, 32, 5));
        bothWays("max pool", batch, 0, (t, x) -> Pool1d.maxPool(t, x[0], 3), shape(batch, 32, 982));
        bothWays("gru", batch, gru(batch), (t, x) -> Gru.layer(t, x[0], new Gru.Weights(x[1], x[2], x[3], x[4]), false).last(),
                shape(STEPS, batch, 32), shape(3 * UNITS, 32), shape(3 * UNITS, UNITS), shape(3 * UNITS), shape(3 * UNITS));
        bothWays("info nce", batch, 4.0 * batch * batch * 512, (t, x) -> InfoNce.inBatch(t, L2Normalize.l2Normalize(t, x[0]),
                L2Normalize.l2Normalize(t, x[1]), t.full(DType.F32, 10, 1), true, Reduction.MEAN), shape(batch, 512), shape(batch, 512));
    }

    private static double gru(int batch) {
        return 2.0 * STEPS * batch * 3 * UNITS * (32 + UNITS);
    }

    private void step(int batch) {
        double forward = 2.0 * batch * (982 * 32 * 6 * 10 + 319 * 32 * 32 * 5 + 98 * 32 * 32 * 5) + gru(batch) + 4.0 * batch * batch * 512;
        all.add(new Benchmark("step", "mw2 [" + batch + "," + ImuEncoder.CHANNELS + "," + PretrainingStep.SAMPLES + "]", batch, 3 * forward, false,
                (backend, precision) -> new PretrainingStep(backend, precision, batch)));
    }

    private void towers(int batch) {
        ImageConfig image = ImageConfig.VIT_B_32;
        double patches = 2.0 * (image.positions() - 1) * 3 * image.patch() * image.patch() * image.width();
        all.add(new Benchmark("image tower", "ViT-B/32 [" + batch + ",3,224,224]", batch,
                batch * (patches + transformer(image.positions(), image.layers(), image.width(), image.hidden())), false,
                (backend, precision) -> TowerWork.images(backend, precision, batch)));
        TextConfig text = TextConfig.VIT_B_32;
        all.add(new Benchmark("text tower", "ViT-B/32 [" + batch + "," + TowerWork.TOKENS + "]", batch,
                batch * transformer(TowerWork.TOKENS, text.layers(), text.width(), text.hidden()), false,
                (backend, precision) -> TowerWork.texts(backend, precision, batch)));
    }

    /** The same tower on texts as narrations are, at their own lengths. */
    private void narrations() {
        TextConfig text = TextConfig.VIT_B_32;
        List<int[]> texts = IntStream.range(0, 256).mapToObj(TowerWork::narration).sorted((a, b) -> a.length - b.length).toList();
        double flops = texts.stream().mapToDouble(ids -> transformer(ids.length, text.layers(), text.width(), text.hidden())).sum();
        all.add(new Benchmark("narrations", "ViT-B/32, 256 texts of 5 to 14 tokens", texts.size(), flops, false,
                (backend, precision) -> TowerWork.texts(backend, precision, texts)));
    }

    private static double transformer(double tokens, int layers, double width, double hidden) {
        return layers * 2 * tokens * (4 * width * width + 2 * width * hidden + 2 * tokens * width);
    }
}
