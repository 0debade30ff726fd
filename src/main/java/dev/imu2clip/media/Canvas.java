package dev.imu2clip.media;

/** The pixels being filled by a decoder, allocated only after the size was found to lie within the bound. */
record Canvas(int width, int height, byte[] rgb) {
    /** Pillow's bound: beyond twice its MAX_IMAGE_PIXELS a file is taken for a decompression bomb. */
    static final long MAX_PIXELS = 178_956_970;

    static void check(long width, long height, long maxPixels) {
        if (width < 1 || height < 1) throw new ImageFault("a picture of " + width + " x " + height + " pixels");
        if (width > Integer.MAX_VALUE || height > Integer.MAX_VALUE || width > maxPixels / height) {
            throw new ImageFault(width + " x " + height + " pixels are over the bound of " + maxPixels);
        }
    }

    static Canvas of(long width, long height, long maxPixels) {
        check(width, height, Math.min(maxPixels, Integer.MAX_VALUE / 3));
        return new Canvas((int) width, (int) height, new byte[(int) (width * height * 3)]);
    }

    /** Colours a row of palette indices; {@code palette} has 256 entries of 0xRRGGBB. */
    void indexed(byte[] indices, int from, int y, int[] palette) {
        for (int x = 0, at = y * width * 3; x < width; x++, at += 3) {
            int colour = palette[indices[from + x] & 0xff];
            rgb[at] = (byte) (colour >> 16);
            rgb[at + 1] = (byte) (colour >> 8);
            rgb[at + 2] = (byte) colour;
        }
    }

    Image image() {
        return new Image(width, height, rgb);
    }
}
