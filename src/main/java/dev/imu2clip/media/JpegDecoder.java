package dev.imu2clip.media;

import java.awt.image.DataBufferByte;
import java.awt.image.Raster;
import java.io.IOException;
import javax.imageio.ImageReader;

/**
 * JPEG by the JDK's libjpeg, whose samples (integer transform, smooth chroma upsampling) are those of libjpeg-turbo. Colours are converted
 * here from the raw samples, so that no profile or heuristic of Java's comes between.
 */
final class JpegDecoder {
    /** More scans than any sensible progressive file has: each costs a pass over the whole picture. */
    private static final int MAX_SCANS = 500;

    private JpegDecoder() {}

    static Image decode(Cursor in, long maxPixels) throws IOException {
        JpegHeader header = JpegHeader.read(in, MAX_SCANS);
        Canvas.check(header.width(), header.height(), Math.min(maxPixels, Integer.MAX_VALUE / header.components()));
        Raster raster = samples(in);
        if (raster.getWidth() != header.width() || raster.getHeight() != header.height() || raster.getNumBands() != header.components()) {
            throw new ImageFault("a second frame of another size");
        }
        byte[] samples = ((DataBufferByte) raster.getDataBuffer()).getData();
        Image image = new Image(header.width(), header.height(), JpegColours.toRgb(samples, header));
        return Orientation.apply(image, header.orientation());
    }

    private static Raster samples(Cursor in) throws IOException {
        ImageReader reader = JdkReader.of("jpeg");
        try (ByteStream bytes = new ByteStream(in.data())) {
            reader.setInput(bytes, true, true);
            Raster raster = reader.readRaster(0, null);
            // libjpeg goes on after the end of a truncated file as if nothing were missing.
            if (bytes.exhausted()) throw ImageFault.truncated("its pixels");
            return raster;
        } finally {
            reader.dispose();
        }
    }
}
