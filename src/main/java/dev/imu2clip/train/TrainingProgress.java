package dev.imu2clip.train;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * Shows an epoch's way: on a terminal a bar with loss, temperature, windows per second and the time left in the epoch; elsewhere
 * (a log, a pipe) nothing until {@link #epochDone}, which writes one line in both cases.
 */
public final class TrainingProgress implements AutoCloseable {
    /** Where there is no bar, a line now and then shows that something happens. */
    private static final long SILENCE_NANOS = 30_000_000_000L;

    private final PrintStream out;
    private final boolean terminal;
    private final int epochs;
    private ProgressBar bar;
    private long windows;
    private long started;
    private long latest;
    private long said;

    /** Shows on standard error, so that standard output stays clean for results. */
    public static TrainingProgress create(int epochs) {
        boolean terminal = System.console() != null && System.console().isTerminal() && System.getenv("CI") == null;
        return new TrainingProgress(System.err, terminal, epochs);
    }

    TrainingProgress(PrintStream out, boolean terminal, int epochs) {
        this.out = out;
        this.terminal = terminal;
        this.epochs = epochs;
    }

    /** @param epoch counts from 1; @param stepsDone more than 0 where a run continues inside an epoch */
    public void epochStarts(int epoch, long steps, long stepsDone) {
        closeBar();
        windows = 0;
        started = latest = said = System.nanoTime();
        if (!terminal) return;
        boolean unicode = out.charset().equals(StandardCharsets.UTF_8);
        bar = new ProgressBarBuilder().setTaskName("epoch " + epoch + "/" + epochs).setInitialMax(steps).setUpdateIntervalMillis(200)
                .setStyle(unicode ? ProgressBarStyle.UNICODE_BLOCK : ProgressBarStyle.ASCII).clearDisplayOnFinish()
                .startsFrom(stepsDone, Duration.ZERO).setEtaFunction(state -> eta(state.getStart(), state.getCurrent(), state.getMax()))
                .setConsumer(new ConsoleProgressBarConsumer(out)).build();
    }

    public void step(int windowsInStep, double loss, double temperature) {
        windows += windowsInStep;
        latest = System.nanoTime();
        if (bar == null) {
            if (latest - said < SILENCE_NANOS) return;
            said = latest;
            out.printf(Locale.ROOT, "  loss %.4f, temperature %.4f, %.0f windows/s%n", loss, temperature, rate());
            return;
        }
        bar.setExtraMessage(String.format(Locale.ROOT, " loss %.3f, T %.3f, %.0f win/s", loss, temperature, rate()));
        bar.step();
    }

    /** For instance {@code epoch 3/30: train loss 3.1415, val loss 2.7183, temperature 0.0712, 412 windows/s, 0:14}. */
    public void epochDone(int epoch, double trainLoss, double validationLoss, double temperature) {
        closeBar();
        long seconds = Math.round((System.nanoTime() - started) / 1e9);
        out.printf(Locale.ROOT, "epoch %d/%d: train loss %.4f, val loss %.4f, temperature %.4f, %.0f windows/s, %s%n", epoch, epochs,
                trainLoss, validationLoss, temperature, rate(), time(seconds));
    }

    @Override
    public void close() {
        closeBar();
    }

    /** Of training alone: the clock stands at the last step. */
    private double rate() {
        return windows / Math.max(1e-9, (latest - started) / 1e9);
    }

    private Optional<Duration> eta(long start, long current, long max) {
        if (current <= start) return Optional.empty();
        return Optional.of(Duration.ofNanos((long) ((System.nanoTime() - started) / (double) (current - start) * (max - current))));
    }

    static String time(long seconds) {
        return seconds < 3600 ? "%d:%02d".formatted(seconds / 60, seconds % 60)
                : "%d:%02d:%02d".formatted(seconds / 3600, seconds / 60 % 60, seconds % 60);
    }

    private void closeBar() {
        if (bar != null) bar.close();
        bar = null;
    }
}
