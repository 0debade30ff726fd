package dev.imu2clip.data.formats;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.imu2clip.data.Importer.Signal;
import dev.imu2clip.data.Importer.Span;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On files written in the published format. */
class MotionSenseImportTest {
    private static final String HEADER = ",attitude.roll,attitude.pitch,attitude.yaw,gravity.x,gravity.y,gravity.z,rotationRate.x,"
            + "rotationRate.y,rotationRate.z,userAcceleration.x,userAcceleration.y,userAcceleration.z\n";
    @TempDir
    Path folder;
    private Path source;
    private final double[][] walk = Motion.random(1, 600, -1);
    private final double[][] sit = Motion.random(2, 255, -1);

    @BeforeEach
    void files() throws IOException {
        source = folder.resolve("motion-sense");
        write("wlk_7/sub_1.csv", walk);
        write("sit_13/sub_24.csv", sit);
    }

    /** Gravity is (0.1, 0.2, -0.9) of the sum. */
    private void write(String name, double[][] motion) throws IOException {
        StringBuilder text = new StringBuilder(HEADER);
        double[] gravity = {0.1, 0.2, -0.9};
        for (int i = 0; i < motion[0].length; i++) {
            text.append(i).append(",1.5,-0.7,0.7");
            for (double g : gravity) text.append(',').append(Motion.number(g));
            for (int c = 3; c < 6; c++) text.append(',').append(Motion.number(motion[c][i]));
            for (int c = 0; c < 3; c++) text.append(',').append(Motion.number(motion[c][i] - gravity[c]));
            text.append('\n');
        }
        Motion.write(source.resolve("A_DeviceMotion_data").resolve(name), text);
    }

    @Test
    void totalAccelerationIsGravityAndTheUsers() {
        List<Signal> signals = Motion.read(new MotionSenseImporter(), source);
        assertEquals(List.of("motionsense_sit_13_sub_24", "motionsense_wlk_7_sub_1"), signals.stream().map(Signal::uid).toList());
        assertEquals(List.of("sub_24", "sub_1"), signals.stream().map(Signal::subject).toList());
        Motion.assertChannels(sit, 0, signals.get(0));
        Motion.assertChannels(walk, 0, signals.get(1));
        assertEquals(50, signals.get(0).rateHz());
        assertEquals(List.of(new Span(0, 12, "walking", "walking")), signals.get(1).spans());
        var summary = Motion.run(new MotionSenseImporter(), source, folder.resolve("out"));
        assertEquals(3, summary.count(null));
    }

    @Test
    void saysWhatIsWrong() throws IOException {
        Path file = source.resolve("A_DeviceMotion_data/wlk_7/sub_1.csv");
        String good = Files.readString(file);
        Motion.write(file, good.substring(0, good.length() - 30));
        Motion.assertRefused(new MotionSenseImporter(), source, "sub_1.csv", "line 601 has", "columns, expected 13");
        Motion.write(file, good.replace("rotationRate.z", "rotationrate.z"));
        Motion.assertRefused(new MotionSenseImporter(), source, "has no column 'rotationRate.z'; did you mean 'rotationrate.z'?");
        Motion.write(file, good.replaceFirst(",0.1000,", ",,"));
        Motion.assertRefused(new MotionSenseImporter(), source, "line 2, column gravity.x: '' is not a finite number");
        Motion.write(file, HEADER.replace("gravity", "userAcceleratio") + "");
        Motion.assertRefused(new MotionSenseImporter(), source, "has no column 'gravity.x'");
        Motion.assertRefused(new MotionSenseImporter(), source.resolve("A_DeviceMotion_data/wlk_7"), "has no folder 'A_DeviceMotion_data'");
    }
}
