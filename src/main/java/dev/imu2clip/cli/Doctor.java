package dev.imu2clip.cli;

import com.sun.management.OperatingSystemMXBean;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.io.CacheFolder;
import dev.imu2clip.clip.ClipFiles;
import dev.imu2clip.clip.WeightsFile;
import dev.imu2clip.io.InputException;
import dev.imu2clip.train.PlotFonts;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** What this machine offers, and why something cannot be used. The field names are those of {@code doctor --json}. */
record Doctor(Jdk jdk, Machine machine, List<Device> backends, Plots plots, Cache cache, List<Found> clip) {
    record Jdk(String version, String vendor, String home, long maxHeapBytes) {}

    record Machine(String os, String arch, String cpu, List<String> isa, int cores, long memoryBytes, long freeMemoryBytes) {}

    /**
     * @param detail what it is, or why it cannot be used
     * @param more   its libraries
     */
    record Device(String name, boolean usable, List<String> devices, String detail, List<String> more) {}

    record Plots(boolean usable, String detail) {}

    record Cache(String folder, boolean exists, long bytes) {}

    /**
     * CLIP's weights or vocabulary.
     *
     * @param path null where none was found
     * @param used whether commands use it where nothing else is given
     * @param problem why the weights that commands would use cannot be; null where all is well
     */
    record Found(String what, String path, long bytes, boolean used, String problem) {
        Found(String what, Path file, boolean used) {
            this(what, file.toString(), file.toFile().length(), used, null);
        }
    }

    static Doctor examine() {
        Optional<String> fonts = PlotFonts.problem();
        return new Doctor(
                new Jdk(Runtime.version().toString(), property("java.vendor"), property("java.home"), Runtime.getRuntime().maxMemory()),
                detectMachine(), detectBackends(), new Plots(fonts.isEmpty(), fonts.orElse("fonts found")), detectCache(),
                List.of(find("weights", "ViT-B-32.pt", "model.safetensors"),
                        find("vocabulary", "bpe_simple_vocab_16e6.txt.gz", "vocab.json")));
    }

    /** The engine's own account of its backends. */
    private static List<Device> detectBackends() {
        return Backends.statuses().stream().map(s -> new Device(s.name(), s.usable(), s.devices(), s.detail(), s.more())).toList();
    }

    private static Machine detectMachine() {
        Cpu cpu = Cpu.detect();
        var bean = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        return new Machine(property("os.name") + " " + property("os.version"), property("os.arch"), cpu.model(), cpu.isa(),
                Runtime.getRuntime().availableProcessors(), bean.getTotalMemorySize(), bean.getFreeMemorySize());
    }

    private static Cache detectCache() {
        Path folder = CacheFolder.path();
        if (!Files.isDirectory(folder)) return new Cache(folder.toString(), false, 0);
        try (Stream<Path> files = Files.walk(folder)) {
            return new Cache(folder.toString(), true, files.mapToLong(file -> file.toFile().isFile() ? file.toFile().length() : 0).sum());
        } catch (IOException | UncheckedIOException e) {
            return new Cache(folder.toString(), true, 0);
        }
    }

    /** The first file of one of these names where commands look, else where it often lies: here, or where Hugging Face's tools keep it. */
    private static Found find(String what, String... names) {
        Path models = Path.of(property("user.home"), ".cache/huggingface/hub/models--openai--clip-vit-base-patch32/snapshots");
        Path used = ClipFiles.find().map(ClipFiles::weights).orElse(null);
        if (what.equals("weights") && used != null) {
            try {
                return new Found(what, WeightsFile.locate(used), true);
            } catch (InputException e) {
                return new Found(what, null, 0, false, e.getMessage());
            }
        }
        Path usedFolder = used == null || Files.isDirectory(used) ? used : used.getParent();
        Stream<Path> places = Stream.concat(Stream.ofNullable(usedFolder), Stream.concat(Stream.of(Path.of("")), folders(models)));
        for (Path folder : places.toList())
            for (String name : names) {
                Path file = folder.resolve(name).toAbsolutePath();
                if (Files.isRegularFile(file)) return new Found(what, file, folder.equals(usedFolder));
            }
        return new Found(what, null, 0, false, null);
    }

    private static Stream<Path> folders(Path parent) {
        try (Stream<Path> children = Files.list(parent)) {
            return children.toList().stream();
        } catch (IOException e) {
            return Stream.empty();
        }
    }

    private static String property(String name) {
        return System.getProperty(name);
    }
}
