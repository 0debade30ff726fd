package dev.imu2clip.train;

import com.fasterxml.jackson.databind.JsonNode;
import dev.imu2clip.io.AtomicFile;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.TreeSet;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * Draws a {@link MetricsLog} as a picture of up to three panels over the steps: {@code train_loss} (raw and smoothed) with
 * {@code val_loss}; {@code temperature}; and whatever begins with {@code val_} and ends with MRR or R@k.
 */
public final class LossPlot {
    private static final int WIDTH = 1100;
    private static final int LOSS_HEIGHT = 460;
    private static final int SMALL_HEIGHT = 280;
    /** Room for the labels of the vertical axes: the same in all panels, so that the steps lie above each other. */
    private static final int AXIS_WIDTH = 70;
    /** The time constant of the smoothed curve, as a share of the points there are. */
    private static final double SMOOTHING = 1 / 40.0;
    private static final Pattern RETRIEVAL = Pattern.compile("val_.*(MRR|R@\\d+)");

    private static final Color INK = new Color(0x22, 0x2b, 0x36);
    private static final Color GRID = new Color(0xe4, 0xe8, 0xec);
    private static final Color PALE = new Color(0xc3, 0xd5, 0xea);
    private static final Color TRANSPARENT = new Color(0, true);
    private static final Color[] COLORS = {new Color(0x1f, 0x5f, 0xa8), new Color(0xd9, 0x5f, 0x02), new Color(0x1b, 0x8a, 0x5a),
        new Color(0x8e, 0x44, 0xad), new Color(0xc0, 0x39, 0x2b), new Color(0x7f, 0x8c, 0x8d)};

    private LossPlot() {}

    /**
     * Writes the picture as PNG.
     *
     * @return what went wrong, in one line, when no picture could be drawn: no fonts, or nothing to draw. A run does not fail for that.
     */
    public static Optional<String> write(Path png, List<JsonNode> log, String title) {
        Optional<String> fonts = PlotFonts.problem();
        if (fonts.isPresent()) return Optional.of("no loss curves: " + fonts.get());
        List<XYChart> panels = panels(log, title);
        if (panels.isEmpty()) return Optional.of("no loss curves: the log holds no losses yet");
        try {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            ImageIO.write(paint(panels), "png", bytes);
            AtomicFile.write(png, channel -> AtomicFile.writeFully(channel, ByteBuffer.wrap(bytes.toByteArray())));
            return Optional.empty();
        } catch (IOException | RuntimeException | LinkageError | InternalError e) {
            return Optional.of("no loss curves: drawing failed (" + e + ")");
        }
    }

    private static List<XYChart> panels(List<JsonNode> log, String title) {
        List<XYChart> panels = new ArrayList<>();
        double lastStep = log.stream().mapToDouble(line -> line.path("step").asDouble()).max().orElse(0);
        Curve train = Curve.of(log, "train_loss");
        Curve validation = Curve.of(log, "val_loss");
        if (!train.isEmpty() || !validation.isEmpty()) {
            XYChart chart = panel(title, "loss", LOSS_HEIGHT, lastStep);
            if (!train.isEmpty()) {
                line(chart, "train", train, PALE, 1, false);
                line(chart, "train, smoothed", train.smoothed(Math.max(1, train.size() * SMOOTHING)), COLORS[0], 2.2f, false);
            }
            if (!validation.isEmpty()) line(chart, "validation", validation, COLORS[1], 2.2f, true);
            panels.add(chart);
        }
        Curve temperature = Curve.of(log, "temperature");
        if (!temperature.isEmpty()) {
            XYChart chart = panel(null, "temperature", SMALL_HEIGHT, lastStep);
            chart.getStyler().setLegendVisible(false);
            line(chart, "temperature", temperature, COLORS[2], 2.2f, false);
            panels.add(chart);
        }
        // R@5 before R@10.
        TreeSet<String> names = new TreeSet<>(Comparator.comparingInt(String::length).thenComparing(Comparator.naturalOrder()));
        for (JsonNode line : log) line.fieldNames().forEachRemaining(name -> { if (RETRIEVAL.matcher(name).matches()) names.add(name); });
        if (!names.isEmpty()) {
            XYChart chart = panel(null, "validation retrieval", SMALL_HEIGHT, lastStep);
            chart.getStyler().setYAxisMin(0.0).setYAxisMax(1.0).setLegendPosition(LegendPosition.InsideNW);
            int color = 0;
            for (String name : names)
                line(chart, name.substring(4).replace('_', ' '), Curve.of(log, name), COLORS[color++ % COLORS.length], 2, true);
            panels.add(chart);
        }
        return panels;
    }

    private static XYChart panel(String title, String what, int height, double lastStep) {
        XYChart chart = new XYChartBuilder().width(WIDTH).height(height).title(title == null ? "" : title)
                .xAxisTitle("step").yAxisTitle(what).build();
        Font small = new Font(Font.SANS_SERIF, Font.PLAIN, 13);
        chart.getStyler().setChartBackgroundColor(Color.WHITE).setChartFontColor(INK).setChartTitleVisible(title != null)
                .setChartTitleFont(new Font(Font.SANS_SERIF, Font.BOLD, 16)).setChartTitlePadding(12).setChartTitleBoxVisible(false)
                .setPlotBorderVisible(false).setLegendPosition(LegendPosition.InsideNE).setLegendBorderColor(GRID).setLegendFont(small);
        chart.getStyler().setPlotGridLinesColor(GRID).setPlotGridLinesStroke(new BasicStroke(1)).setPlotGridVerticalLinesVisible(false)
                .setAxisTickLabelsFont(small).setAxisTitleFont(small).setAxisTickMarksColor(GRID).setAxisTickLabelsColor(INK)
                .setYAxisDecimalPattern("0.###").setXAxisMin(0.0)
                .setXAxisMax(lastStep).setYAxisLeftWidthHint(AXIS_WIDTH);
        chart.getStyler().setxAxisTickLabelsFormattingFunction(step -> String.format(Locale.ROOT, "%,.0f", step));
        return chart;
    }

    private static void line(XYChart chart, String name, Curve curve, Color color, float width, boolean dots) {
        if (chart.getSeriesMap().isEmpty()) addUnevenPoints(chart, curve);
        XYSeries series = chart.addSeries(name, curve.steps(), curve.values());
        series.setLineColor(color).setLineWidth(width);
        series.setMarker(dots ? SeriesMarkers.CIRCLE : SeriesMarkers.NONE).setMarkerColor(color);
    }

    /** Where all points are equally spaced XChart labels points, not round numbers; two invisible ones off the grid keep it from that. */
    private static void addUnevenPoints(XYChart chart, Curve curve) {
        double last = chart.getStyler().getXAxisMax();
        double value = curve.values()[0];
        XYSeries points = chart.addSeries("uneven", new double[] {0, last * 0.31, last}, new double[] {value, value, value});
        points.setMarker(SeriesMarkers.NONE).setLineColor(TRANSPARENT).setShowInLegend(false);
    }

    private static BufferedImage paint(List<XYChart> panels) {
        BufferedImage picture = new BufferedImage(WIDTH, panels.stream().mapToInt(XYChart::getHeight).sum(), BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = picture.createGraphics();
        try {
            for (XYChart panel : panels) {
                panel.paint(graphics, WIDTH, panel.getHeight());
                graphics.translate(0, panel.getHeight());
            }
        } finally {
            graphics.dispose();
        }
        return picture;
    }

    /** The finite values of one name over the steps. */
    private record Curve(double[] steps, double[] values) {
        static Curve of(List<JsonNode> log, String name) {
            List<JsonNode> lines = log.stream().filter(line -> line.path(name).isNumber() && line.path("step").isNumber()).toList();
            return new Curve(lines.stream().mapToDouble(line -> line.get("step").asDouble()).toArray(),
                    lines.stream().mapToDouble(line -> line.get(name).asDouble()).toArray());
        }

        boolean isEmpty() {
            return steps.length == 0;
        }

        int size() {
            return steps.length;
        }

        /** Exponential moving average over {@code constant} points, corrected for its start as Adam's means are. */
        Curve smoothed(double constant) {
            double keep = 1 - 1 / constant;
            double sum = 0;
            double weight = 0;
            double[] means = new double[values.length];
            for (int i = 0; i < values.length; i++) {
                sum = keep * sum + values[i];
                weight = keep * weight + 1;
                means[i] = sum / weight;
            }
            return new Curve(steps, means);
        }
    }
}
