package dev.imu2clip.data;

import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Turns what an {@link Importer} finds into a prepared data set: units, rate, windows, splits, files. */
public final class ImportJob {
    /**
     * @param windowSec length of a window
     * @param minSpanSec a labelled span shorter than a window but at least this long gives one window centred on it
     * @param seed of the split
     * @param overwrite replace a data set in the target folder
     */
    public record Options(double windowSec, double minSpanSec, long seed, boolean overwrite) {
        public static final Options DEFAULT = new Options(5, 2, 0, false);

        public Options {
            if (!(windowSec >= 0.1 && windowSec <= 600))
                throw new InputException("the window length must lie in 0.1 .. 600 s, not " + windowSec);
            if (!(minSpanSec > 0)) throw new InputException("the shortest labelled span must be above 0 s, not " + minSpanSec);
        }
    }

    private ImportJob() {}

    /** @throws InputException when the source is not what the importer reads, or the target cannot be written */
    public static PreparedSummary run(Importer importer, Path source, Path target, Options options, Progress progress) {
        List<Importer.Raw> sources = importer.recordings(source);
        DataSetWriter writer = new DataSetWriter(target, options.overwrite);
        WindowCutter cutter = new WindowCutter(options.windowSec, options.minSpanSec);
        List<Window> windows = new ArrayList<>();
        List<String> notes = new ArrayList<>();
        for (int i = 0; i < sources.size(); i++) {
            Importer.Raw raw = sources.get(i);
            progress.at(i, sources.size(), raw.source());
            for (Importer.Signal signal : raw.read().get()) {
                float[][] prepared = prepare(raw.source(), signal);
                writer.add(signal.uid(), signal.subject(), raw.source(), prepared);
                int number = i;
                signal.video().ifPresent(film -> writer.addVideo(signal.uid(), film, (done, total, what) -> progress.at(number,
                        sources.size(), what + ", film " + done + " of " + total + " s")));
                // The last sample's time: a window that ends later would be refused.
                double seconds = (prepared[0].length - 1.0) / DataSetInfo.RATE_HZ;
                windows.addAll(cutter.cut(signal.uid(), signal.spans(), seconds));
                for (String note : signal.notes()) notes.add(signal.uid() + ": " + note);
            }
        }
        progress.at(sources.size(), sources.size(), "splits");
        if (windows.isEmpty())
            throw InputException.in(source, "no recording has a span as long as a window of " + options.windowSec + " s",
                    "Choose a shorter --window-sec");
        var splits = SubjectSplit.of(writer.recordings(), windows, options.seed);
        writer.finish(info(importer, options), windows, splits);
        return PreparedSummary.of(writer.recordings(), windows, splits, notes);
    }

    /** To m/s² and rad/s at our rate. */
    private static float[][] prepare(String source, Importer.Signal signal) {
        float[][] si = new float[Recording.CHANNELS][];
        for (int c = 0; c < Recording.CHANNELS; c++) {
            double factor = c < 3 ? signal.accelUnit().factor : signal.gyroUnit().factor;
            si[c] = signal.channels()[c].clone();
            for (int i = 0; i < si[c].length; i++) si[c][i] = (float) (si[c][i] * factor);
        }
        SignalCheck.check(source, signal, si);
        Resampler resampler = Resampler.of(signal.rateHz(), DataSetInfo.RATE_HZ);
        for (int c = 0; c < Recording.CHANNELS; c++) si[c] = resampler.apply(si[c]);
        return si;
    }

    private static DataSetInfo info(Importer importer, Options options) {
        Map<String, Object> creation = new LinkedHashMap<>();
        creation.put("command", "import " + importer.name());
        creation.putAll(importer.settings());
        creation.put("window_sec", options.windowSec);
        creation.put("min_span_sec", options.minSpanSec);
        creation.put("seed", options.seed);
        Importer.Source about = importer.about();
        return new DataSetInfo(importer.name(), about.title(), about.licence(), about.citation(), options.windowSec, creation);
    }
}
