package dev.imu2clip.clip;

import dev.imu2clip.memory.Device;
import dev.imu2clip.nn.Module;
import dev.imu2clip.nn.ParameterStore;

import java.lang.foreign.MemorySegment;
import java.util.List;

/** One of CLIP's two networks. Parameters by Hugging Face's names, but for {@code qkv_proj} (see {@link EncoderLayer}). */
abstract sealed class Tower extends Module permits TextTower, ImageTower {
    private static final String FUSED = ".qkv_proj.";

    /** Gives the parameters memory on a device and the values of {@code weights}, which must be of this tower's config. */
    public final ParameterStore load(Device device, ClipWeights weights, boolean trainable) {
        ParameterStore store = ParameterStore.allocate(device, this, trainable);
        try {
            return store.fill((name, target) -> copy(target, name, weights));
        } catch (RuntimeException e) {
            store.close();
            throw e;
        }
    }

    private static void copy(MemorySegment target, String name, ClipWeights weights) {
        int at = name.indexOf(FUSED);
        if (at < 0) {
            weights.copyTo(name, target);
            return;
        }
        long third = target.byteSize() / 3;
        List<String> parts = List.of(".q_proj.", ".k_proj.", ".v_proj.");
        for (int i = 0; i < 3; i++) weights.copyTo(name.replace(FUSED, parts.get(i)), target.asSlice(i * third, third));
    }
}
