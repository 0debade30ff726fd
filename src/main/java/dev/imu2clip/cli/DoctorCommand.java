package dev.imu2clip.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(name = "doctor", mixinStandardHelpOptions = true,
        description = {"Tells what this machine offers (Java, processor, backends, fonts, CLIP files), and why something cannot be used.",
            ""},
        footerHeading = "%nExamples:%n", footer = {"  imu2clip doctor", "  imu2clip doctor --json"})
final class DoctorCommand implements Callable<Integer> {
    @Option(names = "--json", description = "Print JSON.")
    boolean json;

    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec;

    @Override
    public Integer call() throws JsonProcessingException {
        PrintWriter out = spec.commandLine().getOut();
        Doctor doctor = Doctor.examine();
        if (json) out.println(new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValueAsString(doctor));
        else print(doctor, out);
        return Main.OK;
    }

    private static void print(Doctor doctor, PrintWriter out) {
        Doctor.Machine machine = doctor.machine();
        line(out, "Java", doctor.jdk().version() + ", " + doctor.jdk().vendor() + ", " + doctor.jdk().home());
        line(out, "Heap", "may grow to " + size(doctor.jdk().maxHeapBytes()));
        line(out, "System", machine.os() + ", " + machine.arch());
        line(out, "Processor", machine.cpu() + ", " + machine.cores() + (machine.cores() == 1 ? " core" : " cores"));
        line(out, "ISA", machine.isa().isEmpty() ? "not known" : String.join(" ", machine.isa()));
        line(out, "Memory", size(machine.memoryBytes()) + ", " + size(machine.freeMemoryBytes()) + " free");
        for (Doctor.Device backend : doctor.backends()) {
            String devices = backend.devices().isEmpty() ? "" : " (" + String.join(", ", backend.devices()) + ")";
            line(out, "Backend", (backend.usable() ? "[ok] " : "[no] ") + backend.name() + devices + ": " + backend.detail());
            backend.more().forEach(more -> line(out, "", "     " + more));
        }
        line(out, "Plots", (doctor.plots().usable() ? "[ok] " : "[no] ") + doctor.plots().detail());
        line(out, "Cache", doctor.cache().folder() + (doctor.cache().exists() ? ", " + size(doctor.cache().bytes()) : ", not made yet"));
        for (Doctor.Found found : doctor.clip()) line(out, "CLIP", found(found));
    }

    private static String found(Doctor.Found found) {
        String option = found.what().equals("weights") ? "--clip" : "--vocab";
        if (found.problem() != null) return "[no] " + found.what() + ": " + found.problem();
        if (found.path() == null) return "[no] " + found.what() + ": none found. Run: imu2clip download clip-vit-b-32; or give " + option;
        return (found.used() ? "[ok] " : "[no] ") + found.what() + ": " + found.path() + ", " + size(found.bytes())
                + (found.used() ? "" : "; not used unless given with " + option);
    }

    private static void line(PrintWriter out, String title, String text) {
        out.printf("%-10s %s%n", title, text);
    }

    static String size(long bytes) {
        String[] units = {"B", "KiB", "MiB", "GiB", "TiB"};
        int unit = 0;
        double size = bytes;
        for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024;
        return String.format(Locale.ROOT, unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
    }
}
