package dev.imu2clip.eval;

import java.util.Arrays;
import java.util.List;

/**
 * Mean reciprocal rank and recall at k of the first relevant candidate, as expected when equal similarities are ordered at random.
 *
 * <p>The expectation makes ties fair and reproducible: with distinct similarities it is the usual score; a model that gives every
 * candidate the same similarity scores exactly the chance level, not 1 (ties won) and not 0 (ties lost). "Recall" is the field's word
 * for this hit rate: the share of queries with a relevant candidate among the first k.
 *
 * @param mrr mean of 1 / rank
 * @param recall recall at each of {@link #CUTOFFS}
 */
public record RankScore(double mrr, double[] recall) {
    public static final List<Integer> CUTOFFS = List.of(1, 5, 10, 50);

    /**
     * One query's expected score: {@code better} irrelevant candidates lie before the first relevant one for certain; {@code relevant}
     * candidates share the best relevant similarity with {@code irrelevant} others.
     */
    static RankScore expected(int better, int irrelevant, int relevant) {
        double mrr = 0;
        double[] recall = new double[CUTOFFS.size()];
        double noneYet = 1;
        for (int skipped = 0; skipped <= irrelevant && noneYet > 0; skipped++) {
            double left = relevant + irrelevant - skipped;
            double here = noneYet * relevant / left;
            int rank = better + skipped + 1;
            mrr += here / rank;
            for (int c = 0; c < recall.length; c++) if (rank <= CUTOFFS.get(c)) recall[c] += here;
            noneYet *= (irrelevant - skipped) / left;
        }
        // A certain hit is 1, not a sum of probabilities that rounds to nearly 1.
        for (int c = 0; c < recall.length; c++) if (better + irrelevant + 1 <= CUTOFFS.get(c)) recall[c] = 1;
        return new RankScore(mrr, recall);
    }

    /** Adds scores up to their mean. */
    static final class Mean {
        private double mrr;
        private final double[] recall = new double[CUTOFFS.size()];
        private int count;

        void add(RankScore score) {
            mrr += score.mrr;
            for (int c = 0; c < recall.length; c++) recall[c] += score.recall[c];
            count++;
        }

        RankScore get() {
            return new RankScore(mrr / count, Arrays.stream(recall).map(r -> r / count).toArray());
        }
    }

    /** Recall at {@code k}, one of {@link #CUTOFFS}. */
    public double recallAt(int k) {
        int at = CUTOFFS.indexOf(k);
        if (at < 0) throw new IllegalArgumentException("recall at " + k + " is not computed; there is " + CUTOFFS);
        return recall[at];
    }
}
