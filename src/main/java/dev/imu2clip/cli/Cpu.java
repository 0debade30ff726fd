package dev.imu2clip.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** The processor, as the system describes it. Only for people to read: the kernels ask the processor itself. */
record Cpu(String model, List<String> isa) {
    /** The instruction sets that matter for arithmetic, as Linux writes them, x86 and Arm. */
    private static final List<String> KNOWN = List.of("sse4_2", "avx", "f16c", "fma", "avx2", "avx_vnni", "avx512f", "avx512dq", "avx512bw",
            "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "asimd", "asimdhp", "asimddp", "i8mm", "bf16",
            "sve", "sve2", "sme");

    static Cpu detect() {
        Path info = Path.of("/proc/cpuinfo");
        if (!Files.isReadable(info)) return mac();
        try {
            List<String> lines = Files.readAllLines(info);
            List<String> flags = Arrays.asList(value(lines, "flags").or(() -> value(lines, "Features")).orElse("").split(" "));
            String model = value(lines, "model name").or(() -> value(lines, "Model")).orElse(System.getProperty("os.arch"));
            return new Cpu(model, KNOWN.stream().filter(flags::contains).toList());
        } catch (IOException e) {
            return new Cpu(System.getProperty("os.arch"), List.of());
        }
    }

    private static Optional<String> value(List<String> lines, String key) {
        return lines.stream().filter(line -> line.substring(0, Math.max(0, line.indexOf(':'))).strip().equals(key))
                .map(line -> line.substring(line.indexOf(':') + 1).strip()).findFirst();
    }

    private static Cpu mac() {
        String arch = System.getProperty("os.arch");
        String features = sysctl("machdep.cpu.features").orElse("") + " " + sysctl("machdep.cpu.leaf7_features").orElse("");
        List<String> flags = Arrays.asList(features.toLowerCase(Locale.ROOT).replace('.', '_').split(" "));
        List<String> isa = arch.equals("aarch64") ? List.of("asimd") : KNOWN.stream().filter(flags::contains).toList();
        return new Cpu(sysctl("machdep.cpu.brand_string").orElse(arch), isa);
    }

    private static Optional<String> sysctl(String name) {
        try {
            Process process = new ProcessBuilder("sysctl", "-n", name).redirectError(ProcessBuilder.Redirect.DISCARD).start();
            String text = new String(process.getInputStream().readAllBytes()).strip();
            boolean known = process.waitFor(2, TimeUnit.SECONDS) && process.exitValue() == 0 && !text.isEmpty();
            return known ? Optional.of(text) : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        }
    }
}
