package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/**
 * Texts, one a line.
 *
 * @param name  where they come from, for messages
 * @param lines one at least
 */
public record TextLines(String name, List<String> lines) {
    private static final Path STANDARD_INPUT = Path.of("-");
    private static final String EXPECTED = "Give a text file, one text a line";

    /**
     * Reads a UTF-8 file, or the standard input where it is called {@code -}.
     *
     * @throws InputException when it is missing, empty or no text
     */
    public static TextLines read(Path file) {
        boolean standard = file.equals(STANDARD_INPUT);
        String name = standard ? "standard input" : file.toString();
        try {
            byte[] bytes = standard ? System.in.readAllBytes() : Files.readAllBytes(file);
            String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
            List<String> lines = (text.startsWith("\uFEFF") ? text.substring(1) : text).lines().toList();
            if (lines.isEmpty()) throw new InputException(name + ": is empty. " + EXPECTED);
            return new TextLines(name, lines);
        } catch (CharacterCodingException e) {
            throw new InputException(name + ": is not UTF-8 text. Save it as UTF-8, one text a line", e);
        } catch (NoSuchFileException e) {
            throw new InputException(name + ": no such file. " + EXPECTED, e);
        } catch (IOException | OutOfMemoryError e) {
            throw new InputException(name + ": cannot be read (" + e.getMessage() + "). " + EXPECTED, e);
        }
    }
}
