package dev.imu2clip.cli;

import dev.imu2clip.clip.EmbedImages;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;

/** What {@code embed image} and {@code embed video} say when they are finished. */
final class EmbedReport {
    private EmbedReport() {}

    /**
     * @param rows   what a row is, in the plural
     * @param images what the tower sees, in the plural
     */
    static void print(EmbedImages.Report report, String rows, String images, int width, Path out, long nanos, PrintWriter say,
            PrintWriter err) {
        report.skipped().forEach(why -> err.println("skipped: " + why));
        double seconds = nanos / 1e9;
        say.printf(Locale.ROOT, "Embeddings of %d %s, %d numbers each, written to %s%n", report.rows(), rows, width, out);
        if (report.list() != null) say.println("What the rows are: " + report.list());
        say.printf(Locale.ROOT, "%d %s computed, %d known before; %.1f s, %.1f %s/s", report.computed(), images, report.known(), seconds,
                report.rows() / seconds, rows);
        if (!report.skipped().isEmpty()) say.print("; " + report.skipped().size() + " skipped");
        if (report.others() > 0) say.print("; " + report.others() + " other files left out");
        say.println();
    }
}
