package dev.imu2clip.clip;

import java.nio.file.Path;

/** What the text encoder tells people about missing files. */
final class TextNotices {
    private static final String HUGGING_FACE = "https://huggingface.co/openai/clip-vit-base-patch32";
    private static final String OPENAI_VOCABULARY = "https://github.com/openai/CLIP/raw/main/clip/" + VocabularyFiles.OFFICIAL;

    static final String RANDOM_WEIGHTS = "No CLIP weights were given: texts are embedded with seeded random weights, which tell texts apart "
            + "but carry no meaning. For CLIP's meaning, run: " + ClipRelease.COMMAND + "; or put model.safetensors, vocab.json "
            + "and merges.txt of " + HUGGING_FACE + " into one folder and give it with --clip.";

    private TextNotices() {}

    static String noVocabulary(Path folder) {
        return folder + ": no CLIP vocabulary beside the weights, and these have no meaning without theirs. Put vocab.json and merges.txt of "
                + HUGGING_FACE + " there, or give " + OPENAI_VOCABULARY + " with --vocab";
    }
}
