package dev.imu2clip.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class LossPlotTest {
    @TempDir
    Path folder;

    @Test
    void drawsEveryPanel() throws Exception {
        Assumptions.assumeTrue(PlotFonts.problem().isEmpty(), () -> PlotFonts.problem().orElse(""));
        Path log = folder.resolve("metrics.jsonl");
        var random = new SplittableRandom(1);
        try (var metrics = MetricsLog.open(log, 0)) {
            for (int step = 1; step <= 600; step++) {
                double loss = 2.2 + 4.5 * Math.exp(-step / 150.0);
                metrics.append(step, Map.of("train_loss", loss + 0.4 * random.nextGaussian(), "temperature", 0.1 - step * 1e-4));
                if (step % 60 != 0) continue;
                Map<String, Object> epoch = new LinkedHashMap<>();
                epoch.put("val_loss", loss + 0.3);
                for (int k : List.of(1, 5, 10)) epoch.put("val_i2t_R@" + k, (1 - Math.exp(-step / 300.0)) * (0.3 + k / 20.0));
                epoch.put("val_i2t_MRR", (1 - Math.exp(-step / 300.0)) * 0.5);
                metrics.append(step, epoch);
            }
        }
        Path png = Path.of(System.getProperty("imu2clip.plot", folder.resolve("run/losses.png").toString()));
        assertEquals(Optional.empty(), LossPlot.write(png, MetricsLog.read(log), "i2c_s_i_t_t_se_mw2_w_2.5"));
        var picture = ImageIO.read(png.toFile());
        assertEquals(1100, picture.getWidth());
        assertEquals(460 + 2 * 280, picture.getHeight());
        for (int color : new int[] {0x1f5fa8, 0xd95f02, 0x1b8a5a}) assertTrue(pixels(picture, color) > 50, Integer.toHexString(color));
    }

    @Test
    void anEmptyLogIsAWarningNotAFailure() {
        Path png = folder.resolve("losses.png");
        assertTrue(LossPlot.write(png, List.of(), "run").orElseThrow().startsWith("no loss curves: "));
        assertTrue(Files.notExists(png));
    }

    /** A process that finds no fonts, as on a bare server. */
    static final class NoFonts {
        public static void main(String[] args) {
            Path log = Path.of(args[0], "metrics.jsonl");
            try (var metrics = MetricsLog.open(log, 0)) {
                metrics.append(1, Map.of("train_loss", 1.0));
            }
            System.out.print(LossPlot.write(Path.of(args[0], "losses.png"), MetricsLog.read(log), "run").orElse("drawn"));
        }
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void withoutFontsOneLineSaysWhatToInstall() throws Exception {
        Path nothing = Files.writeString(folder.resolve("fonts.conf"), "<?xml version=\"1.0\"?><fontconfig></fontconfig>");
        var builder = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin/java").toString(), "-Djava.awt.headless=true",
                "-Duser.home=" + folder, "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"), NoFonts.class.getName(),
                folder.toString()).redirectErrorStream(true);
        builder.environment().put("FONTCONFIG_FILE", nothing.toString());
        Process process = builder.start();
        String said = new String(process.getInputStream().readAllBytes());
        assertEquals(0, process.waitFor(), said);
        assertTrue(said.matches("no loss curves: .*(no fonts).*apt-get install fontconfig fonts-dejavu-core"), said);
        assertTrue(Files.notExists(folder.resolve("losses.png")));
    }

    private static int pixels(java.awt.image.BufferedImage picture, int color) {
        int count = 0;
        for (int y = 0; y < picture.getHeight(); y++)
            for (int x = 0; x < picture.getWidth(); x++) if ((picture.getRGB(x, y) & 0xffffff) == color) count++;
        return count;
    }
}
