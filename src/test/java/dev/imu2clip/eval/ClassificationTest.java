package dev.imu2clip.eval;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ClassificationTest {
    @Test
    void agreesWithTorchmetrics() throws IOException {
        int seen = 0;
        for (JsonNode golden : RetrievalTest.goldens("classification")) {
            var names = IntStream.range(0, golden.get("classes").asInt()).mapToObj(c -> "class " + c).toList();
            var result = Classification.of(names, RetrievalTest.ints(golden.get("truth")), RetrievalTest.ints(golden.get("predicted")));
            assertEquals(golden.get("accuracy").asDouble(), result.accuracy(), 1e-6);
            assertEquals(golden.get("macro_f1").asDouble(), result.macroF1(), 1e-6);
            assertEquals(golden.get("balanced_accuracy").asDouble(), result.balancedAccuracy(), 1e-6);
            for (int c = 0; c < names.size(); c++)
                assertEquals(golden.get("per_class_f1").get(c).asDouble(), result.perClass().get(c).f1(), 1e-6);
            seen++;
        }
        assertEquals(2, seen);
    }

    @Test
    void absentClassesTakeNoPart() {
        // "lies" occurs nowhere; "jumps" is only predicted: it lowers macro-F1 and leaves balanced accuracy alone.
        var result = Classification.of(List.of("walks", "sits", "lies", "jumps"), new int[] {0, 0, 1, 1}, new int[] {0, 0, 1, 3});
        assertEquals(0.75, result.accuracy());
        assertEquals((1 + 0.5) / 2, result.balancedAccuracy());
        assertEquals((1 + 2 / 3.0 + 0) / 3, result.macroF1(), 1e-12);
        assertEquals(0.5, result.majorityAccuracy());
        assertArrayEquals(new int[] {0, 1, 0, 1}, result.confusion()[1]);
    }

    @Test
    void nearestTextByCosineAndTheFirstOfEquals() {
        var texts = Embeddings.of(new float[] {10, 0, 0, 0.1f, 0, 1}, 3);
        var queries = Embeddings.of(new float[] {1, 0.2f, 0.2f, 5, -1, -1}, 3);
        assertArrayEquals(new int[] {0, 1, 0}, ZeroShot.predict(queries, Embeddings.of(new float[] {10, 0, 0, 0.1f}, 2)));
        assertArrayEquals(new int[] {0, 1, 0}, ZeroShot.predict(queries, texts));
        var result = ZeroShot.evaluate(queries, new int[] {0, 1, 1}, texts, List.of("a", "b", "b again"));
        assertEquals(2 / 3.0, result.accuracy(), 1e-12);
    }
}
