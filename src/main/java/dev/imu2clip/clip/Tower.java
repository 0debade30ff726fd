package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;
import dev.imu2clip.memory.Device;
import dev.imu2clip.nn.LowRank;
import dev.imu2clip.nn.Module;
import dev.imu2clip.nn.Parameter;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** One of CLIP's two networks. Parameters by Hugging Face's names, but for {@code qkv_proj} (see {@link EncoderLayer}). */
public abstract sealed class Tower extends Module permits TextTower, ImageTower {
    private static final String FUSED = "qkv_proj";
    private static final List<String> PARTS = List.of("q_proj", "k_proj", "v_proj");
    private Tuning.Adapters adapters;

    abstract Transformer transformer();

    /** Every tensor by Hugging Face's name, with its shape. */
    abstract Map<String, Shape> shapes();

    /** What the names of the blocks' parameters begin with. */
    abstract String blocks();

    /** Gives the parameters memory on a device and the values of {@code weights}, which must be of this tower's config. */
    public final ParameterStore load(Device device, ClipWeights weights, boolean trainable) {
        return load(device, weights, trainable, DType.F32);
    }

    /** The same for a tower that computes in F32 or BF16. */
    public final ParameterStore load(Device device, ClipWeights weights, boolean trainable, DType compute) {
        ParameterStore store = ParameterStore.allocate(device, this, _ -> trainable ? 1 : 0, compute);
        try {
            fill(weights);
            return store;
        } catch (RuntimeException e) {
            store.close();
            throw e;
        }
    }

    /** Sets the parameters, which have memory, to the values of {@code weights}, which must be of this tower's config; not the adapters. */
    public final void fill(ClipWeights weights) {
        parameters().forEach((name, parameter) -> {
            if (!LowRank.names(name)) parameter.fill(target -> copy(target, name, weights));
        });
    }

    /**
     * Prepares the tower, before it gets memory, for being tuned.
     *
     * @return the names of the parameters that learn; the others are frozen
     * @throws InputException when the tower has fewer blocks
     */
    public final Set<String> tune(Tuning tuning) {
        return switch (tuning) {
            case Tuning.All() -> parameters().keySet();
            case Tuning.LastBlocks(int blocks) -> lastBlocks(blocks);
            case Tuning.Adapters updates -> {
                lastLayers(updates.blocks()).forEach(layer -> layer.adapt(updates));
                adapters = updates;
                yield parameters().keySet().stream().filter(LowRank::names).collect(Collectors.toSet());
            }
        };
    }

    private List<EncoderLayer> lastLayers(int blocks) {
        List<EncoderLayer> layers = transformer().layers();
        if (blocks > layers.size())
            throw new InputException("clip.blocks is " + blocks + ", but this CLIP's tower has " + layers.size() + " blocks");
        return blocks == 0 ? layers : layers.subList(layers.size() - blocks, layers.size());
    }

    /** Parameters are declared in the order of the computation. */
    private Set<String> lastBlocks(int blocks) {
        List<String> names = List.copyOf(parameters().keySet());
        String first = blocks() + (transformer().layers().size() - lastLayers(blocks).size()) + ".";
        int from = 0;
        while (!names.get(from).startsWith(first)) from++;
        return Set.copyOf(names.subList(from, names.size()));
    }

    /**
     * The tower as it stands, adapters merged. The weights read the parameters, so the tower must keep its memory as long as they are used,
     * and its linear layers must not lie in panels, as they do in a frozen store.
     */
    public final ClipWeights weights() {
        return new TowerWeights(this, adapters);
    }

    /** The values of a tensor by Hugging Face's name, without the adapters. */
    final float[] values(String name) {
        Map<String, Parameter> parameters = parameters();
        for (int i = 0; i < PARTS.size(); i++) {
            if (!name.contains(PARTS.get(i))) continue;
            Tensor all = parameters.get(name.replace(PARTS.get(i), FUSED)).exact();
            long third = all.size(0) / 3;
            return all.rows(i * third, (i + 1) * third).toFloats();
        }
        return parameters.get(name).exact().toFloats();
    }

    private static void copy(MemorySegment target, String name, ClipWeights weights) {
        if (!name.contains(FUSED)) {
            weights.copyTo(name, target);
            return;
        }
        long third = target.byteSize() / 3;
        for (int i = 0; i < 3; i++) weights.copyTo(name.replace(FUSED, PARTS.get(i)), target.asSlice(i * third, third));
    }
}
