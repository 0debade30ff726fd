package dev.imu2clip.data;

import dev.imu2clip.data.ego4d.PreparationReport;
import dev.imu2clip.data.ego4d.PrepareEgo4d;
import dev.imu2clip.data.ego4d.RawEgo4d;
import dev.imu2clip.io.Progress;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
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
import java.util.Comparator;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Motion of a folder of raw Ego4D files to 200 Hz, written to disk. The peer, which also makes the files, is tools/peers/prepare_imu.py. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 30)
@Measurement(iterations = 20)
@Fork(value = 1, jvmArgsAppend = {"--enable-native-access=ALL-UNNAMED"})
public class PreparationBenchmark {
    @Param("")
    public String raw;

    private RawEgo4d source;
    private Path target;

    @Setup(Level.Invocation)
    public void makeRoom() throws IOException {
        source = RawEgo4d.find(Path.of(raw), RawEgo4d.Places.BY_NAME);
        target = Files.createTempDirectory(Path.of(raw).toAbsolutePath().getParent(), "prepared");
    }

    @TearDown(Level.Invocation)
    public void clear() throws IOException {
        try (Stream<Path> files = Files.walk(target)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) Files.delete(file);
        }
    }

    @Benchmark
    public PreparationReport prepare() {
        PrepareEgo4d.Options d = PrepareEgo4d.Options.DEFAULT;
        return PrepareEgo4d.run(source, target, new PrepareEgo4d.Options(false, false, true, false, d.seed(), d.jobs(), true), Progress.NONE);
    }
}
