package dev.imu2clip.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.imu2clip.cli.BadInput.Outcome;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** Tests of commands with the tiny whole CLIP of tools/goldens/clip_tiny.py, as a user runs them, with a cache of their own. */
abstract class TinyClip {
    static final Path CLIP = folder();
    static final JsonNode EXPECTED = expected();

    @TempDir
    Path folder;
    private String cacheBefore;

    private static Path folder() {
        try {
            return Path.of(TinyClip.class.getResource("/goldens/clip_tiny").toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    private static JsonNode expected() {
        try {
            return new JsonMapper().readTree(CLIP.resolve("expected.json").toFile());
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    static double[] numbers(JsonNode list) {
        return StreamSupport.stream(list.spliterator(), false).mapToDouble(JsonNode::asDouble).toArray();
    }

    @BeforeEach
    void ownCache() {
        cacheBefore = System.getProperty("imu2clip.cache");
        System.setProperty("imu2clip.cache", folder.resolve("cache").toString());
    }

    @AfterEach
    void restoreCache() {
        if (cacheBefore == null) System.clearProperty("imu2clip.cache");
        else System.setProperty("imu2clip.cache", cacheBefore);
    }

    private static String[] arguments(Object... arguments) {
        List<String> all = new ArrayList<>();
        for (Object argument : arguments) all.add(argument.toString());
        return all.toArray(String[]::new);
    }

    /** Runs what must succeed without a word on the error output. */
    static String run(Object... arguments) {
        Outcome outcome = BadInput.run(arguments(arguments));
        if (outcome.code() != 0 || !outcome.err().isEmpty()) throw new AssertionError(outcome.toString());
        return outcome.out();
    }

    static Outcome outcome(Object... arguments) {
        return BadInput.run(arguments(arguments));
    }

    static void refused(String part, Object... arguments) {
        BadInput.refused(List.of(part), arguments(arguments));
    }
}
