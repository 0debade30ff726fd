package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * Classification of images by texts (Radford et al. 2021, section 3.1): the probabilities of an image are the softmax of its cosines with
 * the labels' embeddings times the model's logit scale. A label's embedding is the mean over the templates of its normalised texts' ones,
 * itself normalised (section 3.1.4).
 */
public final class ImageClassifier {
    private static final String PLACE = "{}";
    private final List<String> labels;
    private final float[][] texts;
    private final double scale;

    /** A label and its probability. */
    public record Guess(String label, double probability) {}

    /**
     * Embeds the labels.
     *
     * @param templates every one with {@code {}} where the label goes; without one, the labels are the texts
     * @throws InputException when there are fewer than two labels, one is empty or there twice, a template has no place, or a text is too
     *           long
     */
    public ImageClassifier(ClipModel clip, List<String> labels, List<String> templates) {
        this.labels = List.copyOf(labels);
        check(templates);
        List<String> used = templates.isEmpty() ? List.of(PLACE) : templates;
        scale = clip.logitScale();
        TextEncoder encoder = clip.texts();
        List<String> all = new ArrayList<>();
        for (String label : labels) for (String template : used) all.add(template.replace(PLACE, label));
        for (String text : all) encoder.tokenizer().encode(text, encoder.config().positions(), false);
        float[][] embedded = encoder.embed(all);
        texts = new float[labels.size()][];
        for (int i = 0; i < texts.length; i++) {
            List<float[]> units = Arrays.stream(embedded, i * used.size(), (i + 1) * used.size()).map(Vectors::unit).toList();
            texts[i] = Vectors.unit(Vectors.sum(units, encoder.width(), 1));
        }
    }

    private void check(List<String> templates) {
        if (labels.size() < 2) throw new InputException("one label alone is certain. Give two at least, as in --labels 'cat,dog'");
        var seen = new HashSet<String>();
        for (String label : labels) {
            if (label.isBlank()) throw new InputException("a label is empty. Give every label a text");
            if (!seen.add(label)) throw new InputException("the label '" + label + "' is there twice. Give it once");
        }
        for (String template : templates)
            if (!template.contains(PLACE)) throw new InputException("the template '" + template + "' has no {}, where the label goes");
    }

    /** The embeddings of the labels, of length 1, in their order. */
    float[][] texts() {
        return texts;
    }

    /** Embeds images and gives the labels of each, the most probable first; null for an image that could not be read. */
    public List<List<Guess>> classify(ImageEncoder encoder, ImageEncoder.Pixels images, IntConsumer done) {
        return Arrays.stream(encoder.embed(images, done)).map(embedding -> embedding == null ? null : guesses(embedding)).toList();
    }

    private List<Guess> guesses(float[] embedding) {
        float[] image = Vectors.unit(embedding);
        double[] weights = Arrays.stream(texts).mapToDouble(text -> scale * Vectors.dot(image, text)).toArray();
        double highest = Arrays.stream(weights).max().orElseThrow(), sum = 0;
        for (int i = 0; i < weights.length; i++) sum += weights[i] = Math.exp(weights[i] - highest);
        double total = sum;
        return IntStream.range(0, weights.length).mapToObj(i -> new Guess(labels.get(i), weights[i] / total))
                .sorted((a, b) -> Double.compare(b.probability, a.probability)).toList();
    }
}
