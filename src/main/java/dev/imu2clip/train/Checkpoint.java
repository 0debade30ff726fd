package dev.imu2clip.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.imu2clip.backend.HostBackend;
import dev.imu2clip.imu.EncoderFile;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.io.Sha256;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.optim.Adam;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * The state of a run in one safetensors file, written atomically: the parameters that learn, Adam's moments, and in the metadata where
 * the run stands and what it trains from. A run that continues from it ends with the same bits as one that was never stopped.
 */
public final class Checkpoint {
    private static final String FORMAT = "imu2clip checkpoint 1";
    private static final ObjectMapper JSON = new ObjectMapper();

    /** One of the best checkpoints so far, in the folder of checkpoints; {@code valMrr} is the mean of both directions. */
    public record Best(String file, int epoch, double valLoss, double valMrr) {
        /** For results.json; epochs count from 1, as in the file's name. */
        Map<String, Object> toMap() {
            return new TreeMap<>(Map.of("file", file, "epoch", epoch + 1, "val_loss", valLoss, "val_mrr", valMrr));
        }
    }

    /**
     * Where a run stands.
     *
     * @param epoch     epoch in progress, from 0
     * @param step      batches of it that are done
     * @param globalStep optimiser steps since the start
     * @param lossSum   sum of this epoch's training losses so far
     * @param best      the best checkpoints, best first
     */
    public record Position(int epoch, int step, long globalStep, double lossSum, List<Best> best) {
        public static final Position START = new Position(0, 0, 0, 0, List.of());

        public Position {
            if (epoch < 0 || step < 0 || globalStep < 0 || best == null)
                throw new IllegalArgumentException("epoch " + epoch + ", step " + step + ", globalStep " + globalStep + ", best " + best);
        }
    }

    /**
     * What a run depends on beside its configuration, as hashes.
     *
     * @param training, validation, test windows, texts and signals of the splits
     * @param texts   weights of the text tower and tokens of the training texts
     * @param clip    weights of the text tower
     * @param device  where it ran: others round differently
     * @param version of this program
     */
    public record Origin(String training, String validation, String test, String texts, String clip, String device, String version) {
        static final String VERSION = Objects.requireNonNullElse(Checkpoint.class.getPackage().getImplementationVersion(), "development");
    }

    private Checkpoint() {}

    /** @throws InputException when a parameter or moment is not finite, for such a run could not go on; the file is left as it was */
    public static void save(Path file, Config config, Position position, Origin origin, ParameterStore store, Adam adam) {
        Map<String, String> metadata = new TreeMap<>();
        metadata.put("format", FORMAT);
        metadata.putAll(EncoderFile.describe(config.encoder()));
        metadata.put("seed", Long.toString(config.run().seed()));
        metadata.put("config", json(config.toMap()));
        metadata.put("config_sha256", Sha256.of(config.canonicalJson()));
        metadata.put("position", json(position));
        metadata.put("origin", json(origin));
        try (Arena arena = Arena.ofConfined()) {
            List<Safetensors.Source> sources = new ArrayList<>();
            store.trainable().forEach((name, parameter) -> sources.add(source(name, parameter.master(), arena)));
            sources.add(source("adam.m", adam.firstMoment(), arena));
            sources.add(source("adam.v", adam.secondMoment(), arena));
            sources.forEach(source -> requireFinite(source, file));
            Safetensors.write(file, metadata, sources);
        }
    }

    private static void requireFinite(Safetensors.Source source, Path file) {
        for (long i = 0; i < source.shape().count(); i++) {
            float value = source.bytes().getAtIndex(ValueLayout.JAVA_FLOAT, i);
            if (!Float.isFinite(value)) throw diverged(source.name() + " became " + value, file);
        }
    }

    /** Training that cannot go on, and what can be done. */
    static InputException diverged(String what, Path last) {
        return new InputException(what + ": the training diverged. Lower optim.lr, or set optim.grad_clip; "
                + (Files.exists(last) ? last + " holds the run before" : "nothing was saved yet"));
    }

    private static Safetensors.Source source(String name, Tensor tensor, Arena arena) {
        // A tower's gigabyte is not copied where it need not be.
        boolean here = tensor.device() instanceof HostBackend;
        return new Safetensors.Source(name, DType.F32, tensor.shape(), here ? tensor.segment() : tensor.toHost(arena));
    }

    /** What a checkpoint says about itself, without its tensors. */
    public record Header(Config config, Position position, Origin origin) {}

    public static Header header(Path file) {
        try (Safetensors tensors = Safetensors.open(file)) {
            return header(tensors);
        }
    }

    private static Header header(Safetensors tensors) {
        Map<String, String> metadata = tensors.metadata();
        if (!FORMAT.equals(metadata.get("format")))
            throw InputException.in(tensors.file(), "is not a checkpoint that this version can continue from (format '"
                    + metadata.get("format") + "')",
                    "Expected '" + FORMAT + "'");
        try {
            return new Header(Config.fromMap(read(metadata, "config", new TypeReference<Map<String, Object>>() {}), tensors.file()
                    .toString()),
                    read(metadata, "position", new TypeReference<Position>() {}), read(metadata, "origin", new TypeReference<Origin>() {}));
        } catch (JsonProcessingException | IllegalArgumentException e) {
            throw new InputException(tensors.file() + ": its metadata is damaged (" + e.getMessage().lines().findFirst().orElse("")
                    + "). Use another checkpoint", e);
        }
    }

    private static <T> T read(Map<String, String> metadata, String key, TypeReference<T> type) throws JsonProcessingException {
        T value = JSON.readValue(metadata.getOrDefault(key, ""), type);
        if (value == null) throw new IllegalArgumentException(key + " is null");
        return value;
    }

    /** Sets parameters and optimiser to a checkpoint's and returns what it says about itself. */
    public static Header load(Path file, ParameterStore store, Adam adam) {
        try (Safetensors tensors = Safetensors.open(file)) {
            Header header = header(tensors);
            fill(tensors, store);
            read(tensors, "adam.m", adam.firstMoment());
            read(tensors, "adam.v", adam.secondMoment());
            adam.continueFrom(header.position.globalStep);
            return header;
        }
    }

    /** Sets the parameters that learn to a checkpoint's. */
    public static void fill(Path file, ParameterStore store) {
        try (Safetensors tensors = Safetensors.open(file)) {
            fill(tensors, store);
        }
    }

    private static void fill(Safetensors tensors, ParameterStore store) {
        store.trainable().forEach((name, parameter) -> read(tensors, name, parameter.master()));
        store.refresh();
    }

    private static void read(Safetensors tensors, String name, Tensor target) {
        Safetensors.Entry entry = tensors.require(name, target.shape());
        if (entry.dtype() == DType.F32) target.set(entry.bytes()); // straight out of the file: a tower's moments would fill the heap
        else target.set(tensors.floats(name));
    }

    private static String json(Object value) {
        try {
            return JSON.writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}
