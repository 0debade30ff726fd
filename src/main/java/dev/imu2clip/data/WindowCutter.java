package dev.imu2clip.data;

import java.util.ArrayList;
import java.util.List;

/**
 * Cuts spans into windows: as many whole windows side by side as a span and the recording hold, from its beginning. A span that is
 * shorter than a window but lasts at least {@code minSpanSec} gives one window centred on it, if that lies in the recording.
 */
record WindowCutter(double windowSec, double minSpanSec) {
    private static final double EPSILON = 1e-6; // times are sample counts over rates: allow for their rounding

    List<Window> cut(String uid, List<Importer.Span> spans, double recordingSec) {
        List<Window> windows = new ArrayList<>();
        for (Importer.Span span : spans) {
            double length = span.end() - span.start();
            int whole = (int) Math.floor(length / windowSec + EPSILON);
            for (int i = 0; i < whole; i++) windows.add(window(uid, span.start() + i * windowSec, span));
            while (!windows.isEmpty() && windows.getLast().end() > recordingSec) windows.removeLast();
            double centred = (span.start() + span.end() - windowSec) / 2;
            if (whole == 0 && length >= minSpanSec - EPSILON && centred >= 0 && centred + windowSec <= recordingSec)
                windows.add(window(uid, centred, span));
        }
        return windows;
    }

    private Window window(String uid, double start, Importer.Span span) {
        double rounded = Math.round(start * 1000) / 1000.0;
        return new Window(uid, rounded, Math.round((rounded + windowSec) * 1000) / 1000.0, span.text(), span.label());
    }
}
