package dev.imu2clip.train;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.clip.EmbeddingCache;
import dev.imu2clip.clip.ImageConfig;
import dev.imu2clip.clip.ImageEncoder;
import dev.imu2clip.clip.TextEncoder;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.ops.Elementwise;
import dev.imu2clip.optim.Adam;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
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

/**
 * An epoch of pre-training mw2 against text and image (one frame a window), batch 32, with CLIP ViT-B/32 frozen: {@link #computed} runs
 * both towers in every step, {@link #cached} opens the disk cache that an earlier epoch filled and takes the embeddings from there. The
 * quotient is what the cache is worth. Decoding of video is in neither: the frames are preprocessed in memory.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 1)
@Measurement(iterations = 3)
@Fork(value = 1, jvmArgsAppend = {"-Xmx3g", "--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC"})
public class CachedTowersBenchmark {
    private static final int BATCH = 32, SAMPLES = 1000, WIDTH = 512;

    @Param("128")
    public int windows;

    @Param("auto")
    public String device;

    private Path folder;
    private Backend backend;
    private ImageEncoder images;
    private TextEncoder texts;
    private ContrastiveModel model;
    private ParameterStore store;
    private Adam adam;
    private Workspace workspace;
    private float[] signals;
    private float[] pixels;

    /** Windows as pixels; the key is the window's number. */
    private record Frames(float[] pixels, int first, int count) implements ImageEncoder.Pixels {
        @Override
        public EmbeddingCache.Key key(int image) {
            return EmbeddingCache.Key.of(ByteBuffer.allocate(4).putInt(first + image).flip());
        }

        @Override
        public void read(int image, MemorySegment target) {
            long bytes = 4L * ImageConfig.VIT_B_32.pixels();
            MemorySegment.copy(MemorySegment.ofArray(pixels), (first + image) % BATCH * bytes, target, 0, bytes);
        }
    }

    @Setup
    public void setUp() throws IOException {
        folder = Files.createTempDirectory("cached-towers");
        backend = Backends.get(device);
        Random random = new Random(0);
        images = ImageEncoder.open(backend, imageWeights(random));
        texts = TextEncoder.open(backend, null, null, 0);
        model = new ContrastiveModel(ImuEncoder.create("mw2"), true, 0.1, true);
        store = ParameterStore.allocate(backend, model, true).initialise(0);
        adam = new Adam(store, Adam.Settings.of(2e-4));
        workspace = new Workspace(backend, "step");
        signals = gaussian(random, BATCH * 6 * SAMPLES, 1);
        // The values do not matter for the time, so a batch's pixels serve for all.
        pixels = gaussian(random, BATCH * ImageConfig.VIT_B_32.pixels(), 1);
        openCached((image, text) -> {
            image.embed(new Frames(pixels, 0, windows), _ -> {});
            text.embed(narrations(0, windows));
        });
    }

    private Path imageWeights(Random random) {
        List<Safetensors.Source> tensors = new ArrayList<>();
        ImageConfig.VIT_B_32.shapes().forEach((name, shape) -> tensors.add(Safetensors.Source.of(name,
                gaussian(random, (int) shape.count(), 0.02f), shape.sizes())));
        Path file = folder.resolve("image.safetensors");
        Safetensors.write(file, Map.of(), tensors);
        return file;
    }

    private static float[] gaussian(Random random, int n, float deviation) {
        float[] values = new float[n];
        for (int i = 0; i < n; i++) values[i] = deviation * (float) random.nextGaussian();
        return values;
    }

    /** Ten tokens each with start and end, as narrations have them: without a vocabulary a character is a token. */
    private static List<String> narrations(int first, int count) {
        return IntStream.range(first, first + count).mapToObj(i -> "%08d".formatted(i)).toList();
    }

    private interface Use {
        void of(ImageEncoder images, TextEncoder texts);
    }

    private void openCached(Use use) {
        Path cache = folder.resolve("cache");
        try (ImageEncoder image = ImageEncoder.open(backend, folder.resolve("image.safetensors")).cachedIn(cache, System.out::println);
                TextEncoder text = TextEncoder.open(backend, null, null, 0).cachedIn(cache, System.out::println)) {
            use.of(image, text);
        }
    }

    private double epoch(ImageEncoder image, TextEncoder text) {
        double sum = 0;
        for (int from = 0; from + BATCH <= windows; from += BATCH)
            sum += step(image.embed(new Frames(pixels, from, BATCH), _ -> {}), text.embed(narrations(from, BATCH)));
        return sum;
    }

    private double step(float[][] image, float[][] text) {
        try (var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            store.watch(tape);
            Tensor embedded = model.embed(tape, tape.empty(DType.F32, BATCH, 6, SAMPLES).set(MemorySegment.ofArray(signals)));
            Tensor loss = Elementwise.add(tape, model.loss(tape, embedded, targets(tape, image)),
                    model.loss(tape, embedded, targets(tape, text)));
            tape.backward(loss);
            adam.step(1);
            return loss.item();
        }
    }

    private static Tensor targets(Tape tape, float[][] rows) {
        Tensor targets = tape.empty(DType.F32, rows.length, WIDTH);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment all = arena.allocate(targets.bytes(), 64);
            for (int i = 0; i < rows.length; i++) MemorySegment.copy(MemorySegment.ofArray(rows[i]), 0, all, 4L * WIDTH * i, 4L * WIDTH);
            return targets.set(all);
        }
    }

    @Benchmark
    public double computed() {
        return epoch(images, texts);
    }

    @Benchmark
    public double cached() {
        double[] loss = new double[1];
        openCached((image, text) -> loss[0] = epoch(image, text));
        return loss[0];
    }

    @TearDown
    public void tearDown() throws IOException {
        images.close();
        texts.close();
        adam.close();
        store.close();
        workspace.close();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) Files.delete(file);
        }
    }
}
