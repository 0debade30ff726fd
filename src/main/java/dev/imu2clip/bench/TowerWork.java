package dev.imu2clip.bench;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Precision;
import dev.imu2clip.clip.ImageConfig;
import dev.imu2clip.clip.ImageTower;
import dev.imu2clip.clip.TextBatch;
import dev.imu2clip.clip.TextConfig;
import dev.imu2clip.clip.TextTower;
import dev.imu2clip.clip.Tower;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;

/** One of ViT-B/32's towers, frozen, with random weights; the embeddings are read by the host. */
public final class TowerWork implements Work {
    /** What CLIP's tokenizer pads a text to. */
    public static final int TOKENS = 77;
    private static final int START = 49406, END = 49407;

    private final ParameterStore store;
    private final Workspace workspace, home;
    private final Function<Tape, Tensor> forward;

    private TowerWork(Backend backend, Precision precision, Tower tower, Function<Tape, Function<Tape, Tensor>> prepare) {
        precision.choose(backend);
        store = ParameterStore.allocate(backend, tower, _ -> 0, precision.dtype()).initialise(0);
        workspace = new Workspace(backend, "tower");
        home = new Workspace(backend, "inputs");
        home.step();
        forward = prepare.apply(new Tape(home));
    }

    /** The image tower on preprocessed images. */
    public static TowerWork images(Backend backend, Precision precision, int batch) {
        ImageConfig config = ImageConfig.VIT_B_32;
        ImageTower tower = new ImageTower(config);
        return new TowerWork(backend, precision, tower, inputs -> {
            Tensor pixels = Numbers.random(inputs.empty(DType.F32, batch, ImageConfig.CHANNELS, config.resolution(), config.resolution()), 1);
            return tape -> tower.forward(tape, pixels);
        });
    }

    /** The text tower on texts of 77 tokens. */
    public static TowerWork texts(Backend backend, Precision precision, int batch) {
        return texts(backend, precision, IntStream.range(0, batch).mapToObj(i -> text(i, TOKENS)).toList());
    }

    /** The text tower on texts, the shorter ones first. */
    public static TowerWork texts(Backend backend, Precision precision, List<int[]> texts) {
        TextTower tower = new TextTower(TextConfig.VIT_B_32);
        TextBatch batch = new TextBatch(texts);
        return new TowerWork(backend, precision, tower, _ -> tape -> batch.embed(tape, tower));
    }

    /** Like a narration: 5 to 14 tokens. */
    public static int[] narration(int i) {
        return text(i, 5 + i % 10);
    }

    private static int[] text(int i, int tokens) {
        int[] ids = IntStream.range(0, tokens).map(j -> 1000 + (37 * i + j) % 40000).toArray();
        ids[0] = START;
        ids[tokens - 1] = END;
        return ids;
    }

    @Override
    public void run() {
        embed();
    }

    /** @return the embeddings, one after the other */
    public float[] embed() {
        try (var _ = workspace.step()) {
            return forward.apply(new Tape(workspace)).toFloats();
        }
    }

    @Override
    public void close() {
        home.close();
        workspace.close();
        store.close();
    }
}
