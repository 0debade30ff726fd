package dev.imu2clip.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.imu2clip.data.DataSet;
import dev.imu2clip.data.Split;
import dev.imu2clip.data.formats.Formats;
import dev.imu2clip.io.InputException;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class DataCommandsTest {
    @TempDir
    Path folder;

    private static String failure(Object command, String... arguments) {
        var message = new AtomicReference<String>();
        new CommandLine(command).setExecutionExceptionHandler((e, line, result) -> {
            if (!(e instanceof InputException)) throw e;
            message.set(e.getMessage());
            return 2;
        }).execute(arguments);
        return message.get();
    }

    @Test
    void sampleWritesADataSet() {
        Path out = folder.resolve("sample");
        assertEquals(0, new CommandLine(new SampleCommand()).execute(out.toString(), "--recordings", "3", "--minutes", "0.6", "--seed",
                "4"));
        try (DataSet data = DataSet.open(out)) {
            assertEquals(7, data.select(Split.TRAINING).windows().size());
            assertEquals("4", data.info().creation().get("seed").toString());
        }
        assertTrue(failure(new SampleCommand(), out.toString()).contains("--overwrite"));
    }

    @Test
    void importNamesTheFormatsItKnows() {
        assertEquals("'hpat' is no known format. Known: hapt, ucihar, pamap2, motionsense, wisdm, gopro, csv, parquet",
                failure(new ImportCommand(), "hpat", ".", folder.resolve("x").toString()));
        assertTrue(failure(new ImportCommand(), "hapt", folder.toString(), folder.resolve("x").toString()).contains("labels.txt"));
        String help = new CommandLine(new ImportCommand()).getUsageMessage();
        for (var format : Formats.ALL) assertTrue(help.contains("imu2clip import " + format.name() + " " + format.example()), help);
    }

    @Test
    void importRefusesOptionsThatTheFormatDoesNotHave() {
        String out = folder.resolve("x").toString();
        assertTrue(failure(new ImportCommand(), "hapt", ".", out, "--sensor", "hand").contains("nothing to choose in the format hapt"));
        assertTrue(failure(new ImportCommand(), "gopro", ".", out, "--map", "neon").contains("belong to csv and parquet"));
        assertTrue(failure(new ImportCommand(), "pamap2", ".", out, "--sensor", "nose").contains("Choose one of hand, chest, ankle, all"));
    }
}
