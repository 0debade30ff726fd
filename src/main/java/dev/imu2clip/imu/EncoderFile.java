package dev.imu2clip.imu;

import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.memory.Device;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.tensor.DType;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Saved IMU encoders: a safetensors file with the reference's parameter names ({@code net.0.weight}, ...) and, in the metadata, the
 * encoder's name. A training checkpoint, where the same names stand behind {@code encoder.}, is read too.
 */
public final class EncoderFile {
    private static final String NAME = "imu_encoder_name";
    private static final String CHECKPOINT_PREFIX = "encoder.";

    /** An encoder and the memory of its weights. */
    public record Loaded(ImuEncoder encoder, ParameterStore store, Map<String, String> metadata) implements AutoCloseable {
        @Override
        public void close() {
            store.close();
        }
    }

    private EncoderFile() {}

    /** Writes the encoder's parameters out of a store that holds them under {@code prefix}. */
    public static void save(Path file, ImuEncoder encoder, ParameterStore store, String prefix, Map<String, String> metadata) {
        Map<String, String> all = new TreeMap<>(metadata);
        all.put(NAME, encoder.name());
        try (Arena arena = Arena.ofConfined()) {
            List<Safetensors.Source> sources = new ArrayList<>();
            store.parameters().forEach((name, parameter) -> {
                if (name.startsWith(prefix)) sources.add(new Safetensors.Source(name.substring(prefix.length()), DType.F32, parameter.shape(),
                        parameter.value().toHost(arena)));
            });
            Safetensors.write(file, all, sources);
        }
    }

    /** Loads a frozen encoder. A file without a name in its metadata is taken for {@code mw2}. */
    public static Loaded load(Path path, Device device) {
        Path file = locate(path);
        try (Safetensors tensors = open(file)) {
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

    private static ImuEncoder create(Safetensors tensors) {
        try {
            return ImuEncoder.create(tensors.metadata().getOrDefault(NAME, "mw2"));
        } catch (InputException e) {
            throw new InputException(tensors.file() + ": its metadata: " + e.getMessage() + ". Use a version of this program that knows it",
                    e);
        }
    }

    /** Copies a saved encoder into a store that holds an encoder's parameters under {@code prefix}; others stay as they are. */
    public static void fill(ParameterStore store, String prefix, Path path) {
        try (Safetensors tensors = open(locate(path))) {
            fill(store, prefix, tensors);
        }
    }

    /** A run's folder stands for the encoder in it. */
    private static Path locate(Path path) {
        if (!Files.isDirectory(path)) return path;
        try (Stream<Path> files = Files.list(path)) {
            List<Path> encoders = files.filter(file -> file.toString().endsWith("_src_encoder.safetensors")).toList();
            if (encoders.size() == 1) return encoders.getFirst();
            throw InputException.in(path, "is a folder with " + encoders.size() + " files *_src_encoder.safetensors",
                    "Name the encoder's file");
        } catch (IOException e) {
            throw InputException.in(path, "cannot be read (" + e.getMessage() + ")", "Name the encoder's file");
        }
    }

    private static Safetensors open(Path file) {
        if (Files.isRegularFile(file)) {
            byte[] start = new byte[4];
            try (InputStream in = Files.newInputStream(file)) {
                int read = in.readNBytes(start, 0, 4);
                if (read == 4 && (start[0] == 'P' && start[1] == 'K' || start[0] == (byte) 0x80 && start[1] <= 5))
                    throw InputException.in(file, "is a PyTorch archive, which cannot be read yet",
                            "Convert it in Python: safetensors.torch.save_file(torch.load(FILE), OUT)");
            } catch (IOException e) {
                throw InputException.in(file, "cannot be read (" + e.getMessage() + ")", "Check its permissions");
            }
        }
        return Safetensors.open(file);
    }

    private static void fill(ParameterStore store, String prefix, Safetensors tensors) {
        boolean checkpoint = tensors.names().stream().anyMatch(name -> name.startsWith(CHECKPOINT_PREFIX));
        store.parameters().forEach((name, parameter) -> {
            if (!name.startsWith(prefix)) return;
            String theirs = (checkpoint ? CHECKPOINT_PREFIX : "") + name.substring(prefix.length());
            tensors.require(theirs, parameter.shape());
            float[] values = tensors.floats(theirs);
            for (float value : values)
                if (!Float.isFinite(value))
                    throw InputException.in(tensors.file(), "tensor '" + theirs + "' holds a value that is not finite",
                            "The file is damaged or its training failed");
            parameter.value().set(values);
        });
    }
}
