package dev.imu2clip.data.ego4d;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.imu2clip.data.Json;
import dev.imu2clip.data.Layout;
import dev.imu2clip.io.InputException;
import dev.imu2clip.media.AudioPreparation;
import dev.imu2clip.media.VideoPreparation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What is to be made: the files that the metadata and the folders agree on. What they do not agree on is skipped. */
final class PreparationPlan {
    static final int FPS = 10, SIZE = 224, AUDIO_HZ = 16_000;
    /** Raised when the same source would be made into something else. */
    private static final String VERSION = "1";

    private final RawEgo4d raw;
    private final Layout layout;
    private final PrepareEgo4d.Options options;
    private final Map<String, Ego4dMetadata.Video> videos;
    private final PreparationLog log;
    private final List<Skip> skipped;

    PreparationPlan(RawEgo4d raw, Layout layout, PrepareEgo4d.Options options, Map<String, Ego4dMetadata.Video> videos, PreparationLog log,
            List<Skip> skipped) {
        this.raw = raw;
        this.layout = layout;
        this.options = options;
        this.videos = videos;
        this.log = log;
        this.skipped = skipped;
    }

    List<PreparationWork> work() {
        List<PreparationWork> imu = new ArrayList<>(), video = new ArrayList<>(), audio = new ArrayList<>();
        refuseUnknown(raw.imu(), "imu");
        if (options.video() || options.audio()) refuseUnknown(raw.videos(), "video");
        for (Ego4dMetadata.Video entry : videos.values()) {
            add(imu, imu(entry));
            if (options.video()) add(video, video(entry));
            if (options.audio() && entry.hasAudio()) add(audio, audio(entry));
        }
        imu.addAll(video); // motion first: it is quick, and much can be done with it alone
        imu.addAll(audio);
        return imu;
    }

    private static void add(List<PreparationWork> list, PreparationWork item) {
        if (item != null) list.add(item);
    }

    private void refuseUnknown(Map<String, Path> files, String what) {
        files.forEach((uid, file) -> {
            if (!videos.containsKey(uid))
                skip(uid, what, Skip.Reason.NOT_IN_METADATA, file + ": ego4d.json has no usable entry of this uid");
        });
    }

    private void skip(String uid, String what, Skip.Reason reason, String detail) {
        skipped.add(new Skip(InputException.printable(uid), what, reason, detail));
    }

    private PreparationWork imu(Ego4dMetadata.Video entry) {
        String uid = entry.uid();
        Path source = raw.imu().get(uid);
        if (!entry.hasImu()) {
            if (source != null) skip(uid, "imu", Skip.Reason.UNEXPECTED_FILE, source + ": has_imu is false");
            return null;
        }
        var settings = new ImuPreparation.Options(options.referenceRate(), options.even());
        Path signal = layout.signal(uid), timestamps = layout.timestamps(uid);
        return item("imu", uid, source, settings + " " + entry.seconds(), List.of(signal, timestamps), 0.2, !raw.imu().isEmpty(), _ -> {
            ImuPreparation.Signal prepared = ImuPreparation.read(source, entry.seconds(), settings);
            prepared.write(signal, timestamps);
            return Json.MAPPER.valueToTree(prepared.report());
        });
    }

    private PreparationWork video(Ego4dMetadata.Video entry) {
        String uid = entry.uid();
        Path source = raw.videos().get(uid), target = layout.video(uid);
        boolean expected = raw.hasVideoFolder() && entry.hasImu() && raw.imu().containsKey(uid);
        return item("video", uid, source, FPS + " fps, " + SIZE, List.of(target), 1, expected, progress -> {
            VideoPreparation.prepare(source, target, FPS, SIZE, progress);
            return told("fps", FPS, "size", SIZE);
        });
    }

    private PreparationWork audio(Ego4dMetadata.Video entry) {
        String uid = entry.uid();
        Path source = raw.videos().get(uid), target = layout.audio(uid);
        return item("audio", uid, source, AUDIO_HZ + " Hz", List.of(target), 0.05, false,
                progress -> AudioPreparation.prepare(source, target, AUDIO_HZ, progress) ? told("rate_hz", AUDIO_HZ, "channels", 1) : null);
    }

    private static JsonNode told(String name, int value, String other, int otherValue) {
        return JsonNodeFactory.instance.objectNode().put(name, value).put(other, otherValue);
    }

    /** @param expected whether it is worth a word when there is no file */
    private PreparationWork item(String kind, String uid, Path source, String settings, List<Path> targets, double weightPerByte,
            boolean expected, PreparationWork.Making making) {
        if (source == null) {
            var before = new PreparationWork(kind, uid, null, "", targets, 0, making);
            if (before.isDone(log.get(kind, uid))) return before; // whoever prepared it may have removed the source since
            if (expected) skip(uid, kind, Skip.Reason.NO_FILE, "no " + kind + " file of " + uid);
            return null;
        }
        try {
            long size = Files.size(source);
            String changed = Files.getLastModifiedTime(source).toString();
            String version = String.join(" ", raw.name(source), Long.toString(size), changed, settings, VERSION);
            return new PreparationWork(kind, uid, source, version, targets, weightPerByte * size, making);
        } catch (IOException e) {
            skip(uid, kind, Skip.Reason.UNUSABLE_FILE, source + ": cannot be read (" + InputException.reason(e) + ")");
            return null;
        }
    }
}
