package dev.imu2clip.data;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * The distinct texts of some windows, so that each is embedded once.
 *
 * @param texts distinct texts in order of first appearance
 * @param ofWindow for every window the place of its text in {@code texts}
 */
public record TextIndex(List<String> texts, int[] ofWindow) {
    /** Index of {@code Window::text} or {@code Window::label}. */
    public static TextIndex of(List<Window> windows, Function<Window, String> text) {
        Map<String, Integer> places = new LinkedHashMap<>();
        int[] ofWindow = new int[windows.size()];
        for (int i = 0; i < ofWindow.length; i++) {
            Integer known = places.putIfAbsent(text.apply(windows.get(i)), places.size());
            ofWindow[i] = known == null ? places.size() - 1 : known;
        }
        return new TextIndex(List.copyOf(new ArrayList<>(places.keySet())), ofWindow);
    }
}
