package dev.imu2clip.cli;

import dev.imu2clip.io.Progress;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** A progress bar on the error stream; silent where that is no terminal. */
final class ProgressLine implements Progress, AutoCloseable {
    private final String task;
    private ProgressBar bar;

    ProgressLine(String task) {
        this.task = task;
    }

    @Override
    public void at(int done, int total, String what) {
        if (System.console() == null || !System.console().isTerminal()) return;
        if (bar == null) bar = new ProgressBarBuilder().setTaskName(task).setInitialMax(total).setStyle(ProgressBarStyle.ASCII).build();
        bar.stepTo(done).setExtraMessage(what);
    }

    @Override
    public void close() {
        if (bar != null) bar.close();
    }
}
