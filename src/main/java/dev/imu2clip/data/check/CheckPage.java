package dev.imu2clip.data.check;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** {@code check.html}: a report as one page that needs no other file. A table of all recordings, and plots of each, the worst first. */
final class CheckPage {
    /** Recordings with plots, some 20 kB each: a page of more would be slow to open. All are in the table. */
    private static final int PLOTTED = 200;
    private static final int NAMED = 12;
    private static final int WIDTH = 560;
    private static final String STYLE = """
            body{font:14px/1.45 system-ui,sans-serif;margin:24px auto;max-width:1180px;padding:0 16px;color:#1b1f24;background:#fff}
            h1{font-size:22px;margin:0 0 4px}h2{font-size:17px;margin:28px 0 8px}p{margin:4px 0}
            table{border-collapse:collapse;width:100%}
            th,td{text-align:left;padding:5px 8px;border-bottom:1px solid #e3e6ea;vertical-align:top}
            th{font-weight:600;color:#57606a;white-space:nowrap}td.n,th.n{text-align:right;white-space:nowrap}td.u{word-break:break-all}
            .tag{display:inline-block;min-width:58px;text-align:center;border-radius:9px;padding:0 8px;font-size:12px;font-weight:600}
            .ok{background:#dcf3e3;color:#12602c}.warning{background:#fff0c9;color:#7a4b00}.bad{background:#ffdcd9;color:#9b1c13}
            details{border:1px solid #d5d9de;border-radius:8px;margin:8px 0;padding:0 14px}
            summary{cursor:pointer;padding:9px 0;font-weight:600}
            summary .tag{margin-right:8px}.facts{color:#57606a;font-weight:400}ul{margin:4px 0 8px;padding-left:20px}
            .plots{display:grid;grid-template-columns:1fr 1fr;gap:6px 18px;padding-bottom:12px}figure{margin:0}
            figcaption{font-weight:600;font-size:12.5px;margin-top:6px}
            figcaption span{font-weight:400;color:#57606a}.wide{grid-column:1/3}svg{width:100%;height:auto;display:block}
            svg text{font:10px system-ui,sans-serif;fill:#57606a}.grid{stroke:#e6e9ed;fill:none}.c0{stroke:#c8442f}.c1{stroke:#2b8a3e}
            .c2{stroke:#2962c4}
            .c0,.c1,.c2{stroke-opacity:.65;fill:none}.bar{fill:#5577aa}.curve{stroke:#2962c4;fill:none;stroke-width:1.5}
            .range{fill:#2962c4;fill-opacity:.18}
            .mark{fill:#c8442f}.track{fill:#dcf3e3}.lost{fill:#c8442f;fill-opacity:.55}.x{color:#c8442f}.y{color:#2b8a3e}.z{color:#2962c4}
            figcaption .x,figcaption .y,figcaption .z{font-weight:600}figcaption .x{color:#c8442f}figcaption .y{color:#2b8a3e}figcaption .z{color:#2962c4}
            @media(max-width:800px){.plots{grid-template-columns:1fr}.wide{grid-column:auto}}
            """;
    private static final String AXES = " <span class=\"x\">x</span> <span class=\"y\">y</span> <span class=\"z\">z</span>";

    private final StringBuilder out = new StringBuilder();

    private CheckPage() {}

    static String of(CheckReport report) {
        return new CheckPage().page(report);
    }

    private String page(CheckReport report) {
        String title = "Data check: " + Html.escape(report.name());
        out.append("<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\"><head><meta charset=\"utf-8\"/>"
                + "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/><title>").append(title)
                        .append("</title><style>").append(STYLE)
                .append("</style></head><body>\n<h1>").append(title).append("</h1>\n");
        overview(report);
        List<RecordingReport> worstFirst = report.recordings().stream().sorted(Comparator.comparing(RecordingReport::status).reversed()
                .thenComparing(RecordingReport::uid)).toList();
        table(worstFirst);
        out.append("<h2>Each recording</h2>\n");
        for (int i = 0; i < Math.min(PLOTTED, worstFirst.size()); i++) details(worstFirst.get(i), i);
        if (worstFirst.size() > PLOTTED)
            out.append("<p>Plots of ").append(worstFirst.size() - PLOTTED)
                    .append(" more recordings are left out; check.json has their numbers.</p>\n");
        return out.append("</body></html>\n").toString();
    }

    private void overview(CheckReport report) {
        int lost = report.recordings().stream().mapToInt(recording -> recording.rejected().size()).sum();
        out.append("<p>").append(report.recordings().size()).append(" recordings: ");
        report.counts().forEach((status, count) -> out.append("<span class=\"tag ").append(status).append("\">").append(count).append(' ')
                .append(status)
                .append("</span> "));
        out.append("&#160; ").append(report.windows() - lost).append(" of ").append(report.windows()).append(" windows can be used.</p>\n");
        if (report.rejected().isEmpty()) return;
        out.append("<h2>Windows that cannot be used</h2>\n<table><tr><th>windows</th><th>reason</th><th class=\"n\">number</th></tr>\n");
        report.rejected().forEach((rule, reasons) -> reasons.forEach((reason, count) -> row(rule, reason, count)));
        out.append("</table>\n");
    }

    private void row(String rule, String reason, int count) {
        out.append("<tr><td>").append(Html.escape(rule)).append("</td><td>").append(Html.escape(reason)).append("</td><td class=\"n\">")
                .append(count)
                .append("</td></tr>\n");
    }

    private void table(List<RecordingReport> recordings) {
        out.append("<h2>Recordings</h2>\n<table><tr><th>status</th><th>recording</th><th class=\"n\">length</th><th class=\"n\">rate</th>"
                + "<th class=\"n\">|accel|</th><th>gravity</th><th class=\"n\">film lag</th><th class=\"n\">windows lost</th><th>found</th></tr>\n");
        for (int i = 0; i < recordings.size(); i++) {
            RecordingReport r = recordings.get(i);
            out.append("<tr><td>").append(tag(r.status())).append("</td><td class=\"u\">");
            out.append(i < PLOTTED ? "<a href=\"#r" + i + "\">" + Html.escape(r.uid()) + "</a>" : Html.escape(r.uid()));
            cell(r.clock() == null ? "" : time(r.clock().lastSec() - r.clock().firstSec()));
            cell(r.clock() == null ? "" : String.format(Locale.ROOT, "%.1f Hz", r.clock().rateHz()));
            cell(r.gravity() == null ? "" : String.format(Locale.ROOT, "%.2f", r.gravity().length()));
            out.append("</td><td>").append(r.gravity() == null ? "" : r.gravity().axis());
            cell(r.lag() == null ? "" : r.lag().determinable() ? String.format(Locale.ROOT, "%+.3f s", r.lag().lagSec()) : "?");
            cell(r.rejected().size() + " / " + r.windows());
            out.append("</td><td>").append(String.join(", ", r.findings().stream().map(f -> Html.escape(f.code())).distinct().toList()))
                    .append("</td></tr>\n");
        }
        out.append("</table>\n");
    }

    private void cell(String text) {
        out.append("</td><td class=\"n\">").append(Html.escape(text));
    }

    private static String tag(Status status) {
        return "<span class=\"tag " + status.id() + "\">" + status.id() + "</span>";
    }

    private static String time(double seconds) {
        return seconds < 120 ? String.format(Locale.ROOT, "%.1f s", seconds) : String.format(Locale.ROOT, "%.1f min", seconds / 60);
    }

    private void details(RecordingReport r, int number) {
        out.append("<details id=\"r").append(number).append('"').append(number == 0 || r.status() == Status.BAD && number < NAMED
                ? " open=\"open\"" : "")
                .append("><summary>").append(tag(r.status())).append(Html.escape(r.uid())).append("</summary>\n");
        if (!r.findings().isEmpty()) {
            out.append("<ul>");
            r.findings().forEach(f -> out.append("<li>").append(tag(f.status())).append(' ').append(Html.escape(f.text())).append("</li>"));
            out.append("</ul>\n");
        }
        out.append("<ul class=\"facts\">");
        facts(r).forEach(fact -> out.append("<li>").append(Html.escape(fact)).append("</li>"));
        out.append("</ul>\n<div class=\"plots\">\n");
        if (r.envelope() != null && r.envelope().toSec() > r.envelope().fromSec()) {
            figure("Accelerometer, m/s²" + AXES, "", envelope(r, 0, "m/s²"));
            figure("Gyroscope, rad/s" + AXES, "", envelope(r, 3, "rad/s"));
        }
        if (r.clock() != null && r.clock().histogram().length > 0)
            figure("Steps of the clock", "number by length; what is longer is in the last bar", histogram(r.clock()));
        if (r.lag() != null && r.lag().curve().length > 0)
            figure("Film against gyroscope", "explained share of the picture's movement by lag; the interval of 90 %; what is needed",
                    lag(r.lag()));
        if (r.envelope() != null && r.envelope().toSec() > r.envelope().fromSec() && r.windows() > 0) strips(r);
        out.append("</div>\n");
        lost(r);
        out.append("</details>\n");
    }

    private static List<String> facts(RecordingReport r) {
        List<String> facts = new ArrayList<>();
        if (r.clock() != null)
            facts.add(r.clock().samples() + " samples from " + Numbers.of(r.clock().firstSec()) + " to " + Numbers.of(r.clock().lastSec())
                    + " s; steps of "
                    + Numbers.of(r.clock().medianMs()) + " ms (mean " + Numbers.of(r.clock().meanMs()) + ", jitter "
                            + Numbers.of(r.clock().jitterMs()) + ")");
        if (r.gravity() != null)
            facts.add("Gravity " + (r.gravity().rest() ? "at rest" : "where it is calmest") + ": " + Numbers.of(r.gravity().length())
                    + " m/s², mean ("
                    + Numbers.of(r.gravity().mean()[0]) + ", " + Numbers.of(r.gravity().mean()[1]) + ", "
                            + Numbers.of(r.gravity().mean()[2]) + "), mostly on "
                    + r.gravity().axis());
        if (r.turning() != null)
            facts.add("Turning of gravity against the gyroscope: correlation " + Numbers.of(r.turning().correlation())
                    + ", best with axes ("
                    + r.turning().bestAxes() + ") " + Numbers.of(r.turning().bestCorrelation()));
        if (r.lag() != null) {
            facts.add("Film behind motion: " + r.lag().text());
            if (r.lag().right() != null) facts.add("The picture moves right with " + part(r.lag().right()) + ", down with "
                    + part(r.lag().down())
                    + ". Focal length " + Math.round(r.lag().focal()) + " pixels of 224, a view of " + Math.round(r.lag().viewDegrees())
                            + "°"
                    + (r.lag().plausible() ? "" : ", at the bound of what lenses have"));
        }
        return facts;
    }

    private static String part(Lag.Part part) {
        return part.axis() + " (R² " + Numbers.of(Math.max(0, part.r2())) + ")";
    }

    /** @param caption HTML; @param note text */
    private void figure(String caption, String note, String plot) {
        out.append("<figure><figcaption>").append(caption).append(note.isEmpty() ? "" : " <span>" + Html.escape(note) + "</span>")
                .append("</figcaption>")
                .append(plot).append("</figure>\n");
    }

    private static String envelope(RecordingReport r, int sensor, String unit) {
        Envelope e = r.envelope();
        double least = 0, largest = 0;
        for (int c = sensor; c < sensor + 3; c++) {
            for (int i = 0; i < Envelope.COLUMNS; i++) {
                if (Float.isNaN(e.least()[c][i])) continue;
                least = Math.min(least, e.least()[c][i]);
                largest = Math.max(largest, e.largest()[c][i]);
            }
        }
        Svg svg = new Svg(WIDTH, 170, sensor == 0 ? "accelerometer over time" : "gyroscope over time").axes(e.fromSec(), e.toSec(), "s",
                least, largest, unit);
        for (int c = sensor; c < sensor + 3; c++) svg.envelope(e.least()[c], e.largest()[c], "c" + (c - sensor));
        return svg.end();
    }

    private static String histogram(ClockCheck clock) {
        int[] bars = clock.histogram();
        double largest = 1;
        for (int bar : bars) largest = Math.max(largest, Math.log10(1 + bar));
        double to = clock.histogramFromMs() + bars.length * clock.histogramBinMs();
        Svg svg = new Svg(WIDTH, 150, "histogram of steps").axes(clock.histogramFromMs(), to, "ms", 0, largest, "log10(1 + number)");
        for (int i = 0; i < bars.length; i++) {
            double from = clock.histogramFromMs() + i * clock.histogramBinMs();
            if (bars[i] > 0) svg.box(from, from + clock.histogramBinMs(), 0, Math.log10(1 + bars[i]), "bar", bars[i] + " steps");
        }
        return svg.end();
    }

    private static String lag(Lag lag) {
        double reach = (lag.curve().length - 1) / 2 * GyroIntegral.STEP_SEC, largest = 0;
        for (double v : lag.curve()) largest = Math.max(largest, v);
        Svg svg = new Svg(WIDTH, 150, "explained share by lag").axes(-reach, reach, "s", 0, Math.max(largest, Bounds.LAG_R2), "R²");
        svg.box(lag.interval()[0], lag.interval()[1], svg.bottom(), svg.top(), "range", lag.text());
        double line = (svg.top() - svg.bottom()) / 150;
        svg.box(-reach, reach, Bounds.LAG_R2 - line / 2, Bounds.LAG_R2 + line / 2, "mark", "needed: " + Bounds.LAG_R2);
        return svg.line(lag.curve(), "curve").end();
    }

    /** One strip for each rule: green where a recording lasts, red where a window is lost. */
    private void strips(RecordingReport r) {
        Map<String, List<LostWindow>> byRule = new TreeMap<>();
        for (LostWindow lost : r.rejected()) byRule.computeIfAbsent(lost.rule(), _ -> new ArrayList<>()).add(lost);
        byRule.forEach((rule, windows) -> {
            double to = windows.stream().mapToDouble(LostWindow::end).max().orElse(0);
            Svg svg = new Svg(2 * WIDTH, 46, "lost windows over time").axes(r.envelope().fromSec(), Math.max(to, r.envelope().toSec()),
                    "s", 0, 0, "");
            svg.box(r.envelope().fromSec(), r.envelope().toSec(), svg.bottom(), svg.top(), "track", "");
            for (LostWindow lost : windows) svg.box(lost.start(), lost.end(), svg.bottom(), svg.top(), "lost", lost.start() + " .. "
                    + lost.end() + " s: "
                    + lost.reason());
            out.append("<figure class=\"wide\"><figcaption>Lost windows, ").append(Html.escape(rule)).append(" <span>")
                    .append(windows.size())
                    .append("</span></figcaption>").append(svg.end()).append("</figure>\n");
        });
    }

    /** Neighbours that are lost for the same reason share a row. */
    private void lost(RecordingReport r) {
        List<LostWindow> all = r.rejected();
        if (all.isEmpty()) return;
        out.append("<table><tr><th>lost windows</th><th class=\"n\">number</th><th class=\"n\">from s</th><th class=\"n\">to s</th><th>reason</th>"
                + "<th>detail</th></tr>\n");
        int rows = 0, next = 0;
        while (next < all.size() && rows++ < NAMED) {
            LostWindow first = all.get(next);
            int from = next;
            while (next < all.size() && same(first, all.get(next))) next++;
            out.append("<tr><td>").append(Html.escape(first.rule()));
            cell("" + (next - from));
            cell(Numbers.of(first.start()));
            cell(Numbers.of(all.get(next - 1).end()));
            out.append("</td><td>").append(Html.escape(first.reason())).append("</td><td>").append(Html.escape(first.detail()))
                    .append("</td></tr>\n");
        }
        out.append("</table>\n");
        if (next < all.size()) out.append("<p class=\"facts\">and ").append(all.size() - next).append(" more, see check.json</p>\n");
    }

    private static boolean same(LostWindow a, LostWindow b) {
        return a.rule().equals(b.rule()) && a.reason().equals(b.reason()) && a.detail().equals(b.detail());
    }
}
