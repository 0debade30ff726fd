package dev.imu2clip;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import com.sun.management.ThreadMXBean;
import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Gives a reader damaged copies of good files. Whatever the damage, the reader ends in time, allocates within a bound and either reads
 * the input or throws an {@link InputException} with one readable line. {@code -Dimu2clip.fuzz=N} sets the number of inputs,
 * {@code -Dimu2clip.fuzzSeed=S} gives others. An input that fails is kept under target/fuzz.
 *
 * <pre>{@code
 * Fuzz.of("bmp", Files.readAllBytes(photo)).allocating(16 << 20).run(bytes -> Images.decode(bytes, "fuzz.bmp"));
 * }</pre>
 */
public final class Fuzz {
    private static final int INPUTS = Integer.getInteger("imu2clip.fuzz", 3000);
    private static final long SEED = Long.getLong("imu2clip.fuzzSeed", 1);
    /** Detects hangs, not slowness: a machine under load may stop a thread for seconds. */
    private static final long HANG_SECONDS = 30;
    private static final int LONGEST_MESSAGE = 2000;
    private static final long[] EXTREMES = {0, 1, -1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, Integer.MAX_VALUE, Integer.MIN_VALUE,
            0xFFFFFFFFL, 1L << 32, Long.MAX_VALUE, Long.MIN_VALUE, Long.MAX_VALUE / 2 + 1, Long.MAX_VALUE / 4};

    /** A reader. It may keep {@code bytes}, which nobody else uses. */
    @FunctionalInterface
    public interface Target {
        void read(byte[] bytes) throws Exception;
    }

    /** @param mostAllocated heap bytes that the most expensive input cost */
    public record Result(int read, int refused, long mostAllocated) {}

    private final String name;
    private final List<byte[]> seeds;
    private long allocation = 64 << 20;

    private volatile int current = -1;
    private volatile long started;

    private Fuzz(String name, List<byte[]> seeds) {
        this.name = name;
        this.seeds = seeds;
    }

    /** @param seeds good files; small ones, so that the damage hits what matters */
    public static Fuzz of(String name, byte[]... seeds) {
        return new Fuzz(name, List.of(seeds));
    }

    /** The heap bytes that one input may cost at most; 64 MiB where nothing is said. Memory outside the heap is not seen. */
    public Fuzz allocating(long bytes) {
        allocation = bytes;
        return this;
    }

    /** Reads the good files, which must succeed, and then the damaged ones. */
    public Result run(Target target) {
        var outcome = new Object() {
            int read, refused;
            long most;
            Throwable failure;
        };
        Thread worker = Thread.ofPlatform().daemon().name("fuzz " + name).unstarted(() -> {
            try {
                for (byte[] seed : seeds) target.read(seed.clone());
                for (int i = 0; i < INPUTS; i++) {
                    begin(i);
                    long before = allocated();
                    if (reads(target, input(i))) outcome.read++;
                    else outcome.refused++;
                    long cost = allocated() - before;
                    if (cost > allocation) { // the first time may have loaded classes
                        before = allocated();
                        reads(target, input(i));
                        cost = allocated() - before;
                    }
                    outcome.most = Math.max(outcome.most, cost);
                    if (cost > allocation) fail(cost + " bytes were allocated, the bound is " + allocation);
                }
            } catch (Throwable e) {
                outcome.failure = e;
            }
        });
        begin(-1);
        worker.start();
        await(worker);
        if (outcome.failure != null) throw failure("", outcome.failure);
        System.out.printf("Fuzz %s: %,d inputs, %,d read, %,d refused, at most %,d bytes allocated%n", name, INPUTS, outcome.read,
                outcome.refused, outcome.most);
        return new Result(outcome.read, outcome.refused, outcome.most);
    }

    private static boolean reads(Target target, byte[] input) throws Exception {
        try {
            target.read(input);
            return true;
        } catch (InputException e) {
            requireClear(e.getMessage());
            return false;
        }
    }

    private void begin(int i) {
        started = System.nanoTime();
        current = i;
    }

    private void await(Thread worker) {
        try {
            while (!worker.join(java.time.Duration.ofMillis(200)))
                if (System.nanoTime() - started > HANG_SECONDS * 1_000_000_000) {
                    var stack = new RuntimeException("it is here");
                    stack.setStackTrace(worker.getStackTrace());
                    throw failure("hangs: no end after " + HANG_SECONDS + " s: ", stack);
                }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private AssertionError failure(String what, Throwable cause) {
        int i = current;
        if (i < 0) return new AssertionError(name + ": a good file: " + what + cause, cause);
        Path kept = Path.of("target", "fuzz", name + "-" + SEED + "-" + i + ".bin");
        try {
            Files.createDirectories(kept.getParent());
            Files.write(kept, input(i));
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
        return new AssertionError(name + ": input " + i + ", kept as " + kept + ": " + what + cause, cause);
    }

    private static void requireClear(String message) {
        assertTrue(message != null && message.length() > 10 && message.length() <= LONGEST_MESSAGE, () -> "unclear: " + message);
        assertTrue(message.chars().noneMatch(Character::isISOControl), () -> "not one readable line: " + message);
        assertTrue(!message.contains("Exception"), () -> "names an exception: " + message);
    }

    private static long allocated() {
        return ((ThreadMXBean) ManagementFactory.getThreadMXBean()).getCurrentThreadAllocatedBytes();
    }

    // ---- damage ----

    /** Input i: it depends on the seed and i alone. */
    private byte[] input(int i) {
        var random = new SplittableRandom(SEED * 0x9E3779B97F4A7C15L + i);
        byte[] bytes = seeds.get(random.nextInt(seeds.size())).clone();
        for (int n = 1 + random.nextInt(random.nextInt(4) == 0 ? 8 : 2); n > 0 && bytes.length > 0; n--) bytes = damage(bytes, random);
        return bytes;
    }

    private byte[] damage(byte[] bytes, SplittableRandom random) {
        int at = place(bytes.length, random);
        switch (random.nextInt(10)) {
            case 0, 1 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
            case 2, 3 -> bytes[at] = (byte) random.nextInt(256);
            case 4, 5 -> number(bytes, at, 1 << random.nextInt(4), random);
            case 6 -> Arrays.fill(bytes, at, Math.min(bytes.length, at + length(bytes.length, random)), (byte) random.nextInt(-1, 1));
            case 7 -> {
                return Arrays.copyOf(bytes, at);
            }
            case 8 -> {
                byte[] other = random.nextBoolean() ? bytes : seeds.get(random.nextInt(seeds.size()));
                int gone = random.nextBoolean() ? length(bytes.length, random) : 0;
                return splice(bytes, at, gone, other, place(other.length, random), random);
            }
            default -> {
                return splice(bytes, at, length(bytes.length, random), bytes, 0, null);
            }
        }
        return bytes;
    }

    /** Half of the places are anywhere, the others near the start or the end, where headers and directories are. */
    private static int place(int length, SplittableRandom random) {
        if (random.nextBoolean()) return random.nextInt(length);
        int distance = random.nextInt(length(length, random));
        return random.nextBoolean() ? distance : length - 1 - distance;
    }

    /** From 1 to {@code most}; every order of magnitude is as likely. */
    private static int length(int most, SplittableRandom random) {
        return 1 + random.nextInt(Math.min(most, 1 << random.nextInt(Integer.SIZE - Integer.numberOfLeadingZeros(most))));
    }

    /** A whole number becomes an extreme, or one more or less, in either byte order. */
    private static void number(byte[] bytes, int at, int size, SplittableRandom random) {
        boolean little = random.nextInt(4) > 0;
        int last = Math.min(size, bytes.length - at);
        long value = EXTREMES[random.nextInt(EXTREMES.length)];
        if (random.nextBoolean()) {
            value = random.nextInt(-4, 5);
            for (int i = 0; i < last; i++) value += (bytes[at + i] & 0xFFL) << 8 * (little ? i : last - 1 - i);
        }
        for (int i = 0; i < last; i++) bytes[at + i] = (byte) (value >>> 8 * (little ? i : last - 1 - i));
    }

    /** Replaces {@code gone} bytes at {@code at} by a range of {@code other}; without {@code random} by nothing. */
    private static byte[] splice(byte[] bytes, int at, int gone, byte[] other, int from, SplittableRandom random) {
        int end = Math.min(bytes.length, at + gone);
        int more = random == null ? 0 : Math.min(other.length - from, length(other.length, random));
        byte[] result = new byte[at + more + bytes.length - end];
        System.arraycopy(bytes, 0, result, 0, at);
        System.arraycopy(other, from, result, at, more);
        System.arraycopy(bytes, end, result, at + more, bytes.length - end);
        return result;
    }
}
