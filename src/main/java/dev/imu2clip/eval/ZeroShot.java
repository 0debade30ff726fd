package dev.imu2clip.eval;

import java.util.Arrays;
import java.util.List;

/** Classification without a trained head: each embedding gets the class whose text embedding has the highest cosine with it. */
public final class ZeroShot {
    private ZeroShot() {}

    /** @param truth class of each embedding, an index into {@code classes} and the rows of {@code texts} */
    public static Classification evaluate(Embeddings embeddings, int[] truth, Embeddings texts, List<String> classes) {
        return Classification.of(classes, truth, predict(embeddings, texts));
    }

    /** The index of the nearest text of each embedding; the first of several equally near ones. */
    public static int[] predict(Embeddings embeddings, Embeddings texts) {
        Embeddings queries = embeddings.normalized("source");
        Embeddings candidates = texts.normalized("class text");
        int[] nearest = new int[queries.rows()];
        float[] similarity = new float[queries.rows()];
        Arrays.fill(similarity, Float.NEGATIVE_INFINITY);
        // The chunks have no query in common, so the visitors may share what they write.
        Similarity.visit(queries, candidates, () -> (query, firstCandidate, count, products) -> {
            for (int j = 0; j < count; j++)
                if (products[j] > similarity[query]) {
                    similarity[query] = products[j];
                    nearest[query] = firstCandidate + j;
                }
        });
        return nearest;
    }
}
