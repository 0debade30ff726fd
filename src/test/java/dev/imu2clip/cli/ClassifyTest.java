package dev.imu2clip.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.imu2clip.io.Safetensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ClassifyTest extends TinyClip {
    private static final List<String> PICTURES = List.of("wide.png", "tall.png", "grey.jpg");
    private static final List<String> LABELS = List.of("dog", "cat", "a red square");

    /** Probabilities by label, picture by picture. */
    private static List<Map<String, Double>> classify(Object... more) throws IOException {
        List<Object> all = new ArrayList<>(List.of("classify", "--clip", CLIP, "--json"));
        PICTURES.forEach(name -> all.add(CLIP.resolve(name)));
        all.addAll(List.of(more));
        List<Map<String, Double>> result = new ArrayList<>();
        for (String line : run(all.toArray()).lines().toList()) {
            JsonNode object = new JsonMapper().readTree(line);
            assertEquals(CLIP.resolve(PICTURES.get(result.size())).toString(), object.path("file").asText());
            Map<String, Double> probabilities = new HashMap<>();
            double before = 1;
            for (JsonNode guess : object.path("labels")) {
                double probability = guess.path("probability").asDouble();
                assertEquals(true, probability <= before, "the most probable comes first");
                probabilities.put(guess.path("label").asText(), before = probability);
            }
            result.add(probabilities);
        }
        assertEquals(PICTURES.size(), result.size());
        return result;
    }

    private static void assertEqual(String expected, List<Map<String, Double>> actual) {
        for (int i = 0; i < PICTURES.size(); i++)
            for (int j = 0; j < LABELS.size(); j++)
                assertEquals(EXPECTED.path(expected).path(i).path(j).asDouble(), actual.get(i).get(LABELS.get(j)), 1e-4,
                        PICTURES.get(i) + ", " + LABELS.get(j));
    }

    @Test
    void probabilitiesAreThoseOfTransformers() throws IOException {
        assertEqual("probabilities", classify("--labels", "dog, cat,a red square", "--template", "a photo of a {}"));
    }

    @Test
    void severalTemplatesAreAveraged() throws IOException {
        Path file = Files.writeString(folder.resolve("labels.txt"), "dog\ncat\na red square\n");
        assertEqual("ensemble", classify("--labels-file", file, "--template", "a photo of a {}", "--template", "{} in a drawing",
                "--template", "{}"));
    }

    @Test
    void theTableShowsTheBest() {
        assertEquals(CLIP.resolve("tall.png") + "\n  a red square  76.67 %  #######################\n  dog           14.56 %  ####\n",
                run("classify", CLIP.resolve("tall.png"), "--clip", CLIP, "--labels", "dog,cat,a red square",
                        "--template", "a photo of a {}", "--top", "2"));
    }

    @Test
    void whatCannotBeClassified() throws IOException {
        Path picture = CLIP.resolve("wide.png");
        refused("one label alone is certain", "classify", picture, "--clip", CLIP, "--labels", "dog");
        refused("a label is empty", "classify", picture, "--clip", CLIP, "--labels", "dog,,cat");
        refused("the label 'dog' is there twice", "classify", picture, "--clip", CLIP, "--labels", "dog,cat,dog");
        refused("the template 'a dog' has no {}", "classify", picture, "--clip", CLIP, "--labels", "dog,cat", "--template", "a dog");
        refused("--top 0: expected 1 or more", "classify", picture, "--clip", CLIP, "--labels", "dog,cat", "--top", "0");
        refused("gone.txt: no such file", "classify", picture, "--clip", CLIP, "--labels-file", folder.resolve("gone.txt"));
        refused("gone.png: no such file", "classify", folder.resolve("gone.png"), "--clip", CLIP, "--labels", "dog,cat");
        refused("77", "classify", picture, "--clip", CLIP, "--labels", "dog," + "cat ".repeat(40));
        Path broken = Files.writeString(folder.resolve("broken.png"), "no picture");
        refused(broken + ": not a picture", "classify", picture, broken, "--clip", CLIP, "--labels", "dog,cat");
        var outcome = outcome("classify", picture, broken, "--clip", CLIP, "--labels", "dog,cat", "--skip-broken", "--json");
        assertEquals(1, outcome.out().lines().count());
        assertEquals("skipped: " + broken + ": not a picture of a known format. JPEG, PNG, GIF, BMP and WebP are read\n", outcome.err());
        refused("none of 1 pictures can be read. The first: " + broken, "classify", broken, "--clip", CLIP, "--labels", "dog,cat",
                "--skip-broken");
        Path twin = Files.copy(broken, folder.resolve("twin.png"));
        outcome = outcome("classify", picture, broken, twin, "--clip", CLIP, "--labels", "dog,cat", "--skip-broken");
        assertTrue(outcome.err().endsWith("skipped: " + twin + ": is the same as another that cannot be read\n"), outcome.err());
        assertEquals(2, outcome("classify", picture, "--clip", CLIP).code());
    }

    /** Towers alone have no probabilities, and not every logit scale is one. */
    @Test
    void weightsWithoutALogitScale() throws IOException {
        refused("has no tensor 'logit_scale'", "classify", CLIP.resolve("wide.png"), "--clip", changed(null), "--labels", "dog,cat");
        refused("tensor 'logit_scale' is NaN", "classify", CLIP.resolve("wide.png"), "--clip", changed(Float.NaN), "--labels", "dog,cat");
        String clamped = run("similarity", "--images", CLIP.resolve("wide.png"), "--texts", "dog", "--logits", "--json", "--clip",
                changed(9f));
        assertEquals(100, new JsonMapper().readTree(clamped).path("logit_scale").asDouble());
    }

    private Path changed(Float scale) throws IOException {
        Path changed = BadInput.copy(CLIP, folder.resolve("changed" + scale));
        List<Safetensors.Source> tensors = new ArrayList<>();
        try (Safetensors file = Safetensors.open(CLIP.resolve("model.safetensors"))) {
            file.entries().forEach((name, entry) -> {
                if (!name.equals("logit_scale")) tensors.add(new Safetensors.Source(name, entry.dtype(), entry.shape(), entry.bytes()));
                else if (scale != null) tensors.add(Safetensors.Source.of(name, new float[] {scale}));
            });
            Safetensors.write(changed.resolve("model.safetensors"), Map.of(), tensors);
        }
        return changed;
    }
}
