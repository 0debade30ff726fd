package dev.imu2clip.eval;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import dev.imu2clip.io.AtomicFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * {@code results.json}: {@code metrics} (with the reference's {@code s_t_metrics}, {@code t_s_metrics} and {@code num_candidates}, and ours
 * beside them), {@code configs}, and what else the run has to say. Numbers that are not finite are written as null: JSON has no others.
 */
public final class ResultsFile {
    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

    private ResultsFile() {}

    /** @param zeroShot null where there are no classes */
    public static Map<String, Object> metrics(Retrieval.Report retrieval, Classification zeroShot) {
        Map<String, Object> metrics = new LinkedHashMap<>();
        metrics.put("s_t_metrics", direction(retrieval.sourceToTarget()));
        metrics.put("t_s_metrics", direction(retrieval.targetToSource()));
        metrics.put("num_candidates", retrieval.candidates());
        metrics.put("num_distinct_texts", retrieval.distinctTexts());
        if (zeroShot != null) metrics.put("zero_shot", zeroShot(zeroShot));
        return metrics;
    }

    /** What the reference's {@code metrics} hold, and nothing else. */
    public static Map<String, Object> referenceMetrics(Retrieval.Report retrieval) {
        Map<String, Object> metrics = new LinkedHashMap<>();
        metrics.put("s_t_metrics", referenceScores(retrieval.sourceToTarget().plain()));
        metrics.put("t_s_metrics", referenceScores(retrieval.targetToSource().plain()));
        metrics.put("num_candidates", retrieval.candidates());
        return metrics;
    }

    /** The whole document. {@code extra} follows {@code configs}. */
    public static Map<String, Object> document(Map<String, Object> metrics, Map<String, ?> configs, Map<String, ?> extra) {
        Map<String, Object> document = new LinkedHashMap<>();
        document.put("metrics", metrics);
        document.put("configs", configs);
        document.putAll(extra);
        return document;
    }

    /** @throws dev.imu2clip.io.InputException when the file cannot be written */
    public static void write(Path file, Map<String, Object> document) {
        AtomicFile.write(file, toJson(document));
    }

    public static String toJson(Map<String, Object> document) {
        try {
            return JSON.writeValueAsString(finite(document)) + "\n";
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("results cannot be written as JSON: " + e.getOriginalMessage(), e);
        }
    }

    private static Map<String, Object> referenceScores(RankScore score) {
        Map<String, Object> scores = scores(score);
        scores.keySet().retainAll(List.of("MRR", "R@1", "R@10", "R@50"));
        return scores;
    }

    private static Map<String, Object> direction(Retrieval.Direction direction) {
        Map<String, Object> plain = scores(direction.plain());
        plain.put("chance", scores(direction.plainChance()));
        Map<String, Object> multi = scores(direction.multiPositive());
        multi.put("chance", scores(direction.multiPositiveChance()));
        plain.put("multi_positive", multi);
        return plain;
    }

    private static Map<String, Object> scores(RankScore score) {
        Map<String, Object> scores = new LinkedHashMap<>();
        scores.put("MRR", score.mrr());
        for (int k : RankScore.CUTOFFS) scores.put("R@" + k, score.recallAt(k));
        return scores;
    }

    private static Map<String, Object> zeroShot(Classification result) {
        Map<String, Object> scores = new LinkedHashMap<>();
        scores.put("accuracy", result.accuracy());
        scores.put("balanced_accuracy", result.balancedAccuracy());
        scores.put("macro_f1", result.macroF1());
        scores.put("chance_accuracy", 1.0 / result.classes().size());
        scores.put("majority_accuracy", result.majorityAccuracy());
        scores.put("num_windows", result.count());
        scores.put("classes", result.perClass());
        scores.put("confusion_matrix", result.confusion());
        return scores;
    }

    private static Object finite(Object value) {
        return switch (value) {
            case Double d when !Double.isFinite(d) -> null;
            case Float f when !Float.isFinite(f) -> null;
            case Map<?, ?> map -> {
                Map<Object, Object> copy = new LinkedHashMap<>();
                map.forEach((key, v) -> copy.put(key, finite(v)));
                yield copy;
            }
            case List<?> list -> {
                List<Object> copy = new ArrayList<>();
                list.forEach(v -> copy.add(finite(v)));
                yield copy;
            }
            case null -> null;
            default -> value;
        };
    }
}
