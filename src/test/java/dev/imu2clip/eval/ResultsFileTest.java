package dev.imu2clip.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResultsFileTest {
    @Test
    void writesTheReferencesKeysAndOurs(@TempDir Path folder) throws IOException {
        var motion = Embeddings.of(new float[] {1, 0, 0, 1, 1, 0.1f}, 3);
        var text = Embeddings.of(new float[] {1, 0, 0, 1, 1, 0}, 3);
        var retrieval = Retrieval.evaluate(motion, text, List.of("walks", "sits", "walks"));
        var zeroShot = ZeroShot.evaluate(motion, new int[] {0, 1, 0}, Embeddings.of(new float[] {1, 0, 0, 1}, 2), List.of("walks", "sits"));
        Path file = folder.resolve("run/results.json");
        ResultsFile.write(file, ResultsFile.document(ResultsFile.metrics(retrieval, zeroShot),
                Map.of("train_hparams", Map.of("batch_size", 32)), Map.of("seed", 7, "diverged", Double.NaN)));

        var json = new ObjectMapper().readTree(file.toFile());
        for (String way : List.of("s_t_metrics", "t_s_metrics"))
            for (String place : List.of("", "/chance", "/multi_positive", "/multi_positive/chance"))
                for (String score : List.of("MRR", "R@1", "R@5", "R@10", "R@50"))
                    assertTrue(json.at("/metrics/" + way + place + "/" + score).isNumber(), way + place + " " + score);
        assertEquals(3, json.at("/metrics/num_candidates").asInt());
        assertEquals(2, json.at("/metrics/num_distinct_texts").asInt());
        assertEquals(1.0, json.at("/metrics/zero_shot/accuracy").asDouble());
        assertEquals(1.0, json.at("/metrics/zero_shot/macro_f1").asDouble());
        assertEquals("walks", json.at("/metrics/zero_shot/classes/0/name").asText());
        assertEquals(2, json.at("/metrics/zero_shot/confusion_matrix/0/0").asInt());
        assertEquals(32, json.at("/configs/train_hparams/batch_size").asInt());
        assertEquals(7, json.at("/seed").asInt());
        assertTrue(json.at("/diverged").isNull());
    }

    @Test
    void tableForPeople() {
        var axes = Embeddings.of(new float[] {1, 0, 0, 1, 1, 0}, 3);
        var retrieval = Retrieval.evaluate(axes, axes, List.of("walks", "sits", "walks"));
        var zeroShot = ZeroShot.evaluate(axes, new int[] {0, 1, 0}, Embeddings.of(new float[] {1, 0, 0, 1}, 2), List.of("walks", "sits"));
        assertEquals("""
                Retrieval among 3 windows with 2 distinct texts, in %
                                                     MRR     R@1     R@5    R@10    R@50
                  imu -> text, plain                83.3    66.7   100.0   100.0   100.0
                    by chance                       61.1    33.3   100.0   100.0   100.0
                  imu -> text, multi-positive      100.0   100.0   100.0   100.0   100.0
                    by chance                       75.9    55.6   100.0   100.0   100.0
                  text -> imu, plain                83.3    66.7   100.0   100.0   100.0
                    by chance                       61.1    33.3   100.0   100.0   100.0
                  text -> imu, multi-positive      100.0   100.0   100.0   100.0   100.0
                    by chance                       75.9    55.6   100.0   100.0   100.0
                Zero-shot over 2 texts: accuracy 100.0 %, balanced 100.0 %, macro-F1 100.0 % (chance 50.0 %, most frequent text 66.7 %)
                                                 windows precision  recall      F1
                  walks                                2     100.0   100.0   100.0
                  sits                                 1     100.0   100.0   100.0
                """, ResultsTable.format(retrieval, zeroShot, "imu", "text"));
    }
}
