package dev.imu2clip.data;

import dev.imu2clip.io.InputException;
import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.StringTokenizer;
import java.util.zip.GZIPInputStream;

/** A text file of numbers, a fixed count of them in every line, separated by blanks; plain or gzipped, told by its first bytes. */
final class NumberTable {
    private NumberTable() {}

    /** The columns, {@code [column][line]}. Blank lines are skipped. @throws InputException naming the line that is wrong */
    static double[][] read(Path file, int columns) {
        double[][] table = new double[columns][1024];
        int rows = 0;
        int line = 0;
        try (BufferedReader reader = open(file)) {
            for (String text = reader.readLine(); text != null; text = reader.readLine()) {
                line++;
                StringTokenizer tokens = new StringTokenizer(text);
                if (!tokens.hasMoreTokens()) continue;
                if (tokens.countTokens() != columns)
                    throw InputException.in(file, "line " + line + " has " + tokens.countTokens() + " columns, expected " + columns, "");
                if (rows == table[0].length) for (int c = 0; c < columns; c++) table[c] = Arrays.copyOf(table[c], 2 * rows);
                for (int c = 0; c < columns; c++) table[c][rows] = number(file, line, tokens.nextToken());
                rows++;
            }
        } catch (EOFException e) {
            throw new InputException(file + ": ends in the middle of its compressed data, after line " + line + ". Copy the file again", e);
        } catch (IOException e) {
            throw new InputException(file + ": cannot be read (" + e + ")", e);
        }
        for (int c = 0; c < columns; c++) table[c] = Arrays.copyOf(table[c], rows);
        return table;
    }

    private static double number(Path file, int line, String token) {
        try {
            double value = Double.parseDouble(token);
            if (Double.isFinite(value)) return value;
        } catch (NumberFormatException e) {
            // said below
        }
        throw InputException.in(file, "line " + line + ": '" + token + "' is not a finite number", "");
    }

    private static BufferedReader open(Path file) throws IOException {
        InputStream bytes = new java.io.BufferedInputStream(Files.newInputStream(file), 1 << 16);
        try {
            bytes.mark(2);
            boolean gzipped = bytes.read() == 0x1F && bytes.read() == 0x8B;
            bytes.reset();
            return new BufferedReader(new InputStreamReader(gzipped ? new GZIPInputStream(bytes, 1 << 16) : bytes, StandardCharsets.UTF_8));
        } catch (IOException e) {
            bytes.close();
            throw e;
        }
    }
}
