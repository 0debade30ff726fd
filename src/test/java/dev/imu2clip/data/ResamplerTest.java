package dev.imu2clip.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.junit.jupiter.api.Test;

class ResamplerTest {
    private static float[] floats(JsonNode list) {
        float[] values = new float[list.size()];
        for (int i = 0; i < values.length; i++) values[i] = (float) list.get(i).asDouble();
        return values;
    }

    @Test
    void equalsTheFormulaOfTorchaudio() throws Exception {
        try (var file = ResamplerTest.class.getResourceAsStream("/goldens/resample.json")) {
            JsonNode cases = new ObjectMapper().readTree(file);
            assertEquals(8, cases.size());
            for (JsonNode golden : cases) {
                var resampler = new Resampler(golden.get("from").asInt(), golden.get("to").asInt());
                assertArrayEquals(floats(golden.get("output")), resampler.apply(floats(golden.get("input"))), 1e-5f,
                        golden.get("from") + " to " + golden.get("to") + " Hz");
            }
        }
    }

    @Test
    void keepsASlowSine() {
        float[] slow = new float[500];
        for (int i = 0; i < slow.length; i++) slow[i] = (float) Math.sin(2 * Math.PI * 2 * i / 50);
        float[] fast = new Resampler(50, 200).apply(slow);
        assertEquals(2000, fast.length);
        for (int i = 200; i < 1800; i++) assertEquals(Math.sin(2 * Math.PI * 2 * i / 200), fast[i], 2e-3);
    }

    @Test
    void refusesImpossibleRates() {
        assertThrows(IllegalArgumentException.class, () -> new Resampler(0, 200));
    }
}
