package dev.imu2clip.clip;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.ParameterStore;
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

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * ViT-B/32's text tower, frozen, on texts of a file, one a line, every line computed. Texts of like length share a batch, as in {@link
 * TextEncoder}. The peers are in tools/peers/towers.py, which also writes a file of real narrations.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2)
@Measurement(iterations = 5)
@Fork(value = 1, jvmArgsAppend = {"--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC"})
public class TextTowerBenchmark {
    private static final int BATCH_TOKENS = 1024;

    /** Without a file: 1,000 texts of 5 to 14 tokens. */
    @Param("")
    public String narrations;

    @Param("")
    public String vocab;

    @Param("auto")
    public String device;

    private TextTower tower;
    private ParameterStore store;
    private Workspace workspace;
    private List<int[]> texts;

    @Setup
    public void setUp() throws IOException {
        tower = new TextTower(TextConfig.VIT_B_32);
        store = ParameterStore.allocate(Backends.get(device), tower, false).initialise(0);
        workspace = new Workspace(store.device(), "text tower");
        texts = (narrations.isEmpty() ? synthetic() : tokens()).sorted((a, b) -> a.length - b.length).toList();
    }

    private Stream<int[]> tokens() throws IOException {
        Tokenizer tokenizer = Tokenizer.read(Path.of(vocab));
        return Files.readAllLines(Path.of(narrations)).stream().map(line -> TextEncoder.untilEnd(tokenizer.encode(line, 77, true)));
    }

    private static Stream<int[]> synthetic() {
        return IntStream.range(0, 1000).mapToObj(i -> {
            int[] ids = IntStream.range(0, 5 + i % 10).map(j -> 1000 + 37 * i + j).toArray();
            ids[ids.length - 1] = 49407;
            return ids;
        });
    }

    @Benchmark
    public double embed() {
        double sum = 0;
        for (int from = 0, to; from < texts.size(); from = to) {
            to = from + 1;
            while (to < texts.size() && (to + 1 - from) * texts.get(to).length <= BATCH_TOKENS) to++;
            try (var _ = workspace.step()) {
                sum += new TextBatch(texts.subList(from, to)).embed(new Tape(workspace), tower).toFloats()[0];
            }
        }
        return sum;
    }

    @TearDown
    public void tearDown() {
        store.close();
        workspace.close();
    }
}
