package dev.imu2clip.media;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How a camera was held: EXIF tag 0x0112, or XMP's tiff:Orientation where EXIF has none. 0 means not told. */
final class Orientation {
    private static final Pattern XMP = Pattern.compile("tiff:Orientation(?:=\"|>)([0-9])");
    private static final int TAG = 0x0112;

    private Orientation() {}

    /** From a TIFF structure, with or without "Exif\0\0" before it. A structure that makes no sense says nothing, as in Pillow. */
    static int ofExif(byte[] exif) {
        Cursor in = new Cursor(exif);
        try {
            int tiff = in.startsWith(0, "Exif\0\0") ? 6 : 0;
            boolean little = in.startsWith(tiff, "II");
            if (!little && !in.startsWith(tiff, "MM")) return 0;
            long ifd = tiff + (little ? in.u32le(tiff + 4) : in.u32be(tiff + 4));
            int entries = little ? in.u16le(ifd) : in.u16be(ifd);
            for (long at = ifd + 2; entries > 0; entries--, at += 12) {
                if ((little ? in.u16le(at) : in.u16be(at)) == TAG) return little ? in.u16le(at + 8) : in.u16be(at + 8);
            }
            return 0;
        } catch (ImageFault broken) {
            return 0;
        }
    }

    static int ofXmp(String xmp) {
        Matcher found = XMP.matcher(xmp);
        return found.find() ? Integer.parseInt(found.group(1)) : 0;
    }

    /** Turns and mirrors a picture upright. Values other than 2 to 8 leave it as it is. */
    static Image apply(Image image, int orientation) {
        if (orientation < 2 || orientation > 8) return image;
        int w = image.width();
        int h = image.height();
        boolean right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
        boolean bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
        boolean swap = orientation >= 5;
        int origin = (bottom ? (h - 1) * w : 0) + (right ? w - 1 : 0);
        int alongX = right ? -1 : 1;
        int alongY = bottom ? -w : w;
        Image out = new Image(swap ? h : w, swap ? w : h, new byte[image.rgb().length]);
        byte[] from = image.rgb();
        byte[] to = out.rgb();
        int stepX = swap ? alongY : alongX;
        int stepY = swap ? alongX : alongY;
        for (int y = 0, at = 0; y < out.height(); y++) {
            for (int x = 0, p = (origin + y * stepY) * 3; x < out.width(); x++, at += 3, p += stepX * 3) {
                to[at] = from[p];
                to[at + 1] = from[p + 1];
                to[at + 2] = from[p + 2];
            }
        }
        return out;
    }
}
