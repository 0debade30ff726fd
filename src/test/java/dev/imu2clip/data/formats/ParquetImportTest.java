package dev.imu2clip.data.formats;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.imu2clip.data.Importer;
import dev.imu2clip.data.Importer.Signal;
import dev.imu2clip.data.Importer.Span;
import dev.imu2clip.data.formats.ParquetWriter.Codec;
import dev.imu2clip.data.formats.ParquetWriter.Column;
import dev.imu2clip.data.formats.ParquetWriter.Time;
import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** On files written after the format's specification, with each of the compressions. */
class ParquetImportTest {
    private static final int ROWS = 1500;
    private static final List<String> NAMES = List.of("accel_x", "accel_y", "accel_z", "gyro_x", "gyro_y", "gyro_z");
    @TempDir
    Path folder;
    private final double[][] motion = Motion.random(1, ROWS, 9.8);

    private static Importer importer(String... entries) {
        Map<String, String> set = new HashMap<>(Map.of("time", "time", "accel_unit", "m/s^2", "gyro_unit", "rad/s", "time_unit", "ns"));
        for (String name : NAMES) set.put(name, name);
        for (String entry : entries) set.put(entry.substring(0, entry.indexOf('=')), entry.substring(entry.indexOf('=') + 1));
        return Formats.importer("parquet", new Formats.Settings(Optional.empty(), Optional.empty(), set));
    }

    /** 100 Hz; acceleration in float64, angular velocity in float32, nanoseconds since 1970, and a label. */
    private Column[] columns(Time time) {
        Column[] columns = new Column[8];
        columns[0] = new Column("time", time, objects(i -> 1_760_676_790_103_992_534L + 10_000_000L * i));
        for (int c = 0; c < 6; c++) {
            double[] channel = motion[c];
            columns[1 + c] = c < 3 ? new Column(NAMES.get(c), Time.NO, objects(i -> channel[i]))
                    : new Column(NAMES.get(c), Time.NO, objects(i -> (float) channel[i]));
        }
        columns[7] = new Column("activity", Time.NO, objects(i -> i < 1000 ? "walking" : null));
        return columns;
    }

    private static Object[] objects(java.util.function.IntFunction<Object> value) {
        Object[] values = new Object[ROWS];
        for (int i = 0; i < ROWS; i++) values[i] = value.apply(i);
        return values;
    }

    private Path write(Codec codec, Column... columns) throws IOException {
        Path file = Files.createDirectories(folder.resolve("rides")).resolve("ride.parquet");
        Files.write(file, ParquetWriter.write(codec, columns));
        return file.getParent();
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void valuesAreThoseOfTheFile(Codec codec) throws IOException {
        for (Time time : Time.values()) {
            Signal signal = Motion.read(importer("label=activity"), write(codec, columns(time))).getFirst();
            assertEquals("ride", signal.uid());
            assertEquals(100, signal.rateHz());
            assertEquals(ROWS, signal.channels()[0].length);
            Motion.assertChannels(motion, 0, signal);
            assertEquals(List.of(new Span(0, 10, "walking", "walking")), signal.spans());
        }
        assertEquals(2, Motion.run(importer("label=activity"), folder.resolve("rides"), folder.resolve("out")).count(null));
    }

    @Test
    void emptyValuesAreInterpolated() throws IOException {
        Column[] columns = columns(Time.UTC);
        columns[5].values()[700] = null;
        Signal signal = Motion.read(importer(), write(Codec.SNAPPY, columns)).getFirst();
        motion[4][700] = (float) motion[4][699] + 0.5 * ((float) motion[4][701] - (float) motion[4][699]);
        for (int c = 0; c < 6; c++) if (c != 4) motion[c][700] = motion[c][699] + 0.5 * (motion[c][701] - motion[c][699]);
        for (int i = 0; i < ROWS; i++) assertEquals(motion[4][i], signal.channels()[4][i], 1e-6);
        assertEquals(List.of("1 missing samples were interpolated"), signal.notes());
    }

    @Test
    void saysWhatIsWrong() throws IOException {
        Path source = write(Codec.NONE, columns(Time.NO));
        Motion.assertRefused(importer("accel_unit=g"), source, "ride.parquet: the accelerometer cannot be in g", "probably m/s^2");
        Motion.assertRefused(importer("time_unit=us"), source, "unit of time");
        Motion.assertRefused(importer("gyro_z=gyro_w"), source, "has no column 'gyro_w'; did you mean 'gyro_x'?");
        Motion.assertRefused(importer("gyro_z=activity"), source, "row 1, column 'activity': 'walking' is not a finite number");
        Column[] columns = columns(Time.UTC);
        columns[0].values()[3] = null;
        Motion.assertRefused(importer(), write(Codec.NONE, columns), "row 4, column 'time': 'null' is no time");
        columns[0].values()[3] = 5L;
        Motion.assertRefused(importer(), write(Codec.NONE, columns), "row 4, column 'time': the time runs backwards");
        Files.writeString(source.resolve("ride.parquet"), "t,x\n1,2\n");
        Motion.assertRefused(importer(), source, "ride.parquet", "Parquet");
    }

    /** Wherever a file is cut off or a byte of it is changed: an answer, and no failure of another kind. */
    @Test
    void damageIsAnInputError() throws IOException {
        byte[] good = ParquetWriter.write(Codec.SNAPPY, columns(Time.UTC));
        Path file = write(Codec.SNAPPY, columns(Time.UTC)).resolve("ride.parquet");
        for (int length = 0; length < good.length; length += 1 + good.length / 50) {
            Files.write(file, Arrays.copyOf(good, length));
            Motion.assertRefused(importer(), file.getParent(), "ride.parquet");
        }
        int refused = 0;
        for (int at = good.length - 400; at < good.length; at += 7) {
            byte[] patched = good.clone();
            patched[at] ^= (byte) 0x55;
            Files.write(file, patched);
            try (Table table = new ParquetTable(file, 0.3)) {
                table.choose(table.names());
                while (table.next());
            } catch (InputException e) {
                refused++;
            }
        }
        assertFalse(refused < 20, refused + " of 58");
    }
}
