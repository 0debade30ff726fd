package dev.imu2clip.imu;

import dev.imu2clip.TestDevices;
import dev.imu2clip.GoldenHash;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.tensor.DType;
import org.junit.jupiter.api.Test;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Map;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class Mw2EncoderTest {
    private static final int WINDOWS = 2, CHANNELS = 6, SAMPLES = 1000;

    /** Two windows of the golden signals, the second batch's following the first's in time, cut to a length. */
    private static float[] signals(int samples) {
        float[][] halves = {GoldenHash.signals(0), GoldenHash.signals(1)};
        float[] cut = new float[WINDOWS * CHANNELS * samples];
        for (int row = 0; row < WINDOWS * CHANNELS; row++)
            for (int t = 0; t < samples; t++) cut[row * samples + t] = halves[t / SAMPLES][row * SAMPLES + t % SAMPLES];
        return cut;
    }

    /** tools/goldens/encoders.py */
    @Test
    void bothRecurrencesAreAsInPyTorch() throws URISyntaxException {
        try (Safetensors goldens = Safetensors.open(Path.of(Mw2EncoderTest.class.getResource("/goldens/mw2.safetensors").toURI()))) {
            for (String device : TestDevices.all())
                for (String name : goldens.names()) {
                    String encoder = name.substring(0, name.lastIndexOf('_'));
                    int samples = Integer.parseInt(name.substring(name.lastIndexOf('_') + 1, name.indexOf('.')));
                    if (device.equals("java") && samples > 500) continue;
                    assertArrayEquals(goldens.floats(name), embed(device, encoder, samples), 2e-6f, name + " on " + device);
                }
        }
    }

    private static float[] embed(String device, String name, int samples) {
        ImuEncoder encoder = ImuEncoder.create(name);
        Map<String, float[]> weights = GoldenHash.parameters();
        try (ParameterStore store = ParameterStore.allocate(Backends.get(device), encoder, false)
                        .load((parameter, _) -> weights.get(parameter));
                Workspace workspace = new Workspace(store.device(), "test"); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            return encoder.encode(tape, tape.empty(DType.F32, WINDOWS, CHANNELS, samples).set(signals(samples))).toFloats();
        }
    }

    @Test
    void lengthsThatFit() {
        ImuEncoder reference = ImuEncoder.create("mw2"), corrected = ImuEncoder.create("mw2_time");
        for (long samples = 1; samples < 3000; samples++) {
            long length = samples;
            if (length >= 978 && length <= 1004) assertDoesNotThrow(() -> reference.checkLength(length));
            else assertTrue(assertThrows(InputException.class, () -> reference.checkLength(length)).getMessage().contains("mw2_time"));
            if (length >= Mw2Encoder.SHORTEST) assertDoesNotThrow(() -> corrected.checkLength(length));
            else assertThrows(InputException.class, () -> corrected.checkLength(length));
        }
    }

    @Test
    void unknownNamesAreErrorsThatListTheKnownOnes() {
        assertTrue(assertThrows(InputException.class, () -> ImuEncoder.create("mw3")).getMessage().contains("mw2_time"));
        assertEquals("mw2_time", ImuEncoder.create("mw2_time").name());
    }
}
