package dev.imu2clip.eval;

import java.util.List;
import java.util.stream.IntStream;

/**
 * Scores of single-label classification from a confusion matrix.
 *
 * <p>A class that occurs neither in the truth nor in the predictions takes no part in any mean. Balanced accuracy is the mean recall of the
 * classes that occur in the truth (scikit-learn's definition); macro-F1 is the mean F1 of those that occur in the truth or in the
 * predictions (scikit-learn's and torchmetrics'): a class that is only ever predicted wrongly counts there with 0.
 *
 * @param classes names, in the order of the matrix
 * @param confusion confusion[truth][prediction], a count
 */
public record Classification(List<String> classes, int[][] confusion) {

    /** Precision and recall are 0 where nothing was predicted or nothing was there. */
    public record ClassScore(String name, int support, int predicted, double precision, double recall, double f1) {}

    public static Classification of(List<String> classes, int[] truth, int[] predicted) {
        if (truth.length != predicted.length || truth.length == 0)
            throw new IllegalArgumentException(truth.length + " labels and " + predicted.length + " predictions are not n > 0 pairs");
        int[][] confusion = new int[classes.size()][classes.size()];
        for (int i = 0; i < truth.length; i++) confusion[truth[i]][predicted[i]]++;
        return new Classification(List.copyOf(classes), confusion);
    }

    public int count() {
        return IntStream.range(0, classes.size()).map(this::support).sum();
    }

    public double accuracy() {
        return (double) IntStream.range(0, classes.size()).map(c -> confusion[c][c]).sum() / count();
    }

    public double balancedAccuracy() {
        return perClass().stream().filter(c -> c.support > 0).mapToDouble(ClassScore::recall).average().orElse(Double.NaN);
    }

    public double macroF1() {
        return perClass().stream().filter(c -> c.support > 0 || c.predicted > 0).mapToDouble(ClassScore::f1).average().orElse(Double.NaN);
    }

    /** Accuracy of always naming the most frequent class: what a model must beat. */
    public double majorityAccuracy() {
        return (double) IntStream.range(0, classes.size()).map(this::support).max().orElseThrow() / count();
    }

    public List<ClassScore> perClass() {
        return IntStream.range(0, classes.size()).mapToObj(c -> {
            int support = support(c);
            int predicted = IntStream.range(0, classes.size()).map(truth -> confusion[truth][c]).sum();
            int right = confusion[c][c];
            return new ClassScore(classes.get(c), support, predicted, ratio(right, predicted), ratio(right, support),
                    ratio(2 * right, support + predicted));
        }).toList();
    }

    private int support(int c) {
        return IntStream.of(confusion[c]).sum();
    }

    private static double ratio(int part, int whole) {
        return whole == 0 ? 0 : (double) part / whole;
    }
}
