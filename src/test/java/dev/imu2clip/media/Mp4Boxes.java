package dev.imu2clip.media;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Changes mp4 files for tests. */
final class Mp4Boxes {
    private Mp4Boxes() {}

    /** Puts an empty edit of some seconds before the last track's only edit; the index must be the file's last box. */
    static void delay(Path film, int seconds) throws Exception {
        byte[] old = Files.readAllBytes(film);
        String text = new String(old, StandardCharsets.ISO_8859_1);
        int edit = text.lastIndexOf("elst") - 4;
        ByteBuffer bytes = ByteBuffer.allocate(old.length + 12);
        int unit = ByteBuffer.wrap(old).getInt(text.indexOf("mvhd") + 16);
        bytes.put(old, 0, edit + 16).putInt(seconds * unit).putInt(-1).putInt(1 << 16).put(old, edit + 16, old.length - edit - 16);
        bytes.putInt(edit + 12, 2);
        for (int box : new int[] {edit, edit - 8, text.lastIndexOf("trak") - 4, text.lastIndexOf("moov") - 4}) {
            bytes.putInt(box, bytes.getInt(box) + 12);
        }
        Files.write(film, bytes.array());
    }
}
