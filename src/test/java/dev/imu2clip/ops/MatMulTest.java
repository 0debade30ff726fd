package dev.imu2clip.ops;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertThrows;

class MatMulTest {
    @ParameterizedTest
    @CsvSource({"1,1,1", "1,7,3", "5,1,17", "3,25,2", "4,24,8", "13,29,31", "33,49,257", "97,50,300", "8,100,513", "130,70,5"})
    void everyForm(int m, int n, int k) {
        OpCheck.of("nn", (tape, x) -> MatMul.matmul(tape, x[0], x[1])).input(m, k).input(k, n).terms(k).check();
        OpCheck.of("nt", (tape, x) -> MatMul.matmul(tape, x[0], false, x[1], true)).input(m, k).input(n, k).terms(k).check();
        OpCheck.of("tn", (tape, x) -> MatMul.matmul(tape, x[0], true, x[1], false)).input(k, m).input(k, n).terms(k).check();
        OpCheck.of("tt", (tape, x) -> MatMul.matmul(tape, x[0], true, x[1], true)).input(k, m).input(n, k).terms(k).check();
    }

    @Test
    void batches() {
        OpCheck.of("batch", (tape, x) -> MatMul.matmul(tape, x[0], false, x[1], true)).input(2, 3, 9, 11).input(2, 3, 5, 11)
                .terms(11).check();
        OpCheck.of("batch tt", (tape, x) -> MatMul.matmul(tape, x[0], true, x[1], true)).input(7, 11, 9).input(7, 5, 11).terms(11).check();
        OpCheck.of("tn, one b", (tape, x) -> MatMul.matmul(tape, x[0], true, x[1], false)).input(3, 11, 9).input(11, 6).terms(27).check();
        OpCheck.of("tt, one b", (tape, x) -> MatMul.matmul(tape, x[0], true, x[1], true)).input(300, 3, 2).input(4, 3).terms(600).check();
        OpCheck.of("one b", (tape, x) -> MatMul.matmul(tape, x[0], x[1])).input(3, 9, 11).input(11, 6).terms(27).check();
        OpCheck.of("one b, transposed", (tape, x) -> MatMul.matmul(tape, x[0], false, x[1], true)).input(3, 9, 11).input(6, 11)
                .terms(27).check();
    }

    @ParameterizedTest
    @CsvSource({"1,1,1", "2,512,512", "33,7,100", "40,96,64"})
    void linear(int rows, int in, int out) {
        OpCheck.of("linear", (tape, x) -> MatMul.linear(tape, x[0], x[1], x[2])).input(rows, in).input(out, in).input(out)
                .terms(in + rows).check();
        OpCheck.of("linear, no bias", (tape, x) -> MatMul.linear(tape, x[0], x[1], null)).input(rows, in).input(out, in)
                .terms(in + rows).check();
    }

    @Test
    void wrongShapesAreNamed() {
        assertThrows(IllegalArgumentException.class,
                () -> OpCheck.of("bad", (tape, x) -> MatMul.matmul(tape, x[0], x[1])).input(2, 3).input(4, 5).check());
    }
}
