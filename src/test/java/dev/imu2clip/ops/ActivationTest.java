package dev.imu2clip.ops;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ActivationTest {
    @ParameterizedTest
    @ValueSource(ints = {1, 7, 64, 1021, 20_011})
    void everyActivation(int n) {
        OpCheck.of("relu", (tape, x) -> Activation.relu(tape, x[0])).input(n).check();
        OpCheck.of("leaky_relu", (tape, x) -> Activation.leakyRelu(tape, x[0], 0.01)).input(n).check();
        OpCheck.of("gelu", (tape, x) -> Activation.gelu(tape, x[0])).input(n).check();
        OpCheck.of("quick_gelu", (tape, x) -> Activation.quickGelu(tape, x[0])).input(n).check();
        OpCheck.of("sigmoid", (tape, x) -> Activation.sigmoid(tape, x[0])).input(n).check();
        OpCheck.of("tanh", (tape, x) -> Activation.tanh(tape, x[0])).input(n).check();
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 1e-30, 5, 20, 90, 1e10})
    void farFromZero(double magnitude) {
        double[] both = {magnitude, -magnitude};
        OpCheck.of("gelu", (tape, x) -> Activation.gelu(tape, x[0])).input(both, 2).withoutGradientCheck().check();
        OpCheck.of("quick_gelu", (tape, x) -> Activation.quickGelu(tape, x[0])).input(both, 2).withoutGradientCheck().check();
        OpCheck.of("sigmoid", (tape, x) -> Activation.sigmoid(tape, x[0])).input(both, 2).withoutGradientCheck().check();
        OpCheck.of("tanh", (tape, x) -> Activation.tanh(tape, x[0])).input(both, 2).withoutGradientCheck().check();
    }
}
