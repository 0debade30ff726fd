package dev.imu2clip.train;

import dev.imu2clip.clip.TextEncoder;
import dev.imu2clip.data.DataSet;
import dev.imu2clip.data.Modality;
import dev.imu2clip.data.Rejections;
import dev.imu2clip.data.Selection;
import dev.imu2clip.data.Split;
import dev.imu2clip.data.TextIndex;
import dev.imu2clip.data.Window;
import dev.imu2clip.data.WindowTable;
import dev.imu2clip.eval.Embeddings;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import dev.imu2clip.io.Sha256;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.zip.CRC32C;

/**
 * The usable windows of a split with the embeddings of what their motion is aligned with; each distinct text is embedded once. Where the
 * text tower is tuned, {@link #embedTexts} does so again whenever it has changed.
 */
public final class RunWindows {
    /** Windows whose signals are looked at for a fingerprint: enough to notice other units, rates or recordings. */
    private static final int SAMPLED = 1000;

    private final WindowTable windows;
    private final Rejections rejections;
    private final TextIndex index;
    private final List<int[]> tokens;
    private final Map<Modality, Features> features = new EnumMap<>(Modality.class);
    private final String fingerprint;
    private final String targetFingerprint;

    private RunWindows(DataSet data, Selection selection, FrozenEncoders encoders, Progress progress) {
        rejections = selection.rejections();
        windows = embedOthers(data, selection, encoders, progress);
        index = windows.texts();
        TextEncoder texts = encoders.texts();
        tokens = texts == null ? List.of() : index.texts().stream().map(texts::tokens).toList();
        boolean motion = encoders.alignment().has(Modality.IMU);
        fingerprint = motion ? fingerprint(data, windows) : windows.fingerprint();
        targetFingerprint = fingerprint(data, encoders);
    }

    /**
     * Selects a split's windows and embeds them by all frozen encoders but that of texts: {@link #embedTexts} does it where it does not
     * learn. Says how many there are, and why others were skipped.
     */
    static RunWindows of(DataSet data, Split split, FrozenEncoders encoders, Consumer<String> say, Progress progress) {
        RunWindows run = new RunWindows(data, data.select(split, encoders.alignment().modalities()), encoders, progress);
        boolean text = encoders.texts() != null;
        say.accept(String.format(Locale.ROOT, "%-10s %,d windows%s, of %d recordings", split.id(), run.windows.size(),
                text ? String.format(Locale.ROOT, ", %d distinct texts", run.texts().size()) : "", data.split(split).size()));
        run.rejections.summary().forEach(say);
        if (split == Split.TRAINING && text && run.texts().size() == 1)
            say.accept("all training windows have the same text: there is nothing to tell apart, and nothing will be learned");
        return run;
    }

    /** Windows that an encoder cannot embed are left out. */
    private WindowTable embedOthers(DataSet data, Selection selection, FrozenEncoders encoders, Progress progress) {
        WindowTable all = selection.windows();
        Set<Integer> missing = new HashSet<>();
        Map<Modality, float[][]> embedded = new EnumMap<>(Modality.class);
        encoders.others().forEach((modality, encoder) -> embedded.put(modality, encoder.embed(data, all, (window, detail) -> {
            if (missing.add(window))
                rejections.add(modality == Modality.VIDEO ? Rejections.Reason.BAD_VIDEO : Rejections.Reason.MISSING_AUDIO, detail);
        }, (done, total, what) -> progress.at(done, total, what.isEmpty() ? modality + " embedded" : what))));
        int[] kept = IntStream.range(0, all.size()).filter(i -> !missing.contains(i)).toArray();
        if (kept.length == 0)
            throw new InputException(data.folder() + ": no window is left: " + String.join("; ", rejections.summary()));
        embedded.forEach((modality, rows) -> {
            int width = encoders.others().get(modality).width();
            float[] values = new float[Math.multiplyExact(kept.length, width)];
            for (int i = 0; i < kept.length; i++) System.arraycopy(rows[kept[i]], 0, values, i * width, width);
            features.put(modality, new Features(new Embeddings(values, kept.length, width), IntStream.range(0, kept.length).toArray()));
        });
        return kept.length == all.size() ? all : new WindowTable(IntStream.of(kept).mapToObj(all::get).toList());
    }

    /** Embeds the distinct texts. */
    public RunWindows embedTexts(TextEncoder encoder, Progress progress) {
        int texts = texts().size(), width = encoder.width();
        float[][] rows = encoder.embed(texts(), done -> progress.at(done, texts, "texts embedded"));
        float[] all = new float[rows.length * width];
        for (int i = 0; i < rows.length; i++) System.arraycopy(rows[i], 0, all, i * width, width);
        features.put(Modality.TEXT, new Features(new Embeddings(all, rows.length, width), index.ofWindow()));
        return this;
    }

    public WindowTable windows() {
        return windows;
    }

    public Rejections rejections() {
        return rejections;
    }

    /** What the windows are known by beside their motion, as far as it has been embedded. */
    Features features(Modality modality) {
        return features.get(modality);
    }

    /** Distinct texts. */
    public List<String> texts() {
        return index.texts();
    }

    /** The ids of each distinct text, from start to end token. */
    public List<int[]> tokens() {
        return tokens;
    }

    /** The place of each window's text in {@link #texts}. */
    public int[] textOfWindow() {
        return index.ofWindow();
    }

    /** Embeddings of the distinct texts. */
    public Embeddings textEmbeddings() {
        return features.get(Modality.TEXT).rows();
    }

    /** Which windows are right answers to each other when these modalities are matched: those of one text; without text only themselves. */
    int[] groups(Modality source, Modality target) {
        boolean text = source == Modality.TEXT || target == Modality.TEXT;
        return text ? index.ofWindow() : IntStream.range(0, windows.size()).toArray();
    }

    /** Changes with the windows, their texts and labels, and the signals (of up to {@value #SAMPLED} of them). */
    public String fingerprint() {
        return fingerprint;
    }

    /** Changes with what the windows are aligned with: the frozen encoders' weights, the texts' tokens, the videos; the same on every device. */
    public String targetFingerprint() {
        return targetFingerprint;
    }

    private static String fingerprint(DataSet data, WindowTable windows) {
        CRC32C signals = new CRC32C();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment block = arena.allocate(4L * ImuEncoder.CHANNELS * data.samples(windows), 64);
            int step = Math.max(1, windows.size() / SAMPLED);
            for (int i = 0; i < windows.size(); i += step) {
                data.read(windows.get(i), block, 0);
                signals.update(block.asByteBuffer());
            }
        }
        return windows.fingerprint() + String.format(Locale.ROOT, "-%08x", signals.getValue());
    }

    private String fingerprint(DataSet data, FrozenEncoders encoders) {
        MessageDigest digest = Sha256.digest();
        TextEncoder texts = encoders.texts();
        if (texts != null) {
            digest.update(texts.identity().getBytes(StandardCharsets.UTF_8));
            for (String text : index.texts()) {
                int[] ids = texts.tokenizer().encode(text, texts.config().positions(), true);
                ByteBuffer bytes = ByteBuffer.allocate(4 * ids.length).order(ByteOrder.LITTLE_ENDIAN);
                bytes.asIntBuffer().put(ids);
                digest.update(bytes);
            }
        }
        Set<String> uids = new HashSet<>(windows.windows().stream().map(Window::uid).toList());
        List<WindowEncoder> others = new ArrayList<>(encoders.others().values());
        for (WindowEncoder encoder : others) digest.update(encoder.identityOf(data, uids).getBytes(StandardCharsets.UTF_8));
        return HexFormat.of().formatHex(Arrays.copyOf(digest.digest(), 16));
    }
}
