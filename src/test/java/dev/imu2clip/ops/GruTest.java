package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.tensor.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GruTest {
    private static Gru.Output layer(Tape tape, Tensor[] x, boolean reverse) {
        return Gru.layer(tape, x[0], new Gru.Weights(x[1], x[2], x[3], x[4]), reverse);
    }

    private static OpCheck inputs(OpCheck check, int steps, int batch, int features, int units) {
        double bound = 1 / Math.sqrt(units);
        return check.input(steps, batch, features).uniform(-bound, bound, 3L * units, features).uniform(-bound, bound, 3L * units, units)
                .uniform(-bound, bound, 3L * units).uniform(-bound, bound, 3L * units).terms((long) units * steps * batch)
                .differences(units > 20 ? 3 : 40);
    }

    @ParameterizedTest
    @CsvSource({"1,1,1,1", "3,2,5,7", "5,3,4,8", "2,4,3,16", "4,5,3,33", "3,9,2,48", "3,33,7,64", "2,32,32,96", "2,150,2,49", "2,260,1,20", "2,260,1,64"})
    void states(int steps, int batch, int features, int units) {
        for (boolean reverse : new boolean[] {false, true}) {
            OpCheck sequence = OpCheck.of("sequence " + reverse, (tape, x) -> layer(tape, x, reverse).sequence());
            OpCheck last = OpCheck.of("last " + reverse, (tape, x) -> layer(tape, x, reverse).last());
            inputs(sequence, steps, batch, features, units).check();
            inputs(last, steps, batch, features, units).check();
        }
    }
}
