package dev.imu2clip.ops;

import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

/**
 * Which keys a query may see.
 *
 * @param causal query i sees keys 0 to i only
 * @param keyLengths int32 (B): keys at or after a sequence's length are never read; null for all
 * @param queryLengths int32 (B): queries at or after a sequence's length give zeros and get no gradient; null for all
 */
public record AttentionMask(boolean causal, Tensor keyLengths, Tensor queryLengths) {
    public static final AttentionMask NONE = new AttentionMask(false, null, null);
    public static final AttentionMask CAUSAL = new AttentionMask(true, null, null);

    public AttentionMask {
        for (Tensor lengths : new Tensor[] {keyLengths, queryLengths})
            if (lengths != null && (lengths.dtype() != DType.I32 || lengths.shape().rank() != 1))
                throw new IllegalArgumentException("an attention mask needs lengths as int32 (B,), got " + lengths);
    }

    /** Self-attention in sequences of these lengths, padded behind: padding is neither read nor written but for zeros. */
    public AttentionMask lengths(Tensor lengths) {
        return new AttentionMask(causal, lengths, lengths);
    }

    /** The same mask with keys of these lengths, for cross-attention. */
    public AttentionMask keyLengths(Tensor lengths) {
        return new AttentionMask(causal, lengths, queryLengths);
    }
}
