package dev.imu2clip.eval;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class RetrievalTest {
    static JsonNode goldens(String section) throws IOException {
        try (var in = RetrievalTest.class.getResourceAsStream("/goldens/metrics.json")) {
            return new ObjectMapper().readTree(in).get(section);
        }
    }

    @Test
    void agreesWithTorchmetrics() throws IOException {
        int seen = 0;
        for (JsonNode golden : goldens("retrieval")) {
            int[] groups = ints(golden.get("group"));
            var report = Retrieval.evaluate(matrix(golden.get("source")), matrix(golden.get("target")), groups);
            assertEquals(groups.length, report.candidates());
            assertEquals(Arrays.stream(groups).distinct().count(), report.distinctTexts());
            assertScores(golden.at("/plain/s_t"), report.sourceToTarget().plain());
            assertScores(golden.at("/plain/t_s"), report.targetToSource().plain());
            assertScores(golden.at("/multi_positive/s_t"), report.sourceToTarget().multiPositive());
            assertScores(golden.at("/multi_positive/t_s"), report.targetToSource().multiPositive());
            seen++;
        }
        assertEquals(3, seen);
    }

    /** More rows than one tile and than one chunk, an odd number of them, and a size that is no multiple of the unrolling. */
    @Test
    void agreesWithTheDefinitionAcrossTiles() {
        int n = 701;
        Embeddings sources = random(n, 13, 1);
        Embeddings targets = random(n, 13, 2);
        int[] groups = random(n, 5);
        var report = Retrieval.evaluate(sources, targets, groups);
        assertEquals(definition(sources, targets, groups, false), report.sourceToTarget().plain().mrr(), 1e-12);
        assertEquals(definition(targets, sources, groups, false), report.targetToSource().plain().mrr(), 1e-12);
        assertEquals(definition(sources, targets, groups, true), report.sourceToTarget().multiPositive().mrr(), 1e-12);
        assertEquals(definition(targets, sources, groups, true), report.targetToSource().multiPositive().mrr(), 1e-12);
    }

    @Test
    void multiPositiveEqualsPlainWhenEveryTextDiffers() {
        int n = 300;
        var report = Retrieval.evaluate(random(n, 6, 3), random(n, 6, 4), IntStream.range(0, n).map(i -> (i * 7) % n).toArray());
        for (var direction : List.of(report.sourceToTarget(), report.targetToSource())) {
            assertEquals(direction.plain().mrr(), direction.multiPositive().mrr(), 1e-12);
            assertArrayEquals(direction.plainChance().recall(), direction.multiPositiveChance().recall(), 1e-12);
        }
    }

    /**
     * A model that embeds everything alike has learned nothing: it scores chance, in both directions, though every query ties with
     * its answer.
     */
    @Test
    void collapsedModelScoresExactlyChance() {
        float[] constant = new float[120 * 4];
        Arrays.fill(constant, 0.3f);
        var same = Embeddings.of(constant, 120);
        var report = Retrieval.evaluate(same, same, random(120, 7));
        for (var direction : List.of(report.sourceToTarget(), report.targetToSource())) {
            assertEquals(direction.plainChance().mrr(), direction.plain().mrr(), 1e-12);
            assertArrayEquals(direction.plainChance().recall(), direction.plain().recall(), 1e-12);
            assertEquals(direction.multiPositiveChance().mrr(), direction.multiPositive().mrr(), 1e-12);
            assertArrayEquals(direction.multiPositiveChance().recall(), direction.multiPositive().recall(), 1e-12);
        }
        assertEquals(1.0 / 120, report.sourceToTarget().plain().recallAt(1), 1e-12);
    }

    /** Repeated narrations have bit-equal embeddings; motion finds the text surely and its own copy by luck. */
    @Test
    void repeatedTextsAreHitsOnlyForMultiPositive() {
        var texts = List.of("walks", "sits", "walks", "stands", "walks", "sits");
        float[] axis = new float[6 * 3];
        for (int i = 0; i < 6; i++) axis[i * 3 + List.of("walks", "sits", "stands").indexOf(texts.get(i))] = 1;
        var embeddings = Embeddings.of(axis, 6);
        var direction = Retrieval.evaluate(embeddings, embeddings, texts).sourceToTarget();
        assertEquals(1, direction.multiPositive().recallAt(1), 0);
        assertEquals((3 / 3.0 + 2 / 2.0 + 1) / 6, direction.plain().recallAt(1), 1e-12);
    }

    @Test
    void chanceOfPlainRankingIsTheHarmonicMean() {
        double harmonic = IntStream.rangeClosed(1, 288).mapToDouble(i -> 1.0 / i).sum() / 288;
        var chance = Retrieval.evaluate(random(288, 4, 5), random(288, 4, 6), new int[288]).sourceToTarget().plainChance();
        assertEquals(harmonic, chance.mrr(), 1e-12);
        assertEquals(50.0 / 288, chance.recallAt(50), 1e-12);
    }

    @Test
    void refusesNumbersThatAreNotFinite() {
        Embeddings bad = random(10, 4, 7);
        bad.values()[4 * 3 + 2] = Float.NaN;
        var error = assertThrows(InputException.class, () -> Retrieval.evaluate(random(10, 4, 8), bad, new int[10]));
        assertTrue(error.getMessage().contains("target: embedding 3 has NaN at position 2"), error.getMessage());
    }

    /** The expected scores against the mean over every order of the tied candidates. */
    @Test
    void expectedScoresAreTheMeanOverAllOrders() {
        for (int better : new int[] {0, 3, 8})
            for (int relevant = 1; relevant <= 4; relevant++)
                for (int irrelevant = 0; irrelevant <= 6; irrelevant++) {
                    int total = relevant + irrelevant;
                    double mrr = 0;
                    double[] recall = new double[4];
                    int orders = 0;
                    for (int mask = 0; mask < 1 << total; mask++) {
                        if (Integer.bitCount(mask) != relevant) continue;
                        int rank = better + Integer.numberOfTrailingZeros(mask) + 1;
                        mrr += 1.0 / rank;
                        for (int c = 0; c < 4; c++) recall[c] += rank <= RankScore.CUTOFFS.get(c) ? 1 : 0;
                        orders++;
                    }
                    var expected = RankScore.expected(better, irrelevant, relevant);
                    assertEquals(mrr / orders, expected.mrr(), 1e-12);
                    for (int c = 0; c < 4; c++) assertEquals(recall[c] / orders, expected.recall()[c], 1e-12);
                }
    }

    private static double definition(Embeddings queries, Embeddings candidates, int[] groups, boolean multi) {
        int n = queries.rows();
        double sum = 0;
        Embeddings q = queries.normalized("q");
        Embeddings c = candidates.normalized("c");
        for (int i = 0; i < n; i++) {
            double best = Double.NEGATIVE_INFINITY;
            for (int j = 0; j < n; j++) if (multi ? groups[i] == groups[j] : i == j) best = Math.max(best, Similarity.dot(q, i, c, j));
            int rank = 1;
            for (int j = 0; j < n; j++) if (Similarity.dot(q, i, c, j) > best) rank++;
            sum += 1.0 / rank;
        }
        return sum / n;
    }

    private static void assertScores(JsonNode golden, RankScore score) {
        assertEquals(golden.get("MRR").asDouble(), score.mrr(), 1e-6);
        for (int k : RankScore.CUTOFFS) assertEquals(golden.get("R@" + k).asDouble(), score.recallAt(k), 1e-6, "R@" + k);
    }

    private static Embeddings random(int rows, int size, long seed) {
        var random = new SplittableRandom(seed);
        float[] values = new float[rows * size];
        for (int i = 0; i < values.length; i++) values[i] = (float) random.nextGaussian();
        return Embeddings.of(values, rows);
    }

    private static int[] random(int n, int groups) {
        return new SplittableRandom(n).ints(n, 0, groups).toArray();
    }

    private static Embeddings matrix(JsonNode rows) {
        float[] values = new float[rows.size() * rows.get(0).size()];
        int at = 0;
        for (JsonNode row : rows) for (JsonNode value : row) values[at++] = (float) value.asDouble();
        return Embeddings.of(values, rows.size());
    }

    static int[] ints(JsonNode array) {
        return IntStream.range(0, array.size()).map(i -> array.get(i).asInt()).toArray();
    }
}
