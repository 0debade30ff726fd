package dev.imu2clip.media;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * CLIP's way from a picture to the image tower's input: the shorter side resized to {@code size} (Pillow's antialiased bicubic), the
 * central square, values of 0 to 1, normalised per channel. The 8-bit stage equals Pillow and torchvision to the bit, and so do the floats.
 *
 * <p>The picture is made RGB before it is resized. Where it has alpha or a palette, that differs from openai/CLIP's own order, which
 * resizes first and blurs colours of invisible pixels in, or picks the nearest pixel.
 *
 * @param size side of the square: 224, or the tower's input resolution
 * @param normalization what is done with the values of 0 to 1
 */
public record Preprocess(int size, Normalization normalization) {
    /** CLIP ViT-B/32 and all others of 224 x 224 pixels. */
    public static final Preprocess CLIP_224 = clip(224);

    /** Changed whenever the same file could give other numbers than before, decoding included. */
    private static final int RECIPE = 1;
    private static final int MAX_SIZE = 4096;

    /** What is done with values of 0 to 1. */
    public enum Normalization {
        /** Minus CLIP's mean, divided by its standard deviation. */
        CLIP(new float[] {0.48145466f, 0.4578275f, 0.40821073f}, new float[] {0.26862954f, 0.26130258f, 0.27577711f}),
        /** Nothing, as IMU2CLIP's reference does with video frames. */
        NONE(new float[] {0, 0, 0}, new float[] {1, 1, 1});

        private final float[] table = new float[3 * 256];

        Normalization(float[] mean, float[] std) {
            for (int i = 0; i < table.length; i++) table[i] = (i % 256 / 255f - mean[i / 256]) / std[i / 256];
        }
    }

    public Preprocess {
        if (size < 1 || size > MAX_SIZE) throw new IllegalArgumentException("size " + size + " is not within 1 to " + MAX_SIZE);
    }

    /** CLIP's, for another input resolution, as 336 of ViT-L/14@336px. */
    public static Preprocess clip(int size) {
        return new Preprocess(size, Normalization.CLIP);
    }

    /** Count of values of one picture: {@code 3 * size * size}. */
    public int length() {
        return 3 * size * size;
    }

    /** The values of one picture: {@code (3, size, size)}, all red first. */
    public float[] apply(Image image) {
        float[] out = new float[length()];
        apply(image, MemorySegment.ofArray(out), 0);
        return out;
    }

    /** Writes the values of one picture, {@code (3, size, size)} native float32, at a byte offset of {@code out}. */
    public void apply(Image image, MemorySegment out, long offset) {
        normalize(crop(image), out, offset);
    }

    /** The 8-bit stage: resized and cropped to {@code size} x {@code size}. */
    public Image crop(Image image) {
        int shorter = Math.min(image.width(), image.height());
        long width = side(image.width(), shorter);
        long height = side(image.height(), shorter);
        return Bicubic.window(image, width, height, margin(width), margin(height), size);
    }

    /** torchvision cuts the longer side to a whole number where the shorter becomes {@code size}. */
    private long side(int length, int shorter) {
        return length == shorter ? size : (long) ((double) ((long) size * length) / shorter);
    }

    /** torchvision's central crop begins at Python's round(): half to even. */
    private long margin(long length) {
        return (long) Math.rint((length - size) / 2.0);
    }

    /** The float stage of a picture that is {@code size} x {@code size} already. */
    public void normalize(Image cropped, MemorySegment out, long offset) {
        if (cropped.width() != size || cropped.height() != size) throw new IllegalArgumentException(cropped + ", not of side " + size);
        byte[] rgb = cropped.rgb();
        int pixels = size * size;
        for (int c = 0; c < 3; c++) {
            for (int i = 0; i < pixels; i++) {
                float value = normalization.table[c * 256 + (rgb[i * 3 + c] & 0xff)];
                out.set(ValueLayout.JAVA_FLOAT_UNALIGNED, offset + 4L * (c * pixels + i), value);
            }
        }
    }

    /** Says in a cache's key what was done: two of the same identity give the same values for the same file. */
    public String identity() {
        return "recipe " + RECIPE + ", bicubic crop " + size + ", normalization " + normalization;
    }
}
