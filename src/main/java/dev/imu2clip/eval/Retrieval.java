package dev.imu2clip.eval;

import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Retrieval between n source embeddings (motion) and their n target embeddings (text), by cosine similarity, both ways, over the whole
 * pool of n. The n x n matrix is streamed, never held. Ties: see {@link RankScore}.
 *
 * <ul>
 * <li>plain: the one relevant candidate of query i is candidate i, as the reference counts;
 * <li>multi-positive: every candidate of the same group (the same text) as query i is relevant, and the best ranked counts.
 *     With every text different it equals plain.
 * </ul>
 */
public final class Retrieval {
    private Retrieval() {}

    /** Scores of one direction, and the expected scores of a ranking at random. */
    public record Direction(RankScore plain, RankScore plainChance, RankScore multiPositive, RankScore multiPositiveChance) {}

    /** @param candidates size of the pool */
    public record Report(int candidates, int distinctTexts, Direction sourceToTarget, Direction targetToSource) {}

    /** @param texts the text of each pair, which says what is relevant for the multi-positive score */
    public static Report evaluate(Embeddings sources, Embeddings targets, List<String> texts) {
        Map<String, Integer> number = new HashMap<>();
        return evaluate(sources, targets, texts.stream().mapToInt(text -> number.computeIfAbsent(text, t -> number.size())).toArray());
    }

    /** @param groups pairs with the same number are relevant to each other for the multi-positive score */
    public static Report evaluate(Embeddings sources, Embeddings targets, int[] groups) {
        int n = sources.rows();
        if (n == 0 || targets.rows() != n || groups.length != n)
            throw new IllegalArgumentException(n + " sources, " + targets.rows() + " targets and " + groups.length
                    + " groups are not n > 0 pairs");
        // Members of a group side by side: the relevant pairs are then blocks along the diagonal, and most tiles hold none.
        int[] order = IntStream.range(0, n).boxed().sorted(Comparator.comparingInt(i -> groups[i])).mapToInt(i -> i).toArray();
        int[] group = Arrays.stream(order).map(i -> groups[i]).toArray();
        Embeddings queries = sources.normalized("source").select(order);
        Embeddings candidates = targets.normalized("target").select(order);

        Best best = Similarity.visit(queries, candidates, () -> new Best(group)).stream().reduce(Best::merge).orElseThrow();
        float[] own = new float[n];
        for (int i = 0; i < n; i++) own[i] = Similarity.dot(queries, i, candidates, i);
        Counts counts = Similarity.visit(queries, candidates, () -> new Counts(group, own, best)).stream()
                .reduce(Counts::merge).orElseThrow();

        RankScore plainChance = RankScore.expected(0, n - 1, 1);
        RankScore groupChance = groupChance(group);
        return new Report(n, (int) Arrays.stream(group).distinct().count(), counts.rows.direction(plainChance, groupChance),
                counts.columns.direction(plainChance, groupChance));
    }

    /** Chance level of the multi-positive score: queries of small groups find theirs less easily. */
    private static RankScore groupChance(int[] group) {
        Map<Integer, Integer> sizes = new HashMap<>();
        for (int g : group) sizes.merge(g, 1, Integer::sum);
        Map<Integer, RankScore> bySize = new HashMap<>();
        var mean = new RankScore.Mean();
        for (int g : group) mean.add(bySize.computeIfAbsent(sizes.get(g), size -> RankScore.expected(0, group.length - size, size)));
        return mean.get();
    }

    /** First pass: the similarity of every query's best relevant candidate, in both directions. */
    private static final class Best implements Similarity.Visitor {
        private final int[] group;
        final float[] ofRow;
        final float[] ofColumn;

        Best(int[] group) {
            this.group = group;
            ofRow = new float[group.length];
            ofColumn = new float[group.length];
            Arrays.fill(ofRow, Float.NEGATIVE_INFINITY);
            Arrays.fill(ofColumn, Float.NEGATIVE_INFINITY);
        }

        @Override
        public boolean wants(int firstQuery, int endQuery, int firstCandidate, int endCandidate) {
            return firstQuery < endQuery && group[firstQuery] <= group[endCandidate - 1] && group[firstCandidate] <= group[endQuery - 1];
        }

        @Override
        public void row(int query, int firstCandidate, int count, float[] products) {
            for (int j = 0; j < count; j++) {
                int candidate = firstCandidate + j;
                if (group[candidate] != group[query]) continue;
                ofRow[query] = Math.max(ofRow[query], products[j]);
                ofColumn[candidate] = Math.max(ofColumn[candidate], products[j]);
            }
        }

        Best merge(Best other) {
            for (int i = 0; i < group.length; i++) {
                ofRow[i] = Math.max(ofRow[i], other.ofRow[i]);
                ofColumn[i] = Math.max(ofColumn[i], other.ofColumn[i]);
            }
            return this;
        }
    }

    /** How many candidates lie before the relevant one of each query, and how many tie with it. */
    private record Tally(int[] better, int[] tied, int[] groupBetter, int[] groupTied, int[] groupRelevant) {
        Tally(int n) {
            this(new int[n], new int[n], new int[n], new int[n], new int[n]);
        }

        Direction direction(RankScore plainChance, RankScore groupChance) {
            var plain = new RankScore.Mean();
            var multi = new RankScore.Mean();
            for (int i = 0; i < better.length; i++) {
                // The query's own candidate ties with itself.
                plain.add(RankScore.expected(better[i], tied[i] - 1, 1));
                multi.add(RankScore.expected(groupBetter[i], groupTied[i], groupRelevant[i]));
            }
            return new Direction(plain.get(), plainChance, multi.get(), groupChance);
        }

        void add(Tally other) {
            int[][] mine = {better, tied, groupBetter, groupTied, groupRelevant};
            int[][] theirs = {other.better, other.tied, other.groupBetter, other.groupTied, other.groupRelevant};
            for (int a = 0; a < mine.length; a++) for (int i = 0; i < better.length; i++) mine[a][i] += theirs[a][i];
        }
    }

    /** Second pass: counts against what the first found. A relevant candidate is never better than the best relevant one. */
    private static final class Counts implements Similarity.Visitor {
        private final int[] group;
        private final float[] own;
        private final Best best;
        final Tally rows;
        final Tally columns;

        Counts(int[] group, float[] own, Best best) {
            this.group = group;
            this.own = own;
            this.best = best;
            rows = new Tally(group.length);
            columns = new Tally(group.length);
        }

        @Override
        public void row(int query, int firstCandidate, int count, float[] products) {
            float ownOfQuery = own[query];
            float bestOfQuery = best.ofRow[query];
            int better = 0;
            int groupBetter = 0;
            for (int j = 0; j < count; j++) {
                better += products[j] > ownOfQuery ? 1 : 0;
                groupBetter += products[j] > bestOfQuery ? 1 : 0;
                columns.better[firstCandidate + j] += products[j] > own[firstCandidate + j] ? 1 : 0;
                columns.groupBetter[firstCandidate + j] += products[j] > best.ofColumn[firstCandidate + j] ? 1 : 0;
            }
            rows.better[query] += better;
            rows.groupBetter[query] += groupBetter;
            for (int j = 0; j < count; j++) {
                int candidate = firstCandidate + j;
                boolean relevant = group[candidate] == group[query];
                if (products[j] == ownOfQuery) rows.tied[query]++;
                if (products[j] == own[candidate]) columns.tied[candidate]++;
                if (products[j] == bestOfQuery) (relevant ? rows.groupRelevant : rows.groupTied)[query]++;
                if (products[j] == best.ofColumn[candidate]) (relevant ? columns.groupRelevant : columns.groupTied)[candidate]++;
            }
        }

        Counts merge(Counts other) {
            rows.add(other.rows);
            columns.add(other.columns);
            return this;
        }
    }
}
