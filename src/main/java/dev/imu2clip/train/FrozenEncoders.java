package dev.imu2clip.train;

import dev.imu2clip.backend.Backend;
import dev.imu2clip.clip.TextEncoder;
import dev.imu2clip.data.Modality;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.io.CacheFolder;
import dev.imu2clip.io.InputException;

import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.function.Consumer;

/** The encoders of a run that motion is aligned with: CLIP's towers, and those of other modalities that are found as services. */
final class FrozenEncoders implements AutoCloseable {
    private final Alignment alignment;
    private TextEncoder texts;
    private final Map<Modality, WindowEncoder> others = new EnumMap<>(Modality.class);

    /** Opens those that the configuration's modalities need. */
    FrozenEncoders(Config config, Backend backend, Consumer<String> say) {
        alignment = Alignment.of(config);
        try {
            for (Modality modality : alignment.modalities()) {
                switch (modality) {
                    case IMU -> {} // what learns
                    case TEXT -> texts = openTexts(config, backend, say);
                    case VIDEO -> others.put(modality, new VideoEncoder(config, backend, say));
                    default -> others.put(modality, service(modality));
                }
            }
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    private static TextEncoder openTexts(Config config, Backend backend, Consumer<String> say) {
        TextEncoder encoder = TextEncoder.open(backend, path(config.run().clip()), path(config.run().vocab()), 0);
        say.accept(encoder.notice() != null ? encoder.notice() : "clip       " + config.run().clip());
        return encoder.cachedIn(CacheFolder.path(), say);
    }

    private static Path path(String setting) {
        return setting.isEmpty() ? null : Path.of(setting);
    }

    private static WindowEncoder service(Modality modality) {
        for (WindowEncoder encoder : ServiceLoader.load(WindowEncoder.class)) if (encoder.modality() == modality) return encoder;
        throw new InputException("train_hparams: there is no encoder of " + modality + ". Put one on the class path as a service of "
                + WindowEncoder.class.getName() + " (docs/ego4d.md), or leave " + modality + " out");
    }

    Alignment alignment() {
        return alignment;
    }

    /** CLIP's text tower, or null where the run has no text. */
    TextEncoder texts() {
        return texts;
    }

    /** Encoders of other modalities than motion and text. */
    Map<Modality, WindowEncoder> others() {
        return others;
    }

    /** @throws InputException when embeddings differ in size from an encoder's of motion */
    void requireWidth(ImuEncoder encoder) {
        for (Modality modality : alignment.modalities()) {
            if (modality == Modality.IMU) continue;
            int width = modality == Modality.TEXT ? texts.width() : others.get(modality).width();
            if (width != encoder.width())
                throw new InputException((modality == Modality.AUDIO ? "the encoder of audio gives" : "the CLIP weights give")
                        + " embeddings of " + width + " numbers, the encoder " + encoder.name() + " of " + encoder.width()
                        + ". Give the CLIP weights of ViT-B/32 with --clip, or train an encoder with model_hparams.final_embedding_size "
                        + width);
        }
    }

    /** SHA-256 of CLIP's weights, or of what stands in their place. */
    String identity() {
        if (texts != null) return texts.identity();
        return others.isEmpty() ? "" : others.values().iterator().next().identity();
    }

    @Override
    public void close() {
        if (texts != null) texts.close();
        others.values().forEach(WindowEncoder::close);
    }
}
