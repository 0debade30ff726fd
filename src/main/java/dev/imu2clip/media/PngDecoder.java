package dev.imu2clip.media;

import java.awt.image.Raster;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.zip.CRC32;
import javax.imageio.ImageReader;

/**
 * PNG by the JDK's reader. It is given the header and the pixels' data alone, so that no other chunk can make it convert, allocate or
 * refuse anything: gAMA, iCCP and tRNS change nothing, and it takes the indices of a palette for grey.
 */
final class PngDecoder {
    private static final byte GREY = 0;
    private static final int HEADER_END = 33;

    private final Cursor in;
    private final ByteBuffer bare;
    private final int[] palette = new int[256];
    private boolean indexed;
    private boolean coloured;
    private int orientation;

    private PngDecoder(Cursor in) {
        this.in = in;
        bare = ByteBuffer.allocate(in.size() + 8);
    }

    static Image decode(Cursor in, long maxPixels) throws IOException {
        PngDecoder png = new PngDecoder(in);
        png.readChunks(maxPixels);
        ImageReader reader = JdkReader.of("png");
        try (ByteStream stream = new ByteStream(png.bare.array())) {
            reader.setInput(stream, true, true);
            return Orientation.apply(png.paint(reader.read(0).getRaster()), png.orientation);
        } finally {
            reader.dispose();
        }
    }

    private void readChunks(long maxPixels) {
        String xmp = "";
        for (long at = 8; at < in.size();) {
            boolean pixels = bare.position() > HEADER_END + 8;
            if (pixels && at + 8 > in.size()) break;
            long length = in.u32be(at);
            String name = in.latin1(at + 4, 4);
            // What follows the pixels may be missing, and pixel data cut short are found out by the rows they lack.
            if (at + 12 + length > in.size() && !(name.equals("IDAT") || pixels)) throw ImageFault.truncated("chunk " + name);
            int from = (int) at + 8;
            int size = (int) Math.min(length, in.size() - from);
            if (at == 8 && !name.equals("IHDR")) throw new ImageFault("the first chunk is '" + name + "' and not IHDR");
            switch (name) {
                case "IHDR" -> readHeader(at, length, maxPixels);
                case "PLTE" -> readPalette(at, length);
                case "IDAT" -> bare.put(in.data(), from, size);
                case "eXIf" -> orientation = Orientation.ofExif(in.bytes(from, size));
                case "iTXt" -> xmp = in.latin1(from, size);
                case "IEND" -> at = in.size();
                default -> { }
            }
            if (xmp.startsWith("XML:com.adobe.xmp") && orientation == 0) orientation = Orientation.ofXmp(xmp);
            at += 12 + length;
        }
        if (bare.position() <= HEADER_END + 8) throw new ImageFault("no pixels (IDAT)");
        if (indexed && !coloured) throw new ImageFault("a palette image without a palette (PLTE)");
        bare.putInt(HEADER_END, bare.position() - HEADER_END - 8);
    }

    private void readHeader(long at, long length, long maxPixels) {
        checkSum(at, length);
        if (at != 8 || length < 13) throw new ImageFault("more than one IHDR, or a short one");
        Canvas.check(in.u32be(16), in.u32be(20), Math.min(maxPixels, Integer.MAX_VALUE / 4));
        int depth = in.u8(24);
        indexed = in.u8(25) == 3;
        if (indexed && depth > 8) throw new ImageFault("a palette and " + depth + " bits");
        bare.put(in.data(), 0, HEADER_END).putInt(8, 13).putInt(0).put("IDAT".getBytes());
        if (indexed) bare.put(25, GREY);
        int white = (1 << Math.clamp(depth, 1, 8)) - 1;
        for (int i = 0; i <= white && !indexed; i++) palette[i] = i * 255 / white * 0x010101;
    }

    private void readPalette(long at, long length) {
        checkSum(at, length);
        coloured = true;
        if (!indexed) return;
        for (int i = 0; i < Math.min(256, length / 3); i++) palette[i] = in.u16be(at + 8 + i * 3L) << 8 | in.u8(at + 10 + i * 3L);
    }

    private void checkSum(long at, long length) {
        CRC32 crc = new CRC32();
        crc.update(in.bytes(at + 4, length + 4));
        if (crc.getValue() != in.u32be(at + 8 + length)) throw new ImageFault("chunk " + in.latin1(at + 4, 4) + " has a wrong checksum");
    }

    private Image paint(Raster raster) {
        Canvas canvas = Canvas.of(raster.getWidth(), raster.getHeight(), Long.MAX_VALUE);
        int bands = raster.getNumBands();
        int shift = raster.getSampleModel().getSampleSize(0) - 8;
        int[] row = new int[canvas.width() * bands];
        for (int y = 0, to = 0; y < canvas.height(); y++) {
            raster.getPixels(0, y, canvas.width(), 1, row);
            for (int at = 0; at < row.length; at += bands) {
                // Pillow limits 16-bit grey, where it cuts 16-bit colours to their high byte.
                int colour = switch (bands) {
                    case 1 -> palette[Math.min(row[at], 255)];
                    case 2 -> (row[at] >> shift) * 0x010101;
                    default -> row[at] >> shift << 16 | row[at + 1] >> shift << 8 | row[at + 2] >> shift;
                };
                canvas.rgb()[to++] = (byte) (colour >> 16);
                canvas.rgb()[to++] = (byte) (colour >> 8);
                canvas.rgb()[to++] = (byte) colour;
            }
        }
        return canvas.image();
    }
}
