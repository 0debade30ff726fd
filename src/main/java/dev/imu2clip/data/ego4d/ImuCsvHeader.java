package dev.imu2clip.data.ego4d;

import dev.imu2clip.io.InputException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * The first line of a csv of motion.
 *
 * @param names of all columns
 * @param slots for each column where its value belongs: 0 the time, 1 to 6 the channels, -1 nowhere
 * @param length bytes of the line with its end
 */
record ImuCsvHeader(List<String> names, int[] slots, int length) {
    /** @param start the file's first bytes */
    static ImuCsvHeader parse(Path file, byte[] start) {
        checkEncoding(file, start);
        int end = 0;
        while (end < start.length && start[end] != '\n') end++;
        String line = new String(start, 0, end, StandardCharsets.UTF_8).replace("\uFEFF", "");
        List<String> names = Arrays.stream(line.split(",", -1)).map(name -> name.strip().replaceAll("^\"|\"$", "")).toList();
        int[] slots = new int[names.size()];
        Arrays.fill(slots, -1);
        for (int slot = 0; slot <= ImuCsv.CHANNELS.size(); slot++) {
            String wanted = slot == 0 ? ImuCsv.TIME : ImuCsv.CHANNELS.get(slot - 1);
            int column = names.indexOf(wanted);
            if (column < 0) throw InputException.in(file, "has no column '" + wanted + "'; its first line is '"
                    + (line.length() > 200 ? line.substring(0, 200) + "..." : line).strip() + "'", "");
            if (names.lastIndexOf(wanted) != column) throw InputException.in(file, "has two columns '" + wanted + "'", "");
            slots[column] = slot;
        }
        return new ImuCsvHeader(names, slots, Math.min(end + 1, start.length));
    }

    private static void checkEncoding(Path file, byte[] start) {
        int first = start.length < 2 ? 0 : (start[0] & 0xFF) << 8 | start[1] & 0xFF;
        boolean zeros = false;
        for (int i = 0; i < Math.min(start.length, 1000); i++) zeros |= start[i] == 0;
        if (first == 0xFFFE || first == 0xFEFF) throw InputException.in(file, "is UTF-16 text, expected UTF-8", "Save it as UTF-8");
        if (zeros) throw InputException.in(file, "is no text file: it has zero bytes", "");
    }
}
