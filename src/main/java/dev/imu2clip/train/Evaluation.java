package dev.imu2clip.train;

import dev.imu2clip.data.Modality;
import dev.imu2clip.data.TextIndex;
import dev.imu2clip.data.WindowTable;
import dev.imu2clip.eval.Classification;
import dev.imu2clip.eval.Embeddings;
import dev.imu2clip.eval.ResultsFile;
import dev.imu2clip.eval.ResultsTable;
import dev.imu2clip.eval.Retrieval;
import dev.imu2clip.eval.ZeroShot;

import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * How well windows find each other from one modality to another: retrieval in both directions over all windows, and zero-shot classification
 * of the source over the distinct texts. Where windows also carry labels that are not their texts, a window counts as classified right
 * under its label when the nearest text is one of that label: synonyms are then no mistake.
 *
 * @param retrieval of the source with each target
 * @param zeroShot  null where there are no texts, or too many for classes
 * @param byLabel   null where labels say no more than texts
 */
public record Evaluation(Alignment alignment, Map<Modality, Retrieval.Report> retrieval, Classification zeroShot, Classification byLabel) {
    /** More distinct texts than these are narrations and no classes; their confusions would be a matrix for nobody. */
    private static final int MAX_CLASSES = 200;

    /** @param embedded the windows in every modality, in their order */
    public static Evaluation of(Alignment alignment, Map<Modality, Embeddings> embedded, RunWindows windows) {
        Modality source = alignment.source();
        Map<Modality, Retrieval.Report> retrieval = new EnumMap<>(Modality.class);
        for (Modality target : alignment.targets())
            retrieval.put(target, Retrieval.evaluate(embedded.get(source), embedded.get(target), windows.groups(source, target)));
        if (!alignment.targets().contains(Modality.TEXT) || windows.texts().size() > MAX_CLASSES)
            return new Evaluation(alignment, retrieval, null, null);
        int[] textOf = windows.textOfWindow(), nearest = ZeroShot.predict(embedded.get(source), windows.textEmbeddings());
        return new Evaluation(alignment, retrieval, Classification.of(windows.texts(), textOf, nearest),
                byLabel(windows.windows(), textOf, nearest));
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

    /** Retrieval with the target that stands for all. */
    public Retrieval.Report first() {
        return retrieval.get(alignment.firstTarget());
    }

    /** Multi-positive mean reciprocal rank over all targets and both directions: what checkpoints are chosen by. */
    double mrr() {
        return retrieval.values().stream().mapToDouble(report -> (report.sourceToTarget().multiPositive().mrr()
                + report.targetToSource().multiPositive().mrr()) / 2).average().orElseThrow();
    }

    /** The {@code metrics} of results.json. */
    public Map<String, Object> metrics() {
        Map<String, Object> metrics = ResultsFile.metrics(first(), zeroShot);
        if (retrieval.size() > 1) {
            Map<String, Object> pairs = new LinkedHashMap<>();
            retrieval.forEach((target, report) -> pairs.put(alignment.source() + "_" + target, ResultsFile.metrics(report, null)));
            metrics.put("pairs", pairs);
        }
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
        StringBuilder table = new StringBuilder();
        for (Modality target : alignment.targets())
            table.append(ResultsTable.format(retrieval.get(target), target == Modality.TEXT ? zeroShot : null, alignment.source().id(), target.id()));
        if (byLabel != null)
            table.append(String.format(Locale.ROOT,
                    "The same by %d labels: accuracy %.1f %%, balanced %.1f %%, macro-F1 %.1f %% (most frequent label %.1f %%)%n",
                    byLabel.classes().size(), 100 * byLabel.accuracy(), 100 * byLabel.balancedAccuracy(), 100 * byLabel.macroF1(),
                    100 * byLabel.majorityAccuracy()));
        return table.toString();
    }
}
