package dev.imu2clip.clip;

import java.util.Set;

/** What of a CLIP tower learns. */
public sealed interface Tuning {
    /** Every parameter. */
    record All() implements Tuning {}

    /** The last blocks and what comes after them, the final norm and the projection. */
    record LastBlocks(int blocks) implements Tuning {}

    /**
     * Low-rank updates (see {@link dev.imu2clip.nn.LowRank}), the rest is frozen.
     *
     * @param rank    r
     * @param alpha   updates are scaled by alpha / r
     * @param targets linear layers of a block that are adapted, of {@link #TARGETS}
     * @param blocks  how many of the last blocks; 0 for all
     */
    record Adapters(int rank, double alpha, Set<String> targets, int blocks) implements Tuning {
        /** The linear layers of a block, as Hugging Face calls them. */
        public static final Set<String> TARGETS = Set.of("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2");

        public Adapters {
            if (rank < 1 || targets.isEmpty() || !TARGETS.containsAll(targets))
                throw new IllegalArgumentException("adapters of rank " + rank + " on " + targets);
        }

        boolean on(String layer) {
            return targets.contains(layer.substring(layer.lastIndexOf('.') + 1));
        }
    }
}
