package dev.imu2clip.imu;

import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.io.SafetensorsWriter;
import dev.imu2clip.io.TensorFile;
import dev.imu2clip.io.TensorSource;
import dev.imu2clip.io.TensorView;
import dev.imu2clip.io.TorchWriter;
import dev.imu2clip.memory.Device;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Saved IMU encoders: a file with the reference's parameter names ({@code net.0.weight}, ...) and, in the metadata, the encoder's name.
 * Ours are safetensors, the reference's are of PyTorch ({@code *_src_encoder.pt}). Checkpoints, ours and Lightning's, where the same names
 * stand behind a prefix ({@code encoder.}, {@code imu_encoder.}), are read too.
 */
public final class EncoderFile {
    private static final String NAME = "imu_encoder_name";
    private static final String DEFAULT = "mw2";
    private static final List<String> ENDINGS = List.of("_src_encoder.safetensors", "_src_encoder.pt");

    /** An encoder and the memory of its weights. */
    public record Loaded(ImuEncoder encoder, ParameterStore store, Map<String, String> metadata) implements AutoCloseable {
        @Override
        public void close() {
            store.close();
        }
    }

    private EncoderFile() {}

    /**
     * Writes the encoder's parameters out of a store that holds them under {@code prefix}: for PyTorch where the file's name ends with
     * {@code .pt}, else safetensors.
     */
    public static void save(Path file, ImuEncoder encoder, ParameterStore store, String prefix, Map<String, String> metadata) {
        Map<String, String> all = new TreeMap<>(metadata);
        all.put(NAME, encoder.name());
        try (Arena arena = Arena.ofConfined()) {
            List<Safetensors.Source> sources = new ArrayList<>();
            store.parameters().forEach((name, parameter) -> {
                if (name.startsWith(prefix)) sources.add(new Safetensors.Source(name.substring(prefix.length()), DType.F32,
                        parameter.shape(), parameter.exact().toHost(arena)));
            });
            write(file, all, sources.stream().map(TensorSource::of).toList());
        }
    }

    /** Writes for PyTorch where the file's name ends with {@code .pt}, else safetensors. */
    public static void write(Path file, Map<String, String> metadata, List<TensorSource> tensors) {
        if (file.toString().endsWith(".pt")) TorchWriter.write(file, metadata, tensors);
        else SafetensorsWriter.write(file, metadata, tensors);
    }

    /** Loads a frozen encoder. A file without a name in its metadata is taken for {@code mw2}. */
    public static Loaded load(Path path, Device device) {
        try (TensorFile tensors = TensorFile.open(locate(path))) {
            ImuEncoder encoder = create(tensors);
            ParameterStore store = ParameterStore.allocate(device, encoder, false);
            try {
                fill(store, "", tensors);
            } catch (RuntimeException e) {
                store.close();
                throw e;
            }
            return new Loaded(encoder, store, tensors.metadata());
        }
    }

    private static ImuEncoder create(TensorFile tensors) {
        try {
            return ImuEncoder.create(tensors.metadata().getOrDefault(NAME, DEFAULT));
        } catch (InputException e) {
            throw new InputException(tensors.file() + ": its metadata: " + e.getMessage() + ". Use a version of this program that knows it",
                    e);
        }
    }

    /** Copies a saved encoder into a store that holds an encoder's parameters under {@code prefix}; others stay as they are. */
    public static void fill(ParameterStore store, String prefix, Path path) {
        try (TensorFile tensors = TensorFile.open(locate(path))) {
            fill(store, prefix, tensors);
        }
    }

    /**
     * The tensors of an encoder under its own names, and its name as metadata, out of an open file.
     *
     * @throws InputException where the file holds no whole encoder, or more than one
     */
    public static Map<String, TensorView> tensors(TensorFile file) {
        Map<String, Shape> shapes = new LinkedHashMap<>();
        create(file).parameters().forEach((name, parameter) -> shapes.put(name, parameter.shape()));
        String prefix = prefix(file, shapes);
        Map<String, TensorView> tensors = new LinkedHashMap<>();
        shapes.forEach((name, shape) -> tensors.put(name, file.tensor(prefix + name, shape).renamed(name)));
        return tensors;
    }

    /** Whether a file holds something that begins like an encoder. */
    public static boolean isEncoder(TensorFile file) {
        return !prefixes(file, List.copyOf(create(file).parameters().keySet())).isEmpty();
    }

    /** What the metadata of a file with this encoder alone should say. A checkpoint's metadata speak of more. */
    public static Map<String, String> metadata(TensorFile file) {
        Map<String, String> all = new TreeMap<>(file.names().contains(create(file).parameters().keySet().iterator().next())
                ? file.metadata() : Map.of());
        all.put(NAME, create(file).name());
        return all;
    }

    /** Whether a folder holds encoders by their file's names, as a run's does. */
    public static boolean isRun(Path path) {
        if (!Files.isDirectory(path)) return false;
        try (Stream<Path> files = Files.list(path)) {
            return files.anyMatch(file -> ENDINGS.stream().anyMatch(file.toString()::endsWith));
        } catch (IOException e) {
            return false;
        }
    }

    /** A run's folder stands for the encoder in it. */
    public static Path locate(Path path) {
        if (!Files.isDirectory(path)) return path;
        for (String ending : ENDINGS) {
            try (Stream<Path> files = Files.list(path)) {
                List<Path> encoders = files.filter(file -> file.toString().endsWith(ending)).toList();
                if (encoders.size() == 1) return encoders.getFirst();
                if (encoders.size() > 1 || ending.equals(ENDINGS.getLast()))
                    throw InputException.in(path, "is a folder with " + encoders.size() + " files *" + ending, "Name the encoder's file");
            } catch (IOException e) {
                throw InputException.in(path, "cannot be read (" + InputException.reason(e) + ")", "Name the encoder's file");
            }
        }
        throw new AssertionError();
    }

    /** What stands before an encoder's first name and, lest a layer inside be taken for it, also before its second. */
    private static List<String> prefixes(TensorFile file, List<String> names) {
        String first = names.getFirst();
        return file.names().stream().filter(name -> name.equals(first) || name.endsWith("." + first))
                .map(name -> name.substring(0, name.length() - first.length()))
                .filter(prefix -> prefix.isEmpty() || file.names().contains(prefix + names.get(1))).toList();
    }

    /** What stands before every name of an encoder of these shapes; where no encoder is whole, the prefix whose errors tell most. */
    private static String prefix(TensorFile file, Map<String, Shape> shapes) {
        List<String> candidates = prefixes(file, List.copyOf(shapes.keySet()));
        List<String> whole = candidates.stream().filter(prefix -> shapes.entrySet().stream().allMatch(entry -> {
            TensorView view = file.tensors().get(prefix + entry.getKey());
            return view != null && view.shape().equals(entry.getValue());
        })).toList();
        if (whole.size() > 1)
            throw InputException.in(file.file(), "holds " + whole.size() + " encoders, under " + String.join(", ", whole.stream().sorted()
                    .map(prefix -> "'" + prefix + "'").toList()), "Save one of them alone");
        return !whole.isEmpty() ? whole.getFirst() : candidates.isEmpty() || candidates.contains("") ? "" : candidates.getFirst();
    }

    private static void fill(ParameterStore store, String prefix, TensorFile tensors) {
        Map<String, Shape> shapes = new LinkedHashMap<>();
        store.parameters().forEach((name, parameter) -> {
            if (name.startsWith(prefix)) shapes.put(name.substring(prefix.length()), parameter.shape());
        });
        String theirs = prefix(tensors, shapes);
        shapes.forEach((name, shape) -> {
            tensors.tensor(theirs + name, shape);
            float[] values = tensors.floats(theirs + name);
            for (float value : values)
                if (!Float.isFinite(value))
                    throw InputException.in(tensors.file(), "tensor '" + theirs + name + "' holds a value that is not finite",
                            "The file is damaged or its training failed");
            store.parameters().get(prefix + name)
                    .fill(target -> MemorySegment.copy(values, 0, target, ValueLayout.JAVA_FLOAT, 0, values.length));
        });
    }
}
