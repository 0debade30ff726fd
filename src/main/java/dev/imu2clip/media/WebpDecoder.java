package dev.imu2clip.media;

import com.luciad.imageio.webp.WebPImageReaderSpi;
import java.awt.image.DataBufferInt;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import javax.imageio.ImageReader;

/** WebP by libwebp: lossy, lossless, with alpha (dropped), and of an animation the first picture on its canvas. */
final class WebpDecoder {
    private static final int ANIMATED = 2;
    private static final int ALPHA = 0x10;

    private WebpDecoder() {}

    static Image decode(Cursor in, long maxPixels) throws IOException {
        long firstFrame = -1;
        int orientation = 0;
        int xmp = 0;
        boolean extended = in.startsWith(12, "VP8X");
        for (long at = 12; extended && at + 8 <= in.size();) {
            long length = in.u32le(at + 4);
            if (in.startsWith(at, "ANMF") && firstFrame < 0) firstFrame = at;
            if (in.startsWith(at, "EXIF")) orientation = Orientation.ofExif(in.bytes(at + 8, length));
            if (in.startsWith(at, "XMP ")) xmp = Orientation.ofXmp(in.latin1(at + 8, length));
            at += 8 + length + (length & 1);
        }
        boolean animated = extended && (in.u8(20) & ANIMATED) != 0;
        if (animated && firstFrame < 0) throw new ImageFault("an animation without a picture");
        Image image = animated ? animation(in, firstFrame, maxPixels) : still(in.data(), maxPixels);
        return Orientation.apply(image, orientation != 0 ? orientation : xmp);
    }

    private static Image animation(Cursor in, long frame, long maxPixels) throws IOException {
        Canvas canvas = Canvas.of(in.u24le(24) + 1, in.u24le(27) + 1, maxPixels);
        long length = in.u32le(frame + 4);
        in.need(frame + 8, length);
        int x0 = in.u24le(frame + 8) * 2;
        int y0 = in.u24le(frame + 11) * 2;
        int w = in.u24le(frame + 14) + 1;
        int h = in.u24le(frame + 17) + 1;
        if (x0 + w > canvas.width() || y0 + h > canvas.height() || length < 16) throw new ImageFault("a picture beyond its canvas");
        Image part = still(asFile(in, frame + 24, length - 16, w, h), maxPixels);
        if (part.width() != w || part.height() != h) throw new ImageFault("a picture of another size than its frame");
        for (int y = 0; y < h; y++) System.arraycopy(part.rgb(), y * w * 3, canvas.rgb(), ((y0 + y) * canvas.width() + x0) * 3, w * 3);
        return canvas.image();
    }

    /** A frame's chunks (an optional ALPH, then VP8 or VP8L) as a file of its own. */
    private static byte[] asFile(Cursor in, long at, long length, int w, int h) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        boolean alpha = in.startsWith(at, "ALPH");
        out.writeBytes("RIFF".getBytes());
        int32(out, (int) (4 + (alpha ? 18 : 0) + length));
        out.writeBytes("WEBP".getBytes());
        if (alpha) {
            out.writeBytes("VP8X".getBytes());
            int32(out, 10);
            int32(out, ALPHA);
            int24(out, w - 1);
            int24(out, h - 1);
        }
        out.writeBytes(in.bytes(at, length));
        return out.toByteArray();
    }

    private static void int32(ByteArrayOutputStream out, int value) {
        int24(out, value);
        out.write(value >> 24);
    }

    private static void int24(ByteArrayOutputStream out, int value) {
        for (int shift = 0; shift < 24; shift += 8) out.write(value >> shift);
    }

    private static Image still(byte[] file, long maxPixels) throws IOException {
        ImageReader reader = new WebPImageReaderSpi().createReaderInstance(null);
        try (var stream = new ByteStream(file)) {
            reader.setInput(stream, true, true);
            Canvas.check(reader.getWidth(0), reader.getHeight(0), maxPixels);
            Canvas canvas = Canvas.of(reader.getWidth(0), reader.getHeight(0), maxPixels);
            int[] argb = ((DataBufferInt) reader.read(0).getRaster().getDataBuffer()).getData();
            byte[] rgb = canvas.rgb();
            for (int i = 0, at = 0; i < argb.length; i++) {
                rgb[at++] = (byte) (argb[i] >> 16);
                rgb[at++] = (byte) (argb[i] >> 8);
                rgb[at++] = (byte) argb[i];
            }
            return canvas.image();
        } catch (LinkageError e) {
            throw new ImageFault("libwebp is not available for this platform (" + e.getMessage() + ")");
        } finally {
            reader.dispose();
        }
    }
}
