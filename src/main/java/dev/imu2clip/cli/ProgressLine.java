package dev.imu2clip.cli;

import dev.imu2clip.io.Progress;
import java.time.Duration;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** A progress bar on the error stream; silent where that is no terminal. */
final class ProgressLine implements Progress, AutoCloseable {
    private final ProgressBarBuilder builder = new ProgressBarBuilder().setStyle(ProgressBarStyle.ASCII);
    private ProgressBar bar;

    ProgressLine(String task) {
        builder.setTaskName(task);
    }

    /** One that hears of KiB and shows MiB, their rate and the time left. */
    static ProgressLine ofBytes(String task) {
        var line = new ProgressLine(task);
        line.builder.setUnit(" MiB", 1024).showSpeed();
        return line;
    }

    @Override
    public void at(int done, int total, String what) {
        if (System.console() == null || !System.console().isTerminal()) return;
        // What was done before the start says nothing about the speed.
        if (bar == null) bar = builder.setInitialMax(total).startsFrom(done, Duration.ZERO).build();
        bar.stepTo(done).setExtraMessage(what);
    }

    @Override
    public void close() {
        if (bar != null) bar.close();
    }
}
