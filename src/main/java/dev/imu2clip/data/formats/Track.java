package dev.imu2clip.data.formats;

import dev.imu2clip.data.Importer.AccelUnit;
import dev.imu2clip.data.Importer.GyroUnit;
import java.util.Arrays;

/**
 * Samples as a file gives them, before their clock is made even: a time in seconds that never runs backwards, six values (NaN where
 * one is missing), and what is said about them.
 */
final class Track {
    final String uid;
    final String subject;
    final AccelUnit accelUnit;
    final GyroUnit gyroUnit;
    /** Whether samples may be labelled; then those without a text and a label give no windows. */
    final boolean labelled;
    int size;
    double[] seconds = new double[1024];
    final double[][] values = new double[6][1024];
    String[] texts;
    String[] labels;

    Track(String uid, String subject, AccelUnit accelUnit, GyroUnit gyroUnit, boolean labelled) {
        this.uid = uid;
        this.subject = subject;
        this.accelUnit = accelUnit;
        this.gyroUnit = gyroUnit;
        this.labelled = labelled;
        texts = new String[labelled ? 1024 : 0];
        labels = new String[labelled ? 1024 : 0];
    }

    /** @param six accelerometer x y z, gyroscope x y z */
    void add(double time, String text, String label, double... six) {
        if (size == seconds.length) grow(2 * size);
        seconds[size] = time;
        for (int c = 0; c < 6; c++) values[c][size] = six[c];
        if (labelled) {
            texts[size] = text;
            labels[size] = label;
        }
        size++;
    }

    private void grow(int capacity) {
        seconds = Arrays.copyOf(seconds, capacity);
        for (int c = 0; c < 6; c++) values[c] = Arrays.copyOf(values[c], capacity);
        if (!labelled) return;
        texts = Arrays.copyOf(texts, capacity);
        labels = Arrays.copyOf(labels, capacity);
    }

    boolean complete(int i) {
        for (double[] channel : values) if (Double.isNaN(channel[i])) return false;
        return true;
    }

    boolean said(int i) {
        return !texts[i].isEmpty() || !labels[i].isEmpty();
    }

    boolean sameWords(int i, int j) {
        return texts[i].equals(texts[j]) && labels[i].equals(labels[j]);
    }
}
