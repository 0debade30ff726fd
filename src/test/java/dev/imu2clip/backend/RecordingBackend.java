package dev.imu2clip.backend;

import dev.imu2clip.backend.Kernel.Kind;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;

/**
 * Runs the kernels of the CPU, and writes every kernel call to a file with its tensors before and after it by the plain definition: so that
 * kernels compiled for other processors can be tried on the same calls ({@code src/test/native/replay.c}, which reads the format).
 * While it records it is the device {@code record}, and {@code OpCheck} runs on it alone. Of calls that differ in the contents of
 * their tensors alone, the first is kept.
 *
 * <p>All numbers are 8 bytes, little-endian. A call: length of the symbol, the symbol, tolerance (double); count of memory blocks, the
 * blocks; count of fields, the fields. A block holds one tensor, or several that overlap: bytes, ordinal of the element type, whether
 * it is written, what it holds before and, if written, after. A field: its block, or -1; the offset in the block, or the number (0 for
 * no tensor). What is only written holds 0xFF before; elements that the definition leaves so are not part of its meaning.
 *
 * <p>With {@link Launches} every call follows its launches, and calls in bfloat16 are recorded too ({@code replay_cuda.cpp}).
 */
public final class RecordingBackend extends HostBackend implements AutoCloseable {
    /** How a kernel call becomes launches of CUDA functions. */
    public interface Launches {
        /** Whether there is a CUDA form. */
        boolean has(Kernel kernel, Args args);

        /** Writes them. */
        void write(Kernel kernel, Args args, DataOutputStream file) throws IOException;
    }

    private static final double TOLERANCE = 1e-5;
    private static final byte UNTOUCHED = (byte) 0xFF;
    private static RecordingBackend current;

    private final DataOutputStream file;
    private final Set<String> seen = new HashSet<>();
    private final Set<String> kernels = new TreeSet<>();
    private final Backend compiled = Backends.get("cpu");
    private final Launches launches;
    private double tolerance = TOLERANCE;

    private RecordingBackend(Path file, Launches launches) throws IOException {
        this.launches = launches;
        this.file = new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(file), 1 << 20));
    }

    /** Records until closed. Once a process: {@link Backends} keeps what it has opened. */
    public static RecordingBackend start(Path file) throws IOException {
        return start(file, null);
    }

    /** The same for CUDA kernels. */
    public static RecordingBackend start(Path file, Launches launches) throws IOException {
        current = new RecordingBackend(file, launches);
        return current;
    }

    /** Whether calls in bfloat16 are recorded. */
    public static boolean bf16() {
        return current.launches != null;
    }

    /** Whether some test records now. */
    public static boolean active() {
        return current != null;
    }

    /** How far results of the calls to come may be off, relative to the largest magnitude of a tensor. */
    public static void tolerate(double tolerance) {
        current.tolerance = tolerance;
    }

    /** Names of the kernels recorded. */
    public Set<String> kernels() {
        return kernels;
    }

    @Override
    public void close() throws IOException {
        current = null;
        file.close();
    }

    @Override
    public String name() {
        return "record";
    }

    @Override
    public String describe() {
        return "C kernels, recorded";
    }

    @Override
    public void run(Kernel kernel, Args args) {
        boolean known = launches != null ? launches.has(kernel, args) : args.isFloat32() || kernel.name().equals("cast");
        if (known && seen.add(kernel.name() + args.types() + " " + signature(args))) record(kernel, args);
        else compute(kernel, args);
    }

    private void compute(Kernel kernel, Args args) {
        if (args.isFloat32() || launches == null && kernel.name().equals("cast")) compiled.run(kernel, args);
        else kernel.definition().accept(args);
    }

    private void record(Kernel kernel, Args args) {
        String symbol = kernel.name() + args.types();
        kernels.add(kernel.name());
        List<Block> blocks = blocks(args);
        List<byte[]> kept = blocks.stream().map(Block::bytes).toList();
        for (Block block : blocks) if (!block.read) block.memory().fill(UNTOUCHED);
        List<byte[]> before = blocks.stream().map(Block::bytes).toList();
        kernel.definition().accept(args);
        try {
            if (launches != null) launches.write(kernel, args, file);
            write(symbol.length());
            file.write(symbol.getBytes(StandardCharsets.US_ASCII));
            write(Double.doubleToLongBits(tolerance));
            write(blocks.size());
            for (int i = 0; i < blocks.size(); i++) blocks.get(i).write(before.get(i));
            write(kernel.fields().size());
            for (int i = 0; i < kernel.fields().size(); i++) writeField(args, i, blocks);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        for (int i = 0; i < blocks.size(); i++) blocks.get(i).memory().copyFrom(MemorySegment.ofArray(kept.get(i)));
        compute(kernel, args);
    }

    private void writeField(Args args, int i, List<Block> blocks) throws IOException {
        long value = args.block().getAtIndex(ValueLayout.JAVA_LONG, i);
        int block = -1;
        if (args.value(i) instanceof Tensor tensor)
            block = IntStream.range(0, blocks.size()).filter(b -> blocks.get(b).overlaps(tensor)).findFirst().orElseThrow();
        write(block);
        write(block < 0 ? value : value - blocks.get(block).from);
    }

    private void write(long number) throws IOException {
        write(file, number);
    }

    /** A number as the replaying programs read it. */
    public static void write(DataOutputStream file, long number) throws IOException {
        file.writeLong(Long.reverseBytes(number));
    }

    /** The memory of one tensor, or of several that overlap. */
    private final class Block {
        private final DType type;
        private long from, to;
        private boolean read, written;

        private Block(Tensor tensor) {
            type = tensor.dtype();
            from = tensor.address();
            to = from + tensor.bytes();
        }

        private boolean overlaps(Tensor tensor) {
            return tensor.address() == from || tensor.address() < to && from < tensor.address() + tensor.bytes();
        }

        private void join(Tensor tensor, Kind kind) {
            if (tensor.dtype() != type) throw new AssertionError("tensors of two types overlap");
            from = Math.min(from, tensor.address());
            to = Math.max(to, tensor.address() + tensor.bytes());
            read |= kind != Kind.OUT;
            written |= kind != Kind.IN;
        }

        private MemorySegment memory() {
            return MemorySegment.ofAddress(from).reinterpret(to - from);
        }

        private byte[] bytes() {
            return memory().toArray(ValueLayout.JAVA_BYTE);
        }

        private void write(byte[] before) throws IOException {
            RecordingBackend.this.write(before.length);
            RecordingBackend.this.write(type.ordinal());
            RecordingBackend.this.write(written ? 1 : 0);
            file.write(before);
            if (written) file.write(bytes());
        }
    }

    private List<Block> blocks(Args args) {
        List<Block> blocks = new ArrayList<>();
        for (int i = 0; i < args.kernel().fields().size(); i++) {
            if (!(args.value(i) instanceof Tensor tensor)) continue;
            List<Block> overlapping = blocks.stream().filter(block -> block.overlaps(tensor)).toList();
            if (overlapping.size() > 1) throw new AssertionError("a tensor overlaps two that are apart");
            Block block = overlapping.isEmpty() ? new Block(tensor) : overlapping.getFirst();
            if (overlapping.isEmpty()) blocks.add(block);
            block.join(tensor, args.kernel().fields().get(i).kind());
        }
        return blocks;
    }

    /** What makes two calls different: numbers, shapes, which tensors there are, and for small ones what is in them. */
    private static String signature(Args args) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < args.kernel().fields().size(); i++) {
            if (!(args.value(i) instanceof Tensor tensor)) text.append(args.value(i));
            else {
                text.append(tensor.dtype()).append(tensor.shape());
                if (tensor.bytes() <= 64) text.append(Arrays.hashCode(tensor.segment().toArray(ValueLayout.JAVA_BYTE)));
            }
            text.append(' ');
        }
        return text.toString();
    }

    /** Found by {@link Backends} in tests. */
    public static final class Provider implements BackendProvider {
        @Override
        public String name() {
            return "record";
        }

        @Override
        public int rank() {
            return -1;
        }

        @Override
        public List<String> devices() {
            return active() ? List.of(name()) : List.of();
        }

        @Override
        public String status() {
            return "records kernel calls, in tests";
        }

        @Override
        public Backend open(String device) {
            return current;
        }
    }
}
