package dev.imu2clip.eval;

import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * Streams the matrix of dot products {@code queries · candidatesᵀ} in tiles, on all cores, without ever holding it.
 *
 * <p>Every product adds its terms in the order of the columns, so equal rows give bit-equal products wherever they lie in a tile,
 * and the same as {@link #dot}: ties are exact. Java never fuses a multiplication and an addition by itself.
 */
final class Similarity {
    /** Candidates in a tile: with 512 columns its transpose takes 512 KiB, a good part of a core's second-level cache. */
    private static final int TILE = 256;
    private static final int TASKS_PER_CORE = 4;

    private Similarity() {}

    /** Receives pieces of rows of the matrix. One visitor is used by one thread at a time. */
    interface Visitor {
        /** Whether any pair of these ranges matters; where not, nothing is computed. */
        default boolean wants(int firstQuery, int endQuery, int firstCandidate, int endCandidate) {
            return true;
        }

        /** Products of {@code query} with the candidates from {@code firstCandidate} on: products[0..count). Reused after the call. */
        void row(int query, int firstCandidate, int count, float[] products);
    }

    /** Splits the queries in chunks and gives each to a visitor of its own; the visitors come back in the order of their chunks. */
    static <V extends Visitor> List<V> visit(Embeddings queries, Embeddings candidates, Supplier<V> visitors) {
        if (queries.size() != candidates.size())
            throw new IllegalArgumentException("embeddings of " + queries.size() + " and of " + candidates.size()
                    + " numbers cannot be compared");
        int tasks = Math.max(1, Math.min(queries.rows() / 16, TASKS_PER_CORE * Runtime.getRuntime().availableProcessors()));
        return IntStream.range(0, tasks).parallel().mapToObj(task -> {
            V visitor = visitors.get();
            int from = (int) ((long) queries.rows() * task / tasks);
            int to = (int) ((long) queries.rows() * (task + 1) / tasks);
            chunk(queries, candidates, from, to, visitor);
            return visitor;
        }).toList();
    }

    static float dot(Embeddings a, int rowOfA, Embeddings b, int rowOfB) {
        float sum = 0;
        for (int k = 0, i = rowOfA * a.size(), j = rowOfB * b.size(); k < a.size(); k++) sum += a.values()[i + k] * b.values()[j + k];
        return sum;
    }

    private static void chunk(Embeddings queries, Embeddings candidates, int from, int to, Visitor visitor) {
        int size = queries.size();
        float[][] columns = new float[size][TILE];
        float[] first = new float[TILE];
        float[] second = new float[TILE];
        for (int start = 0; start < candidates.rows(); start += TILE) {
            int count = Math.min(TILE, candidates.rows() - start);
            if (!visitor.wants(from, to, start, start + count)) continue;
            transpose(candidates, start, count, columns);
            for (int query = from; query < to; query += 2) {
                boolean pair = query + 1 < to;
                products(queries.values(), query * size, pair ? (query + 1) * size : query * size, columns, first, second);
                visitor.row(query, start, count, first);
                if (pair) visitor.row(query + 1, start, count, second);
            }
        }
    }

    private static void transpose(Embeddings candidates, int start, int count, float[][] columns) {
        for (int j = 0; j < count; j++)
            for (int k = 0, at = (start + j) * candidates.size(); k < columns.length; k++) columns[k][j] = candidates.values()[at + k];
    }

    /** Two queries with a whole tile. Always full width, so that the inner loop has a fixed length; what lies past the end is not read. */
    private static void products(float[] queries, int a, int b, float[][] columns, float[] first, float[] second) {
        Arrays.fill(first, 0);
        Arrays.fill(second, 0);
        int k = 0;
        for (; k + 4 <= columns.length; k += 4) {
            add(first, queries, a + k, columns[k], columns[k + 1], columns[k + 2], columns[k + 3]);
            add(second, queries, b + k, columns[k], columns[k + 1], columns[k + 2], columns[k + 3]);
        }
        for (; k < columns.length; k++) {
            float qa = queries[a + k];
            float qb = queries[b + k];
            float[] c = columns[k];
            for (int j = 0; j < TILE; j++) first[j] += qa * c[j];
            for (int j = 0; j < TILE; j++) second[j] += qb * c[j];
        }
    }

    private static void add(float[] sums, float[] q, int at, float[] c0, float[] c1, float[] c2, float[] c3) {
        float q0 = q[at];
        float q1 = q[at + 1];
        float q2 = q[at + 2];
        float q3 = q[at + 3];
        for (int j = 0; j < TILE; j++) sums[j] = sums[j] + q0 * c0[j] + q1 * c1[j] + q2 * c2[j] + q3 * c3[j];
    }
}
