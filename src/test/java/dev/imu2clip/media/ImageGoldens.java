package dev.imu2clip.media;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/** The archive that tools/goldens/images.py writes: synthetic pictures in every format, and what Pillow and torchvision make of them. */
final class ImageGoldens {
    private static final Map<String, byte[]> ENTRIES = read();

    private ImageGoldens() {}

    private static Map<String, byte[]> read() {
        Map<String, byte[]> entries = new TreeMap<>();
        try (ZipInputStream zip = new ZipInputStream(ImageGoldens.class.getResourceAsStream("/goldens/images.zip"))) {
            for (ZipEntry entry; (entry = zip.getNextEntry()) != null;) entries.put(entry.getName(), zip.readAllBytes());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return entries;
    }

    static byte[] bytes(String name) {
        return ENTRIES.get(name);
    }

    /** Names within a folder of the archive that end so. */
    static String[] names(String folder, String ending) {
        return ENTRIES.keySet().stream().filter(name -> name.startsWith(folder + "/") && name.endsWith(ending)).toArray(String[]::new);
    }

    /** Files of one format that decode, as seeds. */
    static byte[][] files(String ending) {
        return Arrays.stream(names("decode", ending)).map(ImageGoldens::bytes).toArray(byte[][]::new);
    }

    static Image expected(String name) {
        ByteBuffer in = ByteBuffer.wrap(bytes(name)).order(ByteOrder.LITTLE_ENDIAN);
        int width = in.getInt();
        int height = in.getInt();
        return new Image(width, height, Arrays.copyOfRange(in.array(), 8, in.capacity()));
    }

    /** The largest difference of two pictures of one size, in grey levels. */
    static int difference(byte[] a, byte[] b) {
        if (a.length != b.length) throw new AssertionError(a.length + " and " + b.length + " values");
        int most = 0;
        for (int i = 0; i < a.length; i++) most = Math.max(most, Math.abs((a[i] & 0xff) - (b[i] & 0xff)));
        return most;
    }
}
