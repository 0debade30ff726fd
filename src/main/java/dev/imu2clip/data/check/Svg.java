package dev.imu2clip.data.check;

import java.util.Locale;

/** A plot as inline SVG: a frame with an axis of values and one of places, and what is drawn into it. Coordinates are whole pixels. */
final class Svg {
    private static final int LEFT = 46, RIGHT = 10, TOP = 8, BOTTOM = 20;
    private final StringBuilder out = new StringBuilder();
    private final int width;
    private final int height;
    private double x0, x1, y0, y1;

    /** @param title for those who cannot see it */
    Svg(int width, int height, String title) {
        this.width = width;
        this.height = height;
        out.append("<svg viewBox=\"0 0 ").append(width).append(' ').append(height).append("\" role=\"img\"><title>")
                .append(Html.escape(title))
                .append("</title>");
    }

    /** Sets the ranges, draws a grid, numbers and units. A range of values that is empty gets no marks. */
    Svg axes(double fromX, double toX, String unitX, double fromY, double toY, String unitY) {
        x0 = fromX;
        x1 = toX > fromX ? toX : fromX + 1;
        double margin = (toY > fromY ? toY - fromY : 1) * 0.05;
        y0 = fromY - margin;
        y1 = Math.max(toY, fromY) + margin;
        out.append("<path class=\"grid\" d=\"");
        double stepX = step(x1 - x0, 8), stepY = step(y1 - y0, 4);
        for (double v = Math.ceil(x0 / stepX) * stepX; v <= x1 + 1e-9 * stepX; v += stepX) out.append('M').append(x(v)).append(' ')
                .append(TOP).append('V').append(height - BOTTOM);
        boolean marks = toY > fromY;
        for (double v = Math.ceil(y0 / stepY) * stepY; marks && v <= y1; v += stepY) out.append('M').append(LEFT).append(' ').append(y(v))
                .append('H').append(width - RIGHT);
        out.append("\"/>");
        for (double v = Math.ceil(x0 / stepX) * stepX; v <= x1 - 0.03 * (x1 - x0); v += stepX)
            text(x(v), height - 6, "middle", number(v, stepX));
        text(width - RIGHT, height - 6, "end", unitX);
        for (double v = Math.ceil(y0 / stepY) * stepY; marks && v <= y1; v += stepY) text(LEFT - 4, y(v) + 3, "end", number(v, stepY));
        text(LEFT + 4, TOP + 10, "start", unitY);
        return this;
    }

    private static double step(double range, int marks) {
        double raw = range / marks, power = Math.pow(10, Math.floor(Math.log10(raw)));
        return power * (raw / power <= 1 ? 1 : raw / power <= 2 ? 2 : raw / power <= 5 ? 5 : 10);
    }

    private static String number(double v, double step) {
        return String.format(Locale.ROOT, "%." + (int) Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) + "f",
                v).replaceFirst("^-(0(\\.0*)?)$", "$1");
    }

    private int x(double v) {
        return (int) Math.round(LEFT + Math.clamp((v - x0) / (x1 - x0), 0, 1) * (width - LEFT - RIGHT));
    }

    private int y(double v) {
        return (int) Math.round(height - BOTTOM - Math.clamp((v - y0) / (y1 - y0), 0, 1) * (height - TOP - BOTTOM));
    }

    private void text(int x, int y, String anchor, String text) {
        out.append("<text x=\"").append(x).append("\" y=\"").append(y).append("\" text-anchor=\"").append(anchor).append("\">")
                .append(Html.escape(text)).append("</text>");
    }

    /** Upright strokes from the least to the largest values of even stretches. */
    Svg envelope(float[] least, float[] largest, String style) {
        double stroke = (double) (width - LEFT - RIGHT) / least.length;
        out.append("<path class=\"").append(style).append(String.format(Locale.ROOT, "\" stroke-width=\"%.1f\" d=\"", stroke));
        for (int i = 0; i < least.length; i++) {
            if (Float.isNaN(least[i])) continue;
            int from = y(least[i]), to = y(largest[i]);
            out.append(String.format(Locale.ROOT, "M%.1f %dV%d", LEFT + (i + 0.5) * stroke, from, Math.min(to, from - 1)));
        }
        out.append("\"/>");
        return this;
    }

    /** A line through values at even places from the left end to the right one. */
    Svg line(double[] values, String style) {
        out.append("<path class=\"").append(style).append("\" d=\"");
        for (int i = 0; i < values.length; i++)
            out.append(i == 0 ? 'M' : 'L').append(x(x0 + (x1 - x0) * i / (values.length - 1))).append(' ').append(y(values[i]));
        out.append("\"/>");
        return this;
    }

    /** A filled stretch, the whole height or between two values. */
    Svg box(double fromX, double toX, double fromY, double toY, String style, String title) {
        int left = x(fromX), top = y(toY);
        out.append("<rect class=\"").append(style).append("\" x=\"").append(left).append("\" y=\"").append(top).append("\" width=\"")
                .append(Math.max(1, x(toX) - left)).append("\" height=\"").append(Math.max(1, y(fromY) - top)).append('"');
        out.append(title.isEmpty() ? "/>" : "><title>" + Html.escape(title) + "</title></rect>");
        return this;
    }

    double bottom() {
        return y0;
    }

    double top() {
        return y1;
    }

    String end() {
        return out.append("</svg>").toString();
    }
}
