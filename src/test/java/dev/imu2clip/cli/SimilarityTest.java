package dev.imu2clip.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.imu2clip.TestData;
import dev.imu2clip.io.Npy;
import dev.imu2clip.tensor.Shape;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class SimilarityTest extends TinyClip {
    private static final Path WIDE = CLIP.resolve("wide.png"), TALL = CLIP.resolve("tall.png");

    private static JsonNode json(Object... arguments) throws IOException {
        return new JsonMapper().readTree(run(arguments));
    }

    private static double cosine(double[] a, double[] b) {
        double ab = 0, aa = 0, bb = 0;
        for (int i = 0; i < a.length; i++) {
            ab += a[i] * b[i];
            aa += a[i] * a[i];
            bb += b[i] * b[i];
        }
        return ab / Math.sqrt(aa * bb);
    }

    @Test
    void withinASetAndWithTheLogitScale() throws IOException {
        double expected = cosine(numbers(EXPECTED.path("images").path("wide.png")), numbers(EXPECTED.path("images").path("tall.png")));
        JsonNode one = json("similarity", "--images", WIDE, TALL, "--clip", CLIP, "--json");
        assertEquals(WIDE.toString(), one.path("rows").path(0).asText());
        assertEquals(TALL.toString(), one.path("columns").path(1).asText());
        assertEquals(1, one.path("similarity").path(0).path(0).asDouble(), 1e-6);
        assertEquals(expected, one.path("similarity").path(0).path(1).asDouble(), 1e-5);
        assertTrue(one.path("logit_scale").isMissingNode());
        JsonNode scaled = json("similarity", "--images", WIDE, TALL, "--clip", CLIP, "--json", "--logits");
        double scale = EXPECTED.path("logit_scale").asDouble();
        assertEquals(scale, scaled.path("logit_scale").asDouble(), 1e-6);
        assertEquals(scale * expected, scaled.path("similarity").path(1).path(0).asDouble(), 1e-4);
    }

    /** The softmax of the logits is what transformers gives. */
    @Test
    void picturesAndTexts() throws IOException {
        JsonNode logits = json("similarity", "--images", WIDE, TALL, "--texts", "a photo of a dog", "a photo of a cat",
                "a photo of a a red square",
                "--clip", CLIP, "--json", "--logits").path("similarity");
        for (int i = 0; i < 2; i++) {
            double sum = 0;
            for (JsonNode logit : logits.path(i)) sum += Math.exp(logit.asDouble());
            for (int j = 0; j < 3; j++)
                assertEquals(EXPECTED.path("probabilities").path(i).path(j).asDouble(), Math.exp(logits.path(i).path(j).asDouble()) / sum,
                        1e-4);
        }
    }

    @Test
    void tablesAndCsv() {
        Path a = folder.resolve("a.npy"), b = folder.resolve("b.npy");
        Npy.write(a, Shape.of(2, 2), new float[] {3, 4, 0, 0});
        Npy.write(b, Shape.of(3, 2), new float[] {1, 0, 0, 2, -3, -4});
        assertEquals("          0         1         2\n0    0.6000    0.8000   -1.0000\n1    0.0000    0.0000    0.0000\n",
                run("similarity", "--a", a, "--b", b));
        assertEquals(List.of(",0,1,2", "0,0.6,0.8,-1.0", "1,0.0,0.0,0.0"), run("similarity", "--a", a, "--b", b, "--csv").lines().toList());
    }

    @Test
    void anEmptyTextHasARow() {
        assertEquals(" ".repeat(11) + "\n     1.0000\n", run("similarity", "--texts", "", "--clip", CLIP));
    }

    @Test
    void videosAndPictures() throws IOException {
        Path video = TestData.shared("video").resolve("asl_walk.mkv"), middle = folder.resolve("v.npy");
        run("embed", "video", "--in", video, "--out", middle, "--clip", CLIP);
        JsonNode same = json("similarity", "--videos", video, "--a", middle, "--clip", CLIP, "--json");
        assertEquals(1, same.path("similarity").path(0).path(0).asDouble(), 1e-6);
        assertEquals(video.toString(), same.path("rows").path(0).asText());
    }

    @Test
    void whatCannotBeCompared() {
        Path a = folder.resolve("a.npy"), b = folder.resolve("b.npy");
        Npy.write(a, Shape.of(2, 2), new float[] {3, 4, 0, 0});
        Npy.write(b, Shape.of(2, 3), new float[6]);
        refused(a + " has embeddings of 2 numbers, " + b + " of 3. Embed both with the same model", "similarity", "--a", a, "--b", b);
        refused("--images has embeddings of 16 numbers, " + a + " of 2", "similarity", "--a", a, "--images", WIDE, "--clip", CLIP);
        Npy.write(b, Shape.of(2, 2), new float[] {1, 2, Float.NaN, 4});
        refused(b + ": embedding 1 has NaN at position 0", "similarity", "--a", a, "--b", b);
        Npy.write(b, Shape.of(4), new float[4]);
        refused(b + ": has shape (4,). Expected embeddings as (N, D)", "similarity", "--a", a, "--b", b);
        refused("0 sets were given", "similarity");
        refused("3 sets were given", "similarity", "--a", a, "--b", b, "--texts", "x");
        refused("--json and --csv", "similarity", "--a", a, "--json", "--csv");
        refused("gone.npy: does not exist", "similarity", "--a", folder.resolve("gone.npy"));
        refused("77", "similarity", "--texts", "cat ".repeat(40), "--clip", CLIP);
    }
}
