package dev.imu2clip.media;

/**
 * What a JPEG's markers say.
 *
 * @param components 1 (grey), 3 or 4
 * @param transformed whether the first three components are YCbCr, by libjpeg's rules
 * @param tall whether the colours have half the luma's rows and all of its columns (4:4:0)
 * @param orientation of the camera, 0 when not told
 */
record JpegHeader(int width, int height, int components, boolean transformed, boolean tall, int orientation) {
    private static final int SOF0 = 0xc0;
    private static final int SOF2 = 0xc2;
    private static final int SOF15 = 0xcf;
    private static final int DHT = 0xc4;
    private static final int JPG = 0xc8;
    private static final int DAC = 0xcc;
    private static final int SOS = 0xda;
    private static final String XMP = "http://ns.adobe.com/xap/1.0/\0";

    /** Reads up to the first scan; scans are counted to the end of the file. */
    static JpegHeader read(Cursor in, int maxScans) {
        long frame = -1;
        int adobe = -1;
        boolean jfif = false;
        int exif = 0;
        int xmp = 0;
        long at = 2;
        for (;;) {
            while (in.u8(at) != 0xff) at++;
            while (in.u8(at) == 0xff) at++;
            int marker = in.u8(at++);
            if (marker == SOS) break;
            if (marker == 0 || marker == 1 || marker >= 0xd0 && marker <= 0xd8) continue;
            if (marker == 0xd9) throw new ImageFault("no picture in it");
            int length = in.u16be(at);
            in.need(at, Math.max(length, 2));
            if (marker >= SOF0 && marker <= SOF15 && marker != DHT && marker != JPG && marker != DAC) {
                if (frame >= 0) throw new ImageFault("more than one frame");
                frame = at;
                checkKind(in, marker, at);
            } else if (marker == 0xe0 && length >= 16 && in.startsWith(at + 2, "JFIF\0")) {
                jfif = true;
            } else if (marker == 0xee && length >= 14 && in.startsWith(at + 2, "Adobe")) {
                adobe = in.u8(at + 13);
            } else if (marker == 0xe1 && in.startsWith(at + 2, "Exif\0\0") && exif == 0) {
                exif = Orientation.ofExif(in.bytes(at + 2, length - 2L));
            } else if (marker == 0xe1 && in.startsWith(at + 2, XMP)) {
                xmp = Orientation.ofXmp(in.latin1(at + 2, length - 2L));
            }
            at += length;
        }
        if (frame < 0) throw new ImageFault("a scan before the frame's header");
        countScans(in, at, maxScans);
        int components = in.u8(frame + 7);
        return new JpegHeader(in.u16be(frame + 5), in.u16be(frame + 3), components, transformed(in, frame, components, jfif, adobe),
                tall(in, frame, components), exif != 0 ? exif : xmp);
    }

    private static void checkKind(Cursor in, int marker, long frame) {
        if (marker > SOF2) throw new ImageFault("lossless, hierarchical or arithmetic coding is not supported");
        int bits = in.u8(frame + 2);
        if (bits != 8) throw new ImageFault(bits + " bits a sample are not supported, only 8");
        int components = in.u8(frame + 7);
        if (components != 1 && components != 3 && components != 4) throw new ImageFault(components + " colour components");
    }

    private static boolean transformed(Cursor in, long frame, int components, boolean jfif, int adobe) {
        if (components == 1) return false;
        if (components == 4) return adobe == 2;
        if (jfif) return true;
        if (adobe >= 0) return adobe != 0;
        return !(in.u8(frame + 8) == 'R' && in.u8(frame + 11) == 'G' && in.u8(frame + 14) == 'B');
    }

    private static boolean tall(Cursor in, long frame, int components) {
        boolean half = components == 3;
        for (int c = 0; half && c < 3; c++) half = in.u8(frame + 9 + 3L * c) == (c == 0 ? 0x12 : 0x11);
        return half;
    }

    private static void countScans(Cursor in, long from, int maxScans) {
        int scans = 1; // Within a scan 0xff is followed by 0 or by a marker.
        byte[] data = in.data();
        for (int i = (int) from; i + 1 < data.length; i++) {
            if (data[i] == (byte) 0xff && data[i + 1] == (byte) SOS) scans++;
        }
        if (scans > maxScans) throw new ImageFault("over " + maxScans + " scans");
    }
}
