package dev.imu2clip.train;

import dev.imu2clip.data.TextIndex;
import dev.imu2clip.data.WindowTable;
import dev.imu2clip.eval.Classification;
import dev.imu2clip.eval.Embeddings;
import dev.imu2clip.eval.ResultsFile;
import dev.imu2clip.eval.ResultsTable;
import dev.imu2clip.eval.Retrieval;
import dev.imu2clip.eval.ZeroShot;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * How well windows and texts find each other: retrieval in both directions over all windows, and zero-shot classification over the
 * distinct texts. Where windows also carry labels that are not their texts, a window counts as classified right under its label when
 * the nearest text is one of that label: synonyms are then no mistake.
 */
public record Evaluation(Retrieval.Report retrieval, Classification zeroShot, Classification byLabel) {
    /** @param motion embeddings of the windows, in their order */
    public static Evaluation of(Embeddings motion, LabelledWindows windows) {
        int[] textOf = windows.textOfWindow();
        Embeddings distinct = windows.textEmbeddings();
        Retrieval.Report retrieval = Retrieval.evaluate(motion, distinct.select(textOf), textOf);
        int[] nearest = ZeroShot.predict(motion, distinct);
        return new Evaluation(retrieval, Classification.of(windows.texts(), textOf, nearest), byLabel(windows.windows(), textOf, nearest));
    }

    private static Classification byLabel(WindowTable windows, int[] textOf, int[] nearest) {
        if (windows.windows().stream().allMatch(w -> w.label().isEmpty() || w.label().equals(w.text()))) return null;
        TextIndex labels = windows.labels();
        // A text's label is that of the first window that has it.
        Map<Integer, Integer> labelOfText = new LinkedHashMap<>();
        for (int i = 0; i < textOf.length; i++) labelOfText.putIfAbsent(textOf[i], labels.ofWindow()[i]);
        int[] predicted = new int[nearest.length];
        for (int i = 0; i < predicted.length; i++) predicted[i] = labelOfText.get(nearest[i]);
        return Classification.of(labels.texts(), labels.ofWindow(), predicted);
    }

    /** The {@code metrics} of results.json. */
    public Map<String, Object> metrics() {
        Map<String, Object> metrics = ResultsFile.metrics(retrieval, zeroShot);
        if (byLabel != null) {
            Map<String, Object> scores = new LinkedHashMap<>();
            scores.put("accuracy", byLabel.accuracy());
            scores.put("balanced_accuracy", byLabel.balancedAccuracy());
            scores.put("macro_f1", byLabel.macroF1());
            scores.put("majority_accuracy", byLabel.majorityAccuracy());
            scores.put("classes", byLabel.perClass());
            scores.put("confusion_matrix", byLabel.confusion());
            metrics.put("zero_shot_labels", scores);
        }
        return metrics;
    }

    /** For people. */
    public String table() {
        String table = ResultsTable.format(retrieval, zeroShot, "imu", "text");
        if (byLabel == null) return table;
        return table + String.format(Locale.ROOT,
                "The same by %d labels: accuracy %.1f %%, balanced %.1f %%, macro-F1 %.1f %% (most frequent label %.1f %%)%n",
                byLabel.classes().size(), 100 * byLabel.accuracy(), 100 * byLabel.balancedAccuracy(), 100 * byLabel.macroF1(),
                        100 * byLabel.majorityAccuracy());
    }
}
