package dev.imu2clip.media;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.io.InputException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ImageDecoderTest {
    private static final ImageDecoder DECODER = new ImageDecoder();

    @ParameterizedTest
    @ValueSource(strings = {".jpg", ".png", ".gif", ".bmp", ".webp"})
    void pixelsAreThoseOfPillow(String format) {
        List<String> different = new ArrayList<>();
        String[] names = ImageGoldens.names("decode", format);
        assertTrue(names.length >= 14, names.length + " files");
        for (String name : names) {
            Image expected = ImageGoldens.expected(name + ".rgb");
            Image image = DECODER.decode(ImageGoldens.bytes(name), name);
            if (image.width() != expected.width() || image.height() != expected.height()) different.add(name + ": " + image);
            else if (!Arrays.equals(image.rgb(), expected.rgb())) {
                different.add(name + ": " + ImageGoldens.difference(image.rgb(), expected.rgb()) + " grey levels");
            }
        }
        assertEquals(List.of(), different);
    }

    @Test
    void whatPillowRefusesIsRefused() {
        List<String> read = new ArrayList<>();
        String[] names = ImageGoldens.names("refuse", "");
        assertTrue(names.length >= 20, names.length + " files");
        for (String name : names) {
            try {
                DECODER.decode(ImageGoldens.bytes(name), name);
                read.add(name);
            } catch (InputException e) {
                assertTrue(e.getMessage().startsWith(name + ": "), e.getMessage());
            }
        }
        assertEquals(List.of(), read);
    }

    @Test
    void theContentTellsTheFormat(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("photo.jpg");
        Files.write(file, ImageGoldens.bytes("decode/rgb.png"));
        assertTrue(Arrays.equals(ImageGoldens.expected("decode/rgb.png.rgb").rgb(), Image.read(file).rgb()));
    }

    @Test
    void otherFilesAreNamedForWhatTheyAre(@TempDir Path folder) throws Exception {
        assertMessage(new byte[0], "an empty file");
        assertMessage("II*\0 and more".getBytes(StandardCharsets.ISO_8859_1), "a TIFF file");
        assertMessage("\0\0\0\30ftypavif and more".getBytes(StandardCharsets.ISO_8859_1), "a HEIF or AVIF file");
        assertMessage("\0\0\0\30ftypisom and more".getBytes(StandardCharsets.ISO_8859_1), "a video file");
        assertMessage("hello".getBytes(StandardCharsets.ISO_8859_1), "not a picture of a known format");
        Path missing = folder.resolve("missing.jpg");
        assertEquals(missing + ": no such file", assertThrows(InputException.class, () -> Image.read(missing)).getMessage());
        assertThrows(InputException.class, () -> Image.read(folder));
    }

    private static void assertMessage(byte[] file, String what) {
        String message = assertThrows(InputException.class, () -> DECODER.decode(file, "x.jpg")).getMessage();
        assertEquals("x.jpg: " + what + ". JPEG, PNG, GIF, BMP and WebP are read", message);
    }

    /** Each header promises some 10^9 pixels; the bound is checked before they are allocated. */
    @Test
    void hugeSizesAreRefusedBeforeAnythingIsAllocated() {
        byte[] png = ImageGoldens.bytes("decode/rgb.png").clone();
        ByteBuffer.wrap(png).putInt(16, 40_000).putInt(20, 40_000);
        CRC32 sum = new CRC32();
        sum.update(png, 12, 17);
        ByteBuffer.wrap(png).putInt(29, (int) sum.getValue());
        byte[] bmp = ImageGoldens.bytes("decode/rgb.bmp").clone();
        ByteBuffer.wrap(bmp).putInt(18, Integer.reverseBytes(40_000)).putInt(22, Integer.reverseBytes(40_000));
        byte[] gif = ImageGoldens.bytes("decode/colours4.gif").clone();
        ByteBuffer.wrap(gif).putShort(6, (short) 0x409c).putShort(8, (short) 0x409c);
        byte[] jpeg = ImageGoldens.bytes("decode/yuv444.jpg").clone();
        int frame = new String(jpeg, StandardCharsets.ISO_8859_1).indexOf("\u00ff\u00c0");
        ByteBuffer.wrap(jpeg).putShort(frame + 5, (short) 40_000).putShort(frame + 7, (short) 40_000);
        for (byte[] file : List.of(png, bmp, gif, jpeg)) {
            String message = assertThrows(InputException.class, () -> DECODER.decode(file, "x")).getMessage();
            assertTrue(message.contains("are over the bound of 178956970"), message);
        }
    }

    @Test
    void theBoundCanBeSet() {
        byte[] file = ImageGoldens.bytes("decode/lossless.webp");
        assertEquals(29, new ImageDecoder(29 * 21).decode(file, "x").width());
        for (String name : List.of("lossless.webp", "animated_lossless.webp", "rgb.png", "rgb.bmp", "grey.gif", "grey.jpg")) {
            byte[] bytes = ImageGoldens.bytes("decode/" + name);
            assertThrows(InputException.class, () -> new ImageDecoder(29 * 21 - 1).decode(bytes, name), name);
        }
    }
}
