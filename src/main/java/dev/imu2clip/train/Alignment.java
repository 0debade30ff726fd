package dev.imu2clip.train;

import dev.imu2clip.data.Modality;
import dev.imu2clip.io.InputException;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * What a run draws together: a source modality with each of some targets.
 *
 * @param targets in alphabetical order, as the reference sorts them
 */
public record Alignment(Modality source, List<Modality> targets) {
    static Alignment of(Config config) {
        Config.Train train = config.train();
        List<Modality> targets = Modality.of(train.targetModalities().stream().sorted().toList());
        Modality source = Modality.of(train.sourceModality());
        if (targets.isEmpty()) throw new InputException("train_hparams.target_modalities is empty: name what " + source + " is aligned with");
        if (targets.contains(source) || targets.stream().distinct().count() < targets.size())
            throw new InputException("train_hparams: source_modality " + source + " and target_modalities " + targets
                    + " name a modality twice");
        return new Alignment(source, targets);
    }

    Set<Modality> modalities() {
        Set<Modality> all = EnumSet.copyOf(targets);
        all.add(source);
        return all;
    }

    boolean has(Modality modality) {
        return source == modality || targets.contains(modality);
    }

    /** The target that stands for all where there is room for one, as in the reference's results: text, else video, else audio. */
    Modality firstTarget() {
        return targets.stream().filter(target -> target == Modality.TEXT).findFirst().orElse(targets.getLast());
    }

    /** In names of metrics: {@code i2t}. */
    String pair(Modality target) {
        return source.initial() + "2" + target.initial();
    }
}
