package dev.imu2clip.imu;

import dev.imu2clip.io.InputException;

import java.util.List;

/** Every kind of encoder: the one place that lists them. */
final class EncoderKinds {
    /** Of kinds with the same parameters, the first is what a file without a name holds. */
    static final List<EncoderKind> ALL = List.of(
            Mw2Encoder.KIND, Mw2Encoder.TIME_KIND, AttentionPooledEncoder.KIND, TimeDistributedEncoder.KIND, PatchTransformerEncoder.KIND,
            PatchRnnEncoder.KIND);

    private EncoderKinds() {}

    static List<String> names() {
        return ALL.stream().map(EncoderKind::name).toList();
    }

    /** @throws InputException where there is none of that name */
    static EncoderKind named(String name) {
        return ALL.stream().filter(kind -> kind.name().equals(name)).findFirst().orElseThrow(() -> new InputException(
                "imu_encoder_name: there is no encoder '" + name + "'; there is " + String.join(", ", names())));
    }
}
