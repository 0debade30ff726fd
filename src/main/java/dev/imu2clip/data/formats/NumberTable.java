package dev.imu2clip.data.formats;

import dev.imu2clip.io.InputException;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.StringTokenizer;
import java.util.stream.IntStream;

/** A text file of numbers, a fixed count of them in every line, separated by blanks; plain or gzipped, told by its first bytes. */
final class NumberTable {
    private NumberTable() {}

    /** The columns, {@code [column][line]}. Blank lines are skipped. @throws InputException naming the line that is wrong */
    static double[][] read(Path file, int columns) {
        return read(file, columns, false, IntStream.range(0, columns).toArray());
    }

    /**
     * Some of the columns.
     *
     * @param missing whether NaN stands for a missing value and is let through
     * @param wanted which columns, counted from 0, ascending
     */
    static double[][] read(Path file, int columns, boolean missing, int[] wanted) {
        double[][] table = new double[wanted.length][1024];
        int rows = 0;
        int line = 0;
        try (BufferedReader reader = SourceFiles.open(file)) {
            for (String text = reader.readLine(); text != null; text = reader.readLine()) {
                line++;
                StringTokenizer tokens = new StringTokenizer(text);
                if (!tokens.hasMoreTokens()) continue;
                if (tokens.countTokens() != columns)
                    throw InputException.in(file, "line " + line + " has " + tokens.countTokens() + " columns, expected " + columns, "");
                if (rows == table[0].length) for (int c = 0; c < table.length; c++) table[c] = Arrays.copyOf(table[c], 2 * rows);
                for (int column = 0, next = 0; next < wanted.length; column++) {
                    String token = tokens.nextToken();
                    if (column != wanted[next]) continue;
                    table[next++][rows] = missing && token.equals("NaN") ? Double.NaN
                            : SourceFiles.number(file, "line " + line + ", column " + (column + 1), token);
                }
                rows++;
            }
        } catch (IOException e) {
            throw SourceFiles.failed(file, line, e);
        }
        for (int c = 0; c < table.length; c++) table[c] = Arrays.copyOf(table[c], rows);
        return table;
    }
}
