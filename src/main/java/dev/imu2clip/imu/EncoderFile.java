package dev.imu2clip.imu;

import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.io.SafetensorsWriter;
import dev.imu2clip.io.TensorFile;
import dev.imu2clip.io.TensorSource;
import dev.imu2clip.io.TensorView;
import dev.imu2clip.io.TorchWriter;
import dev.imu2clip.memory.Device;
import dev.imu2clip.nn.Parameter;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.tensor.DType;

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
 * Saved IMU encoders: a file with the reference's parameter names ({@code net.0.weight}, ...) and, in the metadata, the encoder's name
 * and what of its arguments is not the default. A file without a name, as the reference's, tells by its tensors what it holds.
 * Ours are safetensors, the reference's are of PyTorch ({@code *_src_encoder.pt}). Checkpoints, ours and Lightning's, where the same names
 * stand behind a prefix ({@code encoder.}, {@code imu_encoder.}), are read too.
 */
public final class EncoderFile {
    private static final String NAME = "imu_encoder_name", ARGUMENTS = "imu_encoder_args";
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
        all.putAll(describe(encoder));
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

    /** What the metadata of a file say of the encoder in it. */
    public static Map<String, String> describe(ImuEncoder encoder) {
        Map<String, String> metadata = new TreeMap<>(Map.of(NAME, encoder.name()));
        if (!encoder.arguments().isEmpty()) metadata.put(ARGUMENTS, String.join(",", encoder.arguments()));
        return metadata;
    }

    /** Loads a frozen encoder. */
    public static Loaded load(Path path, Device device) {
        try (TensorFile tensors = TensorFile.open(locate(path))) {
            Found found = find(tensors);
            found.tensors(tensors); // before memory is taken for what is not there
            ParameterStore store = ParameterStore.allocate(device, found.encoder, false);
            try {
                fill(store, "", tensors, found.prefix);
            } catch (RuntimeException e) {
                store.close();
                throw e;
            }
            return new Loaded(found.encoder, store, tensors.metadata());
        }
    }

    /**
     * Copies a saved encoder into a store that holds those of {@code encoder} under {@code prefix}; other parameters stay as they are.
     *
     * @throws InputException where the file's encoder has other parameters, or is known to have other arguments
     */
    public static void fill(ImuEncoder encoder, ParameterStore store, String prefix, Path path) {
        try (TensorFile tensors = TensorFile.open(locate(path))) {
            Found found = find(tensors);
            fill(store, prefix, tensors, found.prefix);
            List<String> others = encoder.otherThan(found.known);
            if (!others.isEmpty())
                throw InputException.in(tensors.file(), "holds an encoder " + found.encoder.name() + " with " + String.join(", ", others),
                        "Set model_hparams.imu_encoder_args accordingly");
        }
    }

    /**
     * The tensors of an encoder under its own names, and its name as metadata, out of an open file.
     *
     * @throws InputException where the file holds no whole encoder, or more than one
     */
    public static Map<String, TensorView> tensors(TensorFile file) {
        return find(file).tensors(file);
    }

    /** Whether a file holds something that begins like an encoder. */
    public static boolean isEncoder(TensorFile file) {
        return !prefixes(file, kind(file)).isEmpty();
    }

    /** What the metadata of a file with this encoder alone should say. A checkpoint's metadata speak of more. */
    public static Map<String, String> metadata(TensorFile file) {
        Found found = find(file);
        Map<String, String> all = new TreeMap<>(found.prefix.isEmpty() ? file.metadata() : Map.of());
        all.putAll(describe(found.encoder));
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

    /**
     * An encoder in a file.
     *
     * @param known  arguments that the file tells
     * @param prefix what stands before its names
     */
    private record Found(ImuEncoder encoder, Map<String, Object> known, String prefix) {
        static Found of(TensorFile file, EncoderKind kind, String prefix) {
            Map<String, Object> known = Arguments.possible(kind.reader().apply(name -> {
                TensorView view = file.tensors().get(prefix + name);
                return view == null ? null : view.shape();
            }));
            Arguments arguments = kind.defaults();
            try {
                String written = file.metadata().getOrDefault(ARGUMENTS, "");
                if (!written.isEmpty()) arguments = arguments.with(List.of(written.split(",")));
                arguments = arguments.with(known);
                if (file.metadata().containsKey(NAME)) known.putAll(arguments.values());
                return new Found(kind.maker().apply(arguments), known, prefix);
            } catch (InputException e) {
                throw unknown(file, e);
            }
        }

        boolean isWhole(TensorFile file) {
            return encoder.parameters().entrySet().stream().allMatch(entry -> {
                TensorView view = file.tensors().get(prefix + entry.getKey());
                return view != null && view.shape().equals(entry.getValue().shape());
            });
        }

        Map<String, TensorView> tensors(TensorFile file) {
            Map<String, TensorView> tensors = new LinkedHashMap<>();
            encoder.parameters().forEach(
                    (name, parameter) -> tensors.put(name, file.tensor(prefix + name, parameter.shape()).renamed(name)));
            return tensors;
        }
    }

    /** The encoder in a file; where none is whole, the one whose errors tell most. */
    private static Found find(TensorFile file) {
        EncoderKind kind = kind(file);
        List<String> prefixes = prefixes(file, kind);
        List<Found> whole = prefixes.stream().map(prefix -> Found.of(file, kind, prefix)).filter(found -> found.isWhole(file)).toList();
        if (whole.size() > 1)
            throw InputException.in(file.file(), "holds " + whole.size() + " encoders, under " + String.join(", ", whole.stream()
                    .map(found -> "'" + found.prefix + "'").sorted().toList()), "Save one of them alone");
        if (!whole.isEmpty()) return whole.getFirst();
        return Found.of(file, kind, prefixes.isEmpty() || prefixes.contains("") ? "" : prefixes.getFirst());
    }

    /** By name, or else the first kind whose first tensors are there. */
    private static EncoderKind kind(TensorFile file) {
        String name = file.metadata().get(NAME);
        if (name == null) return EncoderKinds.ALL.stream().filter(kind -> !prefixes(file, kind).isEmpty()).findFirst()
                .orElse(EncoderKinds.ALL.getFirst());
        try {
            return EncoderKinds.named(name);
        } catch (InputException e) {
            throw unknown(file, e);
        }
    }

    private static InputException unknown(TensorFile file, InputException e) {
        return new InputException(file.file() + ": its metadata: " + e.getMessage() + ". Use a version of this program that knows it", e);
    }

    /** What stands before an encoder's first name and, lest a layer inside be taken for it, also before its second. */
    private static List<String> prefixes(TensorFile file, EncoderKind kind) {
        List<String> names = List.copyOf(kind.maker().apply(kind.defaults()).parameters().keySet());
        String first = names.getFirst();
        return file.names().stream().filter(name -> name.equals(first) || name.endsWith("." + first))
                .map(name -> name.substring(0, name.length() - first.length()))
                .filter(prefix -> prefix.isEmpty() || file.names().contains(prefix + names.get(1))).toList();
    }

    private static void fill(ParameterStore store, String prefix, TensorFile tensors, String theirs) {
        store.parameters().forEach((name, parameter) -> {
            if (name.startsWith(prefix)) fill(parameter, tensors, theirs + name.substring(prefix.length()));
        });
    }

    private static void fill(Parameter parameter, TensorFile tensors, String name) {
        tensors.tensor(name, parameter.shape());
        float[] values = tensors.floats(name);
        for (float value : values)
            if (!Float.isFinite(value))
                throw InputException.in(tensors.file(), "tensor '" + name + "' holds a value that is not finite",
                        "The file is damaged or its training failed");
        parameter.fill(target -> MemorySegment.copy(values, 0, target, ValueLayout.JAVA_FLOAT, 0, values.length));
    }
}
