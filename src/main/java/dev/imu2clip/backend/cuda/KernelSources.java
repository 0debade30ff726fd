package dev.imu2clip.backend.cuda;

import dev.imu2clip.io.CacheFolder;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Sha256;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The CUDA sources: which file holds which kernel, in which implementations, and how it is launched, read from the launch comments
 * ({@code kernels/common.cuh} has their language). They travel in the jar; {@code -Dimu2clip.kernels.dir=DIR} takes edited ones.
 */
final class KernelSources {
    /** One launch as it stands in a comment. The expressions are read when the kernel first runs. */
    record Launch(Path file, int line, String function, String grid, String block, String shared, String scratch, boolean cooperative,
                  String condition) {}

    private static final Pattern LAUNCH = Pattern.compile(
            "\\s*//\\s*launch\\s+(?<kernel>\\w+)(@(?<implementation>\\w+))?\\s*:\\s*(?<function>\\w+)\\s*<<<(?<sizes>.*)>>>(?<rest>.*)");
    private static final Pattern CONSTANT = Pattern.compile("\\s*constexpr\\s+int\\s+(\\w+)\\s*=\\s*(\\d+)\\s*;.*");
    private static final Pattern REST = Pattern.compile(
            "\\s*(scratch\\s+(?<scratch>.*?))?\\s*(?<cooperative>\\bcooperative\\b)?\\s*(\\bif\\s+(?<condition>.*))?");
    /** The implementation that has no name of its own. */
    static final String PLAIN = "cu";
    /** The one that is taken for float32 where TF32 is allowed and nothing else was chosen. */
    static final String TF32 = "tf32";

    private final Path folder;
    /** Kernel name, implementation name, launches in order. */
    private final Map<String, Map<String, List<Launch>>> launches = new TreeMap<>();
    private final Map<Path, Map<String, Long>> constants = new HashMap<>();
    private final String hash;

    private KernelSources(Path folder) throws IOException {
        this.folder = folder;
        StringBuilder headers = new StringBuilder();
        for (Path file : files(folder)) {
            String text = Files.readString(file);
            if (!file.toString().endsWith(".cu")) {
                headers.append(Sha256.of(text));
                readConstants(file, text);
            }
        }
        for (Path file : files(folder)) if (file.toString().endsWith(".cu")) read(file, Files.readString(file));
        this.hash = Sha256.of(headers.toString());
    }

    /**
     * The sources to use.
     *
     * @throws InputException for a folder without kernels or a launch comment that cannot be read, with file and line
     */
    static KernelSources open() {
        String chosen = System.getProperty("imu2clip.kernels.dir", "");
        try {
            if (chosen.isEmpty()) return new KernelSources(bundled());
            for (String needed : List.of("common.cuh", "emulated/driver.cpp"))
                if (!Files.isRegularFile(Path.of(chosen, needed)))
                    throw new InputException("imu2clip.kernels.dir=" + chosen + " holds no " + needed
                            + ": name a copy of the whole folder (cp -r kernels " + chosen + ")");
            return open(Path.of(chosen));
        } catch (IOException e) {
            throw new UncheckedIOException("the CUDA kernels cannot be read", e);
        }
    }

    /** The sources in a folder. */
    static KernelSources open(Path folder) throws IOException {
        return new KernelSources(folder.toAbsolutePath().normalize());
    }

    /** Where the program's own sources lie as files: compilers and debuggers want paths. */
    private static Path bundled() throws IOException {
        URL url = KernelSources.class.getResource("/kernels/common.cuh");
        if (url == null) throw new IOException("this build holds no CUDA kernels");
        try {
            URI uri = url.toURI();
            if (uri.getScheme().equals("file")) return Path.of(uri).getParent();
            try (FileSystem jar = FileSystems.newFileSystem(URI.create(uri.toString().substring(0, uri.toString().indexOf('!'))), Map.of())) {
                return extract(jar.getPath("/kernels"));
            }
        } catch (URISyntaxException e) {
            throw new IOException(e);
        }
    }

    /** A copy in the cache folder, under a name that says what is in it. */
    private static Path extract(Path from) throws IOException {
        List<Path> files = files(from);
        StringBuilder content = new StringBuilder();
        for (Path file : files) content.append(file).append(Sha256.of(Files.readString(file)));
        Path cache = CacheFolder.path().resolve("kernels"), target = cache.resolve("sources-" + Sha256.of(content.toString()).substring(0, 16));
        if (Files.isDirectory(target)) return target;
        Path temporary = Files.createDirectories(cache).resolve("." + UUID.randomUUID() + ".tmp");
        for (Path file : files) {
            Path to = temporary.resolve(from.relativize(file).toString());
            Files.createDirectories(to.getParent());
            Files.copy(file, to, StandardCopyOption.REPLACE_EXISTING);
        }
        try {
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            if (!Files.isDirectory(target)) throw e; // else another process was first
        }
        return target;
    }

    private static List<Path> files(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder, 2)) {
            return files.filter(file -> file.toString().matches(".*\\.(cu|cuh|h|cpp)")).sorted().toList();
        }
    }

    private void readConstants(Path file, String text) {
        Map<String, Long> found = new HashMap<>();
        text.lines().map(CONSTANT::matcher).filter(Matcher::matches).forEach(m -> found.put(m.group(1), Long.parseLong(m.group(2))));
        constants.put(file, found);
    }

    private void read(Path file, String text) {
        readConstants(file, text);
        int number = 0;
        for (String line : text.lines().toList()) {
            number++;
            if (!line.stripLeading().startsWith("// launch ")) continue;
            Matcher matcher = LAUNCH.matcher(line);
            List<String> sizes = matcher.matches() ? split(matcher.group("sizes")) : List.of();
            Matcher rest = REST.matcher(matcher.matches() ? matcher.group("rest") : "");
            if (sizes.size() < 2 || sizes.size() > 3 || !rest.matches())
                throw new InputException(file + ":" + number + ": this is no launch: write '// launch kernel[@implementation]: "
                        + "function<<<grid, block[, shared bytes]>>> [scratch bytes] [cooperative] [if condition]'");
            String implementation = matcher.group("implementation") == null ? PLAIN : matcher.group("implementation");
            List<Launch> all = launches.computeIfAbsent(matcher.group("kernel"), _ -> new LinkedHashMap<>())
                    .computeIfAbsent(implementation, _ -> new ArrayList<>());
            if (!all.isEmpty() && !all.getFirst().file.equals(file))
                throw new InputException(file + ":" + number + ": kernel " + matcher.group("kernel") + " is launched in "
                        + all.getFirst().file + " already: an implementation stands in one file");
            all.add(new Launch(file, number, matcher.group("function"), sizes.get(0), sizes.get(1), sizes.size() == 3 ? sizes.get(2) : "0",
                            rest.group("scratch") == null ? "0" : rest.group("scratch"), rest.group("cooperative") != null,
                            rest.group("condition") == null ? "1" : rest.group("condition")));
        }
    }

    /** At commas outside of parentheses. */
    static List<String> split(String text) {
        List<String> parts = new ArrayList<>();
        int depth = 0, from = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '(') depth++;
            else if (c == ')') depth--;
            else if (c == ',' && depth == 0) {
                parts.add(text.substring(from, i).strip());
                from = i + 1;
            }
        }
        parts.add(text.substring(from).strip());
        return parts;
    }

    Path folder() {
        return folder;
    }

    /** Implementations of a kernel, the plain one first; empty where there is none. */
    Map<String, List<Launch>> implementations(String kernel) {
        return launches.getOrDefault(kernel, Map.of());
    }

    /** Every kernel that has a launch comment. */
    java.util.Set<String> kernels() {
        return launches.keySet();
    }

    /** All .cu files. */
    List<Path> cuFiles() {
        try {
            return files(folder).stream().filter(file -> file.toString().endsWith(".cu")).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Constants of a file and of the headers beside it. */
    Map<String, Long> constants(Path file) {
        Map<String, Long> all = new HashMap<>();
        constants.forEach((from, values) -> {
            if (!from.toString().endsWith(".cu")) all.putAll(values);
        });
        all.putAll(constants.getOrDefault(file, Map.of()));
        return all;
    }

    /** What a compiled file depends on: its text and all headers. */
    String hash(Path file) {
        try {
            return Sha256.of(hash + Files.readString(file));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public String toString() {
        return launches.keySet().stream().collect(Collectors.joining(", ", folder + ": ", ""));
    }
}
