package dev.imu2clip.media;

import java.nio.file.Path;

/**
 * A picture of 8-bit red, green and blue: row by row from the top, {@code rgb[(y * width + x) * 3 + channel]}. Alpha is gone, as after
 * Pillow's {@code convert("RGB")}: dropped, not blended.
 *
 * @param width pixels of a row, at least 1
 * @param height rows, at least 1
 * @param rgb {@code width * height * 3} values; not copied
 */
public record Image(int width, int height, byte[] rgb) {
    public Image {
        if (width < 1 || height < 1 || rgb.length != 3L * width * height) {
            throw new IllegalArgumentException(width + " x " + height + " pixels and " + rgb.length + " bytes");
        }
    }

    /** Reads a picture file as {@link ImageDecoder#read(Path)} does within the default bound. */
    public static Image read(Path file) {
        return new ImageDecoder().read(file);
    }

    @Override
    public String toString() {
        return "Image " + width + " x " + height;
    }
}
