package dev.imu2clip.data.ego4d;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.io.InputException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ImuCsvTest {
    private static final String HEADER = "component_idx,component_timestamp_ms,canonical_timestamp_ms,gyro_x,gyro_y,gyro_z,accl_x,accl_y,accl_z\n";

    @TempDir
    Path folder;

    private Path file(String text, Charset charset) throws IOException {
        return Files.write(folder.resolve("motion.csv"), text.getBytes(charset));
    }

    private ImuCsv.Table read(String text) throws IOException {
        return ImuCsv.read(file(text, StandardCharsets.UTF_8));
    }

    private void assertFails(String expected, String text) throws IOException {
        Path file = file(text, StandardCharsets.UTF_8);
        String message = assertThrows(InputException.class, () -> ImuCsv.read(file)).getMessage();
        assertTrue(message.startsWith(file + ": ") && message.contains(expected), message);
    }

    @Test
    void columnsByName() throws IOException {
        var table = read(HEADER + "0,1.5,10,1,2,3,4,5,6\n1,1.6,15.5,-1,-2.25,-3,-4,-5,-6\n");
        assertArrayEquals(new double[] {10, 15.5}, table.times());
        assertArrayEquals(new float[][] {{4, -4}, {5, -5}, {6, -6}, {1, -1}, {2, -2.25f}, {3, -3}}, table.channels());
        table = read("gyro_z,gyro_y,gyro_x,accl_z,text,canonical_timestamp_ms,accl_y,accl_x\n3,2,1,6,\"a, b\",10,5,4\n");
        assertArrayEquals(new float[][] {{4}, {5}, {6}, {1}, {2}, {3}}, table.channels());
    }

    @Test
    void whatIsMissingIsCounted() throws IOException {
        var table = read(HEADER + "0,1,,1,2,3,4,5,6\n0,1,20,,NaN,3,nan,5, \n0,1,NA,1,2,3,4,5,6\n0,1,30,1,2,null,4,-nan,\"\"\n");
        assertEquals(4, table.rows());
        assertEquals(2, table.untimed());
        assertArrayEquals(new double[] {20, 30}, table.times());
        assertArrayEquals(new float[][] {{0, 4}, {5, 0}, {0, 0}, {0, 1}, {0, 2}, {3, 0}}, table.channels());
        assertArrayEquals(new long[] {1, 1, 2, 1, 1, 1}, table.missing());
    }

    @Test
    void waysToWriteTheSame() throws IOException {
        String plain = HEADER + "0,1,10,0.125,-2,3,4,5,6\n0,1,15,1,2,3,4,5,6e-2\n";
        var expected = read(plain);
        for (String text : new String[] {"\uFEFF" + plain, plain.replace("\n", "\r\n"), plain.replace("\n", "\n\n"), "\uFEFF"
                + plain.replace("\n", "\r\n\r\n"),
                plain.replaceAll("([a-z0-9_.-]+)", "\"$1\""), plain.strip(), plain.strip().replace("\n", "\r\n"),
                        plain.replace("10,", " 10 ,"),
                plain.replace("0.125", ".125").replace("6e-2", "0.06"), plain.replace("0.125", "+1.25E-1")
                        .replace("6e-2", "0000.0600000000000000000000")}) {
            var table = read(text);
            assertArrayEquals(expected.times(), table.times(), text);
            assertArrayEquals(expected.channels(), table.channels(), text);
            assertEquals(text.endsWith("\n"), table.ends());
            Path packed = folder.resolve("packed.csv.gz");
            try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(packed))) {
                out.write(text.getBytes(StandardCharsets.UTF_8));
            }
            table = ImuCsv.read(packed);
            assertArrayEquals(expected.times(), table.times(), text);
            assertArrayEquals(expected.channels(), table.channels(), text);
            assertEquals(text.endsWith("\n"), table.ends());
        }
    }

    /** Numbers of all lengths, over several pieces, against Java's own reading of the same text. */
    @Test
    void largeFiles() throws IOException {
        Random random = new Random(7);
        int rows = 60_000;
        double[][] expected = new double[7][rows];
        StringBuilder text = new StringBuilder(HEADER);
        for (int i = 0; i < rows; i++) {
            String[] fields = new String[9];
            for (int c = 0; c < 9; c++) {
                double value = random.nextGaussian() * Math.pow(10, random.nextInt(-6, 6));
                fields[c] = switch (random.nextInt(4)) {
                    case 0 -> Double.toString(value);
                    case 1 -> Double.toString((float) value);
                    case 2 -> String.format("%.3f", value);
                    default -> String.format("%.12f", value);
                };
            }
            text.append(String.join(",", fields)).append('\n');
            for (int c = 0; c < 7; c++) expected[c][i] = Double.parseDouble(fields[c + 2]);
        }
        assertTrue(text.length() > 5 * ImuCsv.PIECE, "several pieces");
        Path packed = folder.resolve("packed.csv.gz");
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(packed))) {
            out.write(text.toString().getBytes(StandardCharsets.UTF_8));
        }
        for (var table : new ImuCsv.Table[] {read(text.toString()), ImuCsv.read(packed)}) {
            assertArrayEquals(expected[0], table.times());
            for (int c = 0; c < 6; c++) {
                double[] column = expected[c < 3 ? 4 + c : c - 2];
                for (int i = 0; i < rows; i++) assertEquals((float) column[i], table.channels()[c][i]);
            }
        }
        int at = 0;
        for (int line = 1; line < 50_001; line++) at = text.indexOf("\n", at) + 1;
        for (int comma = 0; comma < 3; comma++) at = text.indexOf(",", at) + 1;
        assertFails("line 50001: gyro_x is 'x", text.insert(at, 'x').toString());
    }

    /** Pieces end anywhere: before, at and after the end of a line. */
    @Test
    void piecesEndAnywhere() throws IOException {
        String line = "0,1,10,1,2,3,4,5,6\n";
        int rows = (ImuCsv.PIECE + 200) / line.length();
        for (int shift = 0; shift < line.length() + 2; shift++) {
            var table = read(HEADER.replace("component_idx", "x".repeat(10 + shift)) + line.repeat(rows));
            assertEquals(rows, table.rows(), "shift " + shift);
            assertEquals(rows, table.times().length);
        }
    }

    @Test
    void whatIsWrongIsNamedWithItsLine() throws IOException {
        assertFails("is empty", "");
        assertFails("has no column 'canonical_timestamp_ms'; its first line is 'a,b'", "a,b\n1,2\n");
        assertFails("has no column 'gyro_y'", HEADER.replace("gyro_y", "gyro-y") + "0,1,10,1,2,3,4,5,6\n");
        assertFails("has two columns 'accl_x'", HEADER.replace("accl_y", "accl_x").replace("gyro_z", "accl_y"));
        assertFails("line 3: gyro_x is '1x', expected a number", HEADER + "0,1,10,1,2,3,4,5,6\n0,1,10,1x,2,3,4,5,6\n");
        assertFails("line 2: canonical_timestamp_ms is 'inf', expected a number", HEADER + "0,1,inf,1,2,3,4,5,6\n");
        assertFails("line 2: accl_z is 1e300, which no sensor measures", HEADER + "0,1,1,1,2,3,4,5,1e300\n");
        assertFails("line 2: gyro_x is '0x1p3', expected a number", HEADER + "0,1,1,0x1p3,2,3,4,5,6\n");
        assertFails("line 2: gyro_x is '1 2', expected a number", HEADER + "0,1,1,1 2,2,3,4,5,6\n");
        assertFails("line 2: gyro_x is '1d', expected a number", HEADER + "0,1,1,1d,2,3,4,5,6\n");
        assertFails("line 4: 3 columns, expected 9", HEADER + "0,1,10,1,2,3,4,5,6\n\n0,1,10\n0,1,10,1,2,3,4,5,6\n");
        assertFails("line 2: more than the header's 9 columns", HEADER + "0,1,10,1,2,3,4,5,6,7\n");
        assertFails("line 3: 4 columns, expected 9, in the file's last line, which does not end. The file was cut off", HEADER
                + "0,1,10,1,2,3,4,5,6\n0,1,10,1");
        assertFails("line 2: a quotation mark is not closed", HEADER + "0,1,\"10,1,2,3,4,5,6\n");
        assertFails("no text file", HEADER + "0,1,10,1,2,3,4,5,6\n\0\0\0\0");
    }

    @Test
    void headerAlone() throws IOException {
        assertEquals(0, read(HEADER).rows());
        assertEquals(0, read(HEADER.strip()).rows());
    }

    @ParameterizedTest
    @ValueSource(strings = {"UTF-16", "UTF-16LE", "UTF-16BE", "UTF-32"})
    void otherEncodings(String charset) throws IOException {
        Path file = file("\uFEFF".repeat(charset.endsWith("E") ? 1 : 0) + HEADER + "0,1,10,1,2,3,4,5,6\n", Charset.forName(charset));
        String message = assertThrows(InputException.class, () -> ImuCsv.read(file)).getMessage();
        assertTrue(message.contains("UTF-16") || message.contains("no text file"), message);
    }

    @Test
    void damagedCompression() throws IOException {
        Path packed = folder.resolve("packed.csv.gz");
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(packed))) {
            out.write((HEADER + "0,1,10,1,2,3,4,5,6\n".repeat(100)).getBytes(StandardCharsets.UTF_8));
        }
        byte[] whole = Files.readAllBytes(packed);
        for (int length : new int[] {3, 12, whole.length / 2, whole.length - 3}) {
            Files.write(packed, Arrays.copyOf(whole, length));
            String message = assertThrows(InputException.class, () -> ImuCsv.read(packed)).getMessage();
            assertTrue(message.contains("damaged or end too early"), message);
        }
        assertFalse(assertThrows(InputException.class, () -> ImuCsv.read(folder.resolve("none.csv"))).getMessage().isEmpty());
    }
}
