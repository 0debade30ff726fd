package dev.imu2clip.media;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.imu2clip.TestData;
import dev.imu2clip.media.Preprocess.Normalization;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class PreprocessTest {
    @Test
    void cropsAndValuesAreThoseOfTorchvision() {
        String[] names = ImageGoldens.names("crop", ".rgb");
        assertEquals(16, names.length);
        for (String name : names) {
            String[] parts = name.split("\\.");
            Preprocess preprocess = Preprocess.clip(Integer.parseInt(parts[1]));
            Image image = new ImageDecoder().decode(ImageGoldens.bytes(parts[0] + ".png"), name);
            assertArrayEquals(ImageGoldens.bytes(name), preprocess.crop(image).rgb(), name);
            String sum = new String(ImageGoldens.bytes(parts[0] + "." + parts[1] + ".sha256"), StandardCharsets.UTF_8);
            assertEquals(sum, sha256(preprocess.apply(image)), name);
        }
    }

    @Test
    void aRealPictureEqualsPillowAndTorchvision() throws Exception {
        JsonNode golden = real().get("files").get("clip/CLIP.png");
        Image image = Image.read(TestData.shared("clip/CLIP.png"));
        assertEquals(golden.get("rgb").asText(), sha256(image.rgb()));
        assertCrop(golden, image);
    }

    static JsonNode real() throws Exception {
        return new ObjectMapper().readTree(PreprocessTest.class.getResourceAsStream("/goldens/images_real.json"));
    }

    /** Equal to the bit; where not, the message tells by how much. */
    static void assertCrop(JsonNode golden, Image image) throws Exception {
        Image crop = Preprocess.CLIP_224.crop(image);
        byte[] sample = new byte[7 * 7 * 3];
        for (int i = 0; i < sample.length; i++) sample[i] = crop.rgb()[((16 + i / 21 * 32) * 224 + 16 + i / 3 % 7 * 32) * 3 + i % 3];
        assertEquals(0, ImageGoldens.difference(HexFormat.of().parseHex(golden.get("sample").asText()), sample), "grey levels");
        assertEquals(golden.get("crop").asText(), sha256(crop.rgb()));
        assertEquals(golden.get("values").asText(), sha256(Preprocess.CLIP_224.apply(image)));
    }

    static String sha256(byte[] bytes) {
        return HexFormat.of().formatHex(dev.imu2clip.io.Sha256.digest().digest(bytes));
    }

    private static String sha256(float[] values) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        return sha256(bytes.array());
    }

    @Test
    void withoutNormalizationValuesAreOneOver255() {
        Image image = new Image(1, 2, new byte[] {0, 51, (byte) 255, 0, 51, (byte) 255});
        assertArrayEquals(new float[] {0, 0.2f, 1}, new Preprocess(1, Normalization.NONE).apply(image));
    }

    @Test
    void valuesAreWrittenAtAnOffsetAndNowhereElse() {
        Preprocess preprocess = Preprocess.clip(4);
        Image image = new ImageDecoder().decode(ImageGoldens.bytes("decode/rgb.png"), "rgb.png");
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(4L * (preprocess.length() + 2), 4);
            out.setAtIndex(ValueLayout.JAVA_FLOAT, 0, 7);
            out.setAtIndex(ValueLayout.JAVA_FLOAT, preprocess.length() + 1, 8);
            preprocess.apply(image, out, 4);
            float[] written = out.toArray(ValueLayout.JAVA_FLOAT);
            assertArrayEquals(preprocess.apply(image), Arrays.copyOfRange(written, 1, preprocess.length() + 1));
            assertEquals(7, written[0]);
            assertEquals(8, written[preprocess.length() + 1]);
        }
    }

    /** A strip of 20 million rows would become 224 x 4,480,000,000 pixels; only the square in the middle is computed. */
    @Test
    void extremeShapesCostNoMoreThanTheirMiddle() {
        byte[] grey = new byte[60_000_000];
        Arrays.fill(grey, (byte) 9);
        for (Image image : new Image[] {new Image(1, 20_000_000, grey), new Image(20_000_000, 1, grey)}) {
            byte[] crop = Preprocess.CLIP_224.crop(image).rgb();
            assertEquals(0, ImageGoldens.difference(crop, Arrays.copyOf(grey, crop.length)));
        }
    }

    @Test
    void theIdentityTellsSizeAndNormalization() {
        assertEquals(Preprocess.CLIP_224.identity(), Preprocess.clip(224).identity());
        assertNotEquals(Preprocess.CLIP_224.identity(), Preprocess.clip(336).identity());
        assertNotEquals(Preprocess.CLIP_224.identity(), new Preprocess(224, Normalization.NONE).identity());
        assertThrows(IllegalArgumentException.class, () -> Preprocess.clip(0));
        assertTrue(assertThrows(IllegalArgumentException.class, () -> new Image(2, 2, new byte[3])).getMessage().contains("2 x 2"));
    }
}
