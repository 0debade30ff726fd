package dev.imu2clip.media;

import dev.imu2clip.io.InputException;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Set;

/**
 * Reads JPEG, PNG, GIF, BMP and WebP, told apart by content, never by name. The pixels are those of Pillow's
 * {@code ImageOps.exif_transpose(Image.open(file)).convert("RGB")}: orientation applied, alpha dropped, colour profiles and gamma ignored,
 * of an animation the first picture, 16-bit colours cut to their high byte, 16-bit grey limited at 255.
 *
 * <p>A file that is truncated, broken, over the bound or of another format is an {@link InputException}; the size is checked before
 * anything is allocated for it.
 *
 * @param maxPixels largest width * height that is decoded
 */
public record ImageDecoder(long maxPixels) {
    /** Largest file that is read into memory. */
    private static final long MAX_BYTES = 1L << 30;
    /** Bytes that tell a format. */
    static final int SIGNATURE = 12;
    private static final Set<String> HEIF = Set.of("heic", "heix", "mif1", "msf1", "avif", "avis");

    public ImageDecoder {
        if (maxPixels < 1) throw new IllegalArgumentException("maxPixels " + maxPixels);
    }

    /** Within Pillow's bound of 178,956,970 pixels. */
    public ImageDecoder() {
        this(Canvas.MAX_PIXELS);
    }

    /** Decodes a file. */
    public Image read(Path file) {
        return decode(bytes(file), file.toString());
    }

    /** A file's bytes, for {@link #decode}. */
    public static byte[] bytes(Path file) {
        try {
            long bytes = Files.size(file);
            if (bytes > MAX_BYTES) throw InputException.in(file, bytes + " bytes are too many for a picture", "");
            return Files.readAllBytes(file);
        } catch (NoSuchFileException e) {
            throw InputException.in(file, "no such file", "");
        } catch (IOException e) {
            throw new InputException(file + ": cannot be read: " + InputException.reason(e), e);
        }
    }

    /** Decodes a file's bytes; {@code name} stands for it in messages. */
    public Image decode(byte[] bytes, String name) {
        Cursor in = new Cursor(bytes);
        String format = format(in);
        if (format == null) throw new InputException(name + ": " + unknown(in) + ". JPEG, PNG, GIF, BMP and WebP are read");
        try {
            return switch (format) {
                case "JPEG" -> JpegDecoder.decode(in, maxPixels);
                case "PNG" -> PngDecoder.decode(in, maxPixels);
                case "GIF" -> GifDecoder.decode(in, maxPixels);
                case "BMP" -> BmpDecoder.decode(in, maxPixels);
                default -> WebpDecoder.decode(in, maxPixels);
            };
        } catch (ImageFault e) {
            throw broken(name, format, e.getMessage(), e);
        } catch (OutOfMemoryError e) {
            throw broken(name, format, "it needs more memory than there is. Raise the heap with -Xmx", e);
        } catch (Exception e) {
            // The readers of the JDK and of libwebp answer broken files with whatever exception they run into.
            Throwable root = e;
            while (root.getCause() != null) root = root.getCause();
            if (root instanceof EOFException) throw broken(name, format, ImageFault.truncated("its pixels").getMessage(), e);
            throw broken(name, format, "its data are broken" + (root.getMessage() == null ? "" : ": " + root.getMessage()), e);
        }
    }

    private static InputException broken(String name, String format, String problem, Throwable cause) {
        String printable = problem.replaceAll("[^ -~]", "?");
        return new InputException(name + ": the " + format + " file cannot be decoded: " + printable, cause);
    }

    /** Whether a file's first {@link #SIGNATURE} bytes are surely those of a picture: the two of a BMP could be a text's. */
    static boolean isPicture(byte[] start) {
        String format = format(new Cursor(start));
        return format != null && !format.equals("BMP");
    }

    private static String format(Cursor in) {
        if (in.startsWith(0, "\u00ff\u00d8\u00ff")) return "JPEG";
        if (in.startsWith(0, "\u0089PNG\r\n\u001a\n")) return "PNG";
        if (in.startsWith(0, "GIF87a") || in.startsWith(0, "GIF89a")) return "GIF";
        if (in.startsWith(0, "BM")) return "BMP";
        return in.startsWith(0, "RIFF") && in.startsWith(8, "WEBP") ? "WebP" : null;
    }

    private static String unknown(Cursor in) {
        if (in.size() == 0) return "an empty file";
        if (in.startsWith(0, "II*\0") || in.startsWith(0, "MM\0*")) return "a TIFF file";
        if (in.startsWith(4, "ftyp") && in.size() >= 12) {
            return HEIF.contains(in.latin1(8, 4)) ? "a HEIF or AVIF file" : "a video file";
        }
        return "not a picture of a known format";
    }
}
