package dev.imu2clip.data.check;

import dev.imu2clip.data.Layout;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import dev.imu2clip.media.ImageMotion;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Looks at one recording: its clock, its channels, what they tell of each other, its film and its windows. */
final class RecordingCheck {
    private static final double FILM_FPS = 10;

    /**
     * What is known of a recording before it is looked at.
     *
     * @param rateHz of its signal
     * @param videoSec length of its video by the metadata, 0 when unknown
     * @param film whether there should be one, {@code sound} the same
     */
    record Known(String uid, double rateHz, double videoSec, boolean film, boolean sound, int windows, List<LostWindow> rejected) {}

    private final Layout layout;
    private final Known known;
    private final boolean measureLag;
    private final List<Finding> findings = new ArrayList<>();
    private ClockCheck clock;
    private List<ChannelCheck> channels;
    private Gravity gravity;
    private Double gyroP99;
    private Turning turning;
    private Double stuckSec;
    private Lag lag;
    private Envelope envelope;

    private RecordingCheck(Layout layout, Known known, boolean measureLag) {
        this.layout = layout;
        this.known = known;
        this.measureLag = measureLag;
    }

    static RecordingReport run(Layout layout, Known known, boolean measureLag) {
        return new RecordingCheck(layout, known, measureLag).run();
    }

    private RecordingReport run() {
        try (Arena arena = Arena.ofConfined()) {
            Signals signals = new Signals(layout, known.uid, arena);
            look(signals);
            look(layout.video(known.uid), signals);
        } catch (Signals.Unusable e) {
            findings.add(e.finding);
        } catch (InternalError e) { // what the JVM throws when a mapped file shrinks
            findings.add(Finding.bad("file-damaged", "Its files changed while they were read"));
        }
        if (known.sound && !Files.exists(layout.audio(known.uid))) findings.add(Finding.warning("sound-missing",
                "There is no sound, others have it"));
        judgeWindows();
        Status status = findings.stream().map(Finding::status).max(Status::compareTo).orElse(Status.OK);
        return new RecordingReport(known.uid, status, List.copyOf(findings), clock, channels, gravity, gyroP99, turning, stuckSec, lag,
                known.windows,
                known.rejected, envelope);
    }

    private void look(Signals signals) {
        clock = ClockCheck.of(signals);
        clock.judge(known.rateHz, findings);
        channels = ChannelCheck.of(signals);
        ChannelCheck.judge(channels, signals.samples, findings);
        int[] stuck = ChannelCheck.stuck(signals);
        double rate = clock.rateHz() > 0 ? clock.rateHz() : known.rateHz;
        stuckSec = Numbers.round(stuck[0] < 2 ? 0 : stuck[0] / rate);
        if (stuckSec > Bounds.STUCK_SEC && !channels.stream().allMatch(ChannelCheck::isConstant))
            findings.add(Finding.warning("stuck", "No channel changes for " + Numbers.of(stuckSec) + " s, from "
                    + Numbers.of(signals.ms(stuck[1]) / 1000) + " s on"));
        Blocks blocks = Blocks.of(signals, rate);
        gravity = isFlat(0) ? null : Gravity.of(blocks);
        if (gravity != null) gravity.judge(findings);
        double[] turns = new double[blocks.means().length];
        Arrays.setAll(turns, b -> blocks.length(b, 3));
        turns = Arrays.stream(turns).filter(Double::isFinite).sorted().toArray();
        gyroP99 = turns.length == 0 ? null : Numbers.round(turns[(int) (0.99 * (turns.length - 1))]);
        if (gravity == null || !gravity.swapped()) { // else the rest would only repeat it
            if (gravity != null && !isFlat(3)) turning = Turning.of(blocks, gravity.length());
            if (turning != null) turning.judgeAxes(findings);
            if (gyroP99 != null) Turning.judgeUnit(turning, gyroP99, findings);
        }
        envelope = Envelope.of(signals);
    }

    private boolean isFlat(int sensor) {
        return channels.subList(sensor, sensor + 3).stream().allMatch(ChannelCheck::isConstant);
    }

    private void look(Path film, Signals signals) {
        double end = clock.lastSec();
        if (known.videoSec > 0 && end < known.videoSec - Bounds.LENGTH_SEC)
            findings.add(Finding.warning("motion-short", "The motion ends at " + Numbers.of(end) + " s, the video at "
                    + Numbers.of(known.videoSec) + " s"));
        if (!Files.exists(film)) {
            if (known.film) findings.add(Finding.warning("film-missing", "There is no film, others have one"));
            return;
        }
        if (!measureLag) return;
        try {
            ImageMotion motion = ImageMotion.of(film, FILM_FPS, Progress.NONE);
            double seconds = (motion.seconds().length + 1) / FILM_FPS;
            double expected = known.videoSec > 0 ? known.videoSec : end;
            if (seconds < expected - Bounds.LENGTH_SEC)
                findings.add(Finding.warning("film-short", "The film ends at " + Numbers.of(seconds) + " s, expected "
                        + Numbers.of(expected) + " s"));
            lag = clock.backwards() + clock.notFinite() > 0 ? Lag.none("the clock runs backwards") : LagEstimate.of(motion, FILM_FPS,
                    signals);
            lag.judge(findings);
        } catch (InputException e) {
            findings.add(Finding.bad("film-damaged", e.getMessage().replace(film.toString(), film.getFileName().toString())));
        }
    }

    private void judgeWindows() {
        int lost = known.rejected.size();
        if (findings.stream().anyMatch(finding -> finding.status() == Status.BAD) || lost == 0) return;
        String most = known.rejected.getFirst().reason();
        if (lost == known.windows) findings.add(Finding.bad("no-window", "None of its " + lost + " windows can be used (" + most + ")"));
        else if (lost > Bounds.LOST_WINDOWS * known.windows)
            findings.add(Finding.warning("windows-lost", lost + " of " + known.windows + " windows cannot be used (the first: " + most
                    + ")"));
    }
}
