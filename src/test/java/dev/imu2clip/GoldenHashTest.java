package dev.imu2clip;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Both sides compute the same bits, and the golden file is what its script says it is. */
class GoldenHashTest {
    private static JsonNode golden() throws IOException {
        try (var in = GoldenHashTest.class.getResourceAsStream("/goldens/train_steps.json")) {
            return new JsonMapper().readTree(in);
        }
    }

    /** Python writes the double that equals the float32. */
    private static void assertSamples(JsonNode samples, float[] values) {
        assertTrue(samples.size() >= 2, "no samples");
        for (JsonNode sample : samples)
            assertEquals(sample.get(1).doubleValue(), values[sample.get(0).intValue()], 0.0);
    }

    @Test
    void hashesAreEqual() throws IOException {
        JsonNode samples = golden().get("hash");
        assertEquals(6, samples.size());
        for (JsonNode s : samples)
            assertEquals(s.get(2).doubleValue(), GoldenHash.uniform(s.get(0).longValue(), s.get(1).longValue()), 0.0);
    }

    @Test
    void signalsAndTextsAreEqual() throws IOException {
        assertSamples(golden().get("signal_samples"), GoldenHash.signals(1));
        assertSamples(golden().get("text_samples"), GoldenHash.texts(1));
    }

    @Test
    void initialWeightsAreEqual() throws IOException {
        var parameters = GoldenHash.parameters();
        JsonNode samples = golden().get("weight_samples");
        assertEquals(List.copyOf(parameters.keySet()), samples.propertyStream().map(Map.Entry::getKey).toList());
        parameters.forEach((name, values) -> assertSamples(samples.get(name), values));
        assertEquals(850_892, parameters.values().stream().mapToInt(v -> v.length).sum());
    }

    @Test
    void theRecordIsComplete() throws IOException {
        JsonNode golden = golden();
        for (String key : List.of("losses", "losses_float64", "temperatures", "temperatures_float64"))
            assertEquals(10, golden.get(key).size(), key);
        assertEquals(GoldenHash.BATCH * GoldenHash.HIDDEN, golden.get("embeddings").size());
        for (String name : GoldenHash.parameters().keySet()) assertTrue(golden.at("/gradients/" + name + "/norm").doubleValue() > 0, name);
        assertTrue(golden.at("/gradients/temperature/norm").doubleValue() > 0);
    }
}
